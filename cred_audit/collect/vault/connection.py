"""One request and its answer, over connections that stay open.

An adapter of hvac that keeps its own pool: hvac's usual one spends four times the processor time of the
standard library on each request, and a server has tens of thousands of objects to read.
"""

import http.client
import socket
import ssl
import time
from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import Any
from urllib.parse import unquote

import hvac.adapters
import msgspec

from cred_audit.collect.vault.settings import Settings

LARGEST = 64 * 1024 * 1024
"""Bytes of one answer that are read at most."""
_PIECE = 1024 * 1024
_PATIENCE = 4
"""An answer may trickle in for this many times the timeout."""


class TooLargeError(Exception):
    """The answer is larger than any that is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the server answered."""

    status: int
    body: bytes
    headers: Mapping[str, str]


class PooledAdapter(hvac.adapters.RawAdapter):
    """Sends requests over as many open connections as there are threads that send."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(base_uri=settings.address, token=settings.token, timeout=int(settings.timeout) or 1)
        self._settings = settings
        self._idle: list[http.client.HTTPConnection] = []
        self._busy: set[http.client.HTTPConnection] = set()
        self._lock = Lock()
        self._closed = False

    def request(  # type: ignore[override]
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        raise_exception: bool = True,  # noqa: FBT002  (hvac's signature)
        **kwargs: Any,
    ) -> Reply:
        """Send one request; `json` is its body. Raises OSError, HTTPException and TooLargeError; statuses never."""
        del raise_exception
        sent = {"X-Vault-Request": "true", **(headers or {})}
        if self.token and "X-Vault-Token" not in sent:
            sent["X-Vault-Token"] = self.token
        body = None
        if (content := kwargs.get("json")) is not None:
            body = msgspec.json.encode(content)
            sent["Content-Type"] = "application/json"
        path = f"{self._settings.url.path}/{url.lstrip('/')}"
        connection, used = self._take()
        try:
            try:
                return self._exchange(connection, method, path, body, sent)
            except (http.client.RemoteDisconnected, ConnectionError, BrokenPipeError):
                if not used or self._closed:
                    raise
                # The server closed an idle connection: a fresh one tells whether it is still there.
                connection.close()
                return self._exchange(connection, method, path, body, sent)
        except BaseException:
            connection.close()
            raise
        finally:
            self._give(connection)

    def close(self) -> None:
        """Close every connection, so that threads which wait for an answer stop waiting."""
        with self._lock:
            self._closed = True
            connections = [*self._idle, *self._busy]
            self._idle.clear()
        for connection in connections:
            # Closing alone would not wake a thread that waits for an answer.
            with suppress(OSError, AttributeError):
                connection.sock.shutdown(socket.SHUT_RDWR)
            connection.close()
        super().close()

    def _take(self) -> tuple[http.client.HTTPConnection, bool]:
        with self._lock:
            if self._closed:
                raise ConnectionAbortedError("stopped")
            connection = self._idle.pop() if self._idle else self._new()
            self._busy.add(connection)
        return connection, connection.sock is not None

    def _give(self, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            self._busy.discard(connection)
            if not self._closed:
                self._idle.append(connection)

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
    ) -> Reply:
        connection.request(method, path, body=body, headers=dict(headers))
        answer = connection.getresponse()
        if (answer.length or 0) > LARGEST:
            raise TooLargeError
        content = answer.read() if answer.length is not None and answer.length <= _PIECE else self._pieces(answer)
        if answer.will_close:
            connection.close()
        return Reply(status=answer.status, body=content, headers=dict(answer.headers))

    def _pieces(self, answer: http.client.HTTPResponse) -> bytes:
        until = time.monotonic() + _PATIENCE * self._settings.timeout
        pieces: list[bytes] = []
        size = 0
        while piece := answer.read1(_PIECE):
            pieces.append(piece)
            size += len(piece)
            if size > LARGEST:
                raise TooLargeError
            if time.monotonic() > until:
                raise TimeoutError
        if answer.length:
            raise http.client.IncompleteRead(b"", answer.length)
        return b"".join(pieces)

    def _new(self) -> http.client.HTTPConnection:
        settings = self._settings
        server = (settings.url.hostname or "", settings.url.port)
        via = (settings.proxy.hostname or "", settings.proxy.port) if settings.proxy is not None else server
        if settings.tls is None:
            # The path of a request through a plain proxy would have to be a whole URL; a tunnel does as well.
            connection = http.client.HTTPConnection(*via, timeout=settings.timeout)
        else:
            connection = _Secure(via, settings.tls, settings.server_name or server[0], settings.timeout)
        if settings.proxy is not None:
            port = server[1] or (80 if settings.tls is None else 443)
            connection.set_tunnel(server[0], port, headers=_proxy_login(settings))
        return connection


class _Secure(http.client.HTTPSConnection):
    """A TLS connection whose certificate may carry another name than the host's."""

    def __init__(self, via: tuple[str, int | None], tls: ssl.SSLContext, name: str, timeout: float) -> None:
        super().__init__(*via, timeout=timeout, context=tls)
        self._tls = tls
        self._name = name

    def connect(self) -> None:
        """Connect, through the proxy where there is one, and greet under the name that is expected."""
        http.client.HTTPConnection.connect(self)
        try:
            self.sock = self._tls.wrap_socket(self.sock, server_hostname=self._name)
        except BaseException:
            self.close()
            raise


def _proxy_login(settings: Settings) -> dict[str, str]:
    proxy = settings.proxy
    if proxy is None or not proxy.username:
        return {}
    login = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {b64encode(login.encode()).decode()}"}
