"""A client for bulk comparison: many requests on one connection, sent exactly as written, answered in order."""

import contextlib
import json
import re
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cred_audit.demo.server import RunningServer

_TIMEOUT = 60.0
_UNREADABLE = re.compile(r"%(?![0-9a-fA-F]{2})|[\x00-\x20]")
BATCH = 64
"""Requests that are on their way at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One request; the path is sent as it is."""

    method: str
    path: str
    namespace: str = ""
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    token: str = ""


@dataclass(frozen=True, slots=True)
class Got:
    """One answer."""

    status: int
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


class WireClient:
    """One kept connection to one server."""

    def __init__(self, server: RunningServer) -> None:
        self.token = server.token
        host, _, port = server.address.removeprefix("http://").partition(":")
        self.where = (host, int(port))
        self.socket: socket.socket | None = None
        self.buffer = b""

    def ask(self, method: str, path: str, body: Any = None, *, namespace: str = "", token: str = "") -> Got:
        return self.send([Sent(method=method, path=path, body=body, namespace=namespace, token=token)])[0]

    def send(self, requests: Iterable[Sent]) -> list[Got]:
        """Send many, a batch at a time."""
        found: list[Got] = []
        batch: list[Sent] = []
        for request in requests:
            # The server hangs up on what it cannot read, and what is on its way behind that is lost.
            alone = _UNREADABLE.search(request.path) is not None
            if batch and (alone or len(batch) == BATCH):
                found += self._batch(batch)
                batch = []
            batch.append(request)
            if alone:
                found += self._batch(batch)
                batch = []
        return found + (self._batch(batch) if batch else [])

    def _batch(self, batch: list[Sent]) -> list[Got]:
        found: list[Got] = []
        failed = -1
        while len(found) < len(batch):
            # After a hang-up the rest is sent once more, the first of it alone.
            rest = batch[len(found) :] if failed < len(found) else [batch[len(found)]]
            link = self._link()
            with contextlib.suppress(ConnectionError):
                link.sendall(b"".join(map(self._bytes, rest)))
            for request in rest:
                try:
                    answer, closes = self._read(request.method)
                except ConnectionError:
                    self.close()
                    if failed == len(found):
                        # A request that makes the server's handler fail is not answered at all.
                        found.append(Got(0, "the server hung up"))
                    else:
                        failed = len(found)
                    break
                found.append(answer)
                if closes:
                    self.close()
                    break
        return found

    def close(self) -> None:
        if self.socket is not None:
            self.socket.close()
            self.socket = None
            self.buffer = b""

    def _link(self) -> socket.socket:
        if self.socket is None:
            self.socket = socket.create_connection(self.where, timeout=_TIMEOUT)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.socket

    def _bytes(self, request: Sent) -> bytes:
        lines = [
            f"{request.method} /v1/{request.path} HTTP/1.1",
            "Host: x",
            f"X-Vault-Token: {request.token or self.token}",
        ]
        if request.namespace:
            lines.append(f"X-Vault-Namespace: {request.namespace}")
        lines += [f"{name}: {value}" for name, value in request.headers.items()]
        body = b"" if request.body is None else json.dumps(request.body).encode()
        if body or request.method in ("POST", "PUT", "PATCH"):
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + body

    def _read(self, method: str) -> tuple[Got, bool]:
        head = self._until(b"\r\n\r\n").decode("latin-1")
        first, *fields = head.split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in fields if ": " in line)
        status = int(first.split(" ")[1])
        body = b""
        if method != "HEAD" and status not in (204, 304):
            if headers.get("transfer-encoding") == "chunked":
                body = self._chunks()
            elif "content-length" in headers:
                body = self._exactly(int(headers["content-length"]))
            else:
                body = self._rest()
        closes = headers.get("connection") == "close" or first.startswith("HTTP/1.0")
        return Got(status, body.decode("utf-8", "replace")), closes

    def _more(self) -> bytes:
        data = self._link().recv(1 << 18)
        if not data:
            raise ConnectionError("the server closed the connection")
        return data

    def _until(self, mark: bytes) -> bytes:
        while (end := self.buffer.find(mark)) < 0:
            self.buffer += self._more()
        found, self.buffer = self.buffer[:end], self.buffer[end + len(mark) :]
        return found

    def _exactly(self, size: int) -> bytes:
        while len(self.buffer) < size:
            self.buffer += self._more()
        found, self.buffer = self.buffer[:size], self.buffer[size:]
        return found

    def _chunks(self) -> bytes:
        found = b""
        while size := int(self._until(b"\r\n"), 16):
            found += self._exactly(size)
            self._exactly(2)
        self._until(b"\r\n")
        return found

    def _rest(self) -> bytes:
        found = self.buffer
        self.buffer = b""
        with contextlib.suppress(ConnectionResetError):
            while data := self._link().recv(1 << 16):
                found += data
        return found
