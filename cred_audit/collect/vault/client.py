"""Ask the server, patiently and politely: retries, rate limits, many calls at once, and what a refusal means."""

import http.client
import random
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self, TypeVar
from urllib.parse import quote

import msgspec

from cred_audit.collect.vault.connection import LARGEST, PooledAdapter, Reply, TooLargeError
from cred_audit.collect.vault.settings import Settings

CONCURRENCY = 16
"""Calls that are under way at the same time."""
_BUSY_TRIES = 12
"""How often a call that meets a rate limit (429) is sent."""
_FAILED_TRIES = 3
"""How often a call that breaks, or that the server fails on (5xx), is sent."""
_LONGEST_PAUSE = 60.0
"""Seconds; whatever `Retry-After` says."""
_GIVE_UP = 24
"""Calls in a row without any answer after which the server counts as gone."""
_SHOWN = 200
_RETRIED = frozenset({408, 412, 425, 500, 502, 503, 504})

Item = TypeVar("Item")
Result = TypeVar("Result")


class Call(NamedTuple):
    """One read-only call."""

    namespace: str
    """With its trailing slash; empty for the root namespace."""
    verb: str
    """GET, LIST, SCAN, or POST for the look-ups that take a body and change nothing."""
    path: str
    """After /v1/, without the namespace, not encoded."""
    body: tuple[tuple[str, Any], ...] = ()
    token: str = ""
    """Another token than the collector's own."""
    query: str = ""

    def __repr__(self) -> str:
        """Show what is asked for; neither body nor token."""
        return f"{self.verb} {self.namespace}{self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of a call."""

    status: int
    """HTTP status; 0 when there was no answer."""
    data: Mapping[str, Any] | None = None
    """The answer's `data`, or the whole answer where it has none; None when nothing was seen."""
    reason: str = ""
    """Why nothing was seen; empty when something was."""
    absent: bool = False
    """The server says that there is no such thing, or that it has no such call."""

    @property
    def names(self) -> tuple[str, ...] | None:
        """What a LIST names, sorted; empty when there is nothing; None when it was not seen."""
        if self.absent:
            return ()
        if self.data is None:
            return None
        keys = self.data.get("keys")
        return tuple(sorted({key for key in keys if isinstance(key, str)})) if isinstance(keys, list) else ()


class Client:
    """A read-only client of one server. Safe to use from many threads."""

    def __init__(self, settings: Settings, *, concurrency: int = CONCURRENCY) -> None:
        self.settings = settings
        self.concurrency = concurrency
        self.denied = False
        """Whether any call was answered with 403."""
        self._adapter = PooledAdapter(settings)
        self._stop = threading.Event()
        self._not_before = 0.0
        """Monotonic time before which no call is sent, since the server asked for a pause."""
        self._silent = 0
        """Calls in a row that got no answer."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop everything that is under way."""
        self._stop.set()
        self._adapter.close()

    def redirected(self, location: str) -> bool:
        """Go on at the server that a standby node names; only over a connection that is no less safe."""
        from cred_audit.collect.vault.settings import server_url  # noqa: PLC0415  (rare)

        url = server_url(location)
        if url is None or (self.settings.tls is not None and url.scheme != "https"):
            return False
        if self.settings.tls is None and url.scheme == "https":
            return False
        self._adapter.close()
        self.settings = replace(self.settings, url=url)
        self._adapter = PooledAdapter(self.settings)
        return True

    def ask(self, call: Call) -> Answer:
        """Send one call and say what came of it; never raises for what the network or the server does."""
        try:
            return _answer(call, self.send(call))
        except Exception as error:  # noqa: BLE001  (whatever a hostile or broken server provokes is an answer not seen)
            return Answer(status=0, reason=explain(error))

    def send(self, call: Call) -> Reply:
        """Send one call, again where that may help. Raises what the last try raised."""
        busy = failed = 0
        while True:
            self._pause()
            try:
                reply = self._once(call)
            except (OSError, http.client.HTTPException) as error:
                self._silent += 1
                failed += 1
                if failed >= _FAILED_TRIES or self._silent >= _GIVE_UP or not _may_pass(error):
                    raise
                self._stop.wait(_wait(failed))
                continue
            self._silent = 0
            if reply.status == 429 and busy < _BUSY_TRIES:
                busy += 1
                self._not_before = max(self._not_before, time.monotonic() + _asked_pause(reply, busy))
            elif reply.status in _RETRIED and failed + 1 < _FAILED_TRIES and not _deliberate(reply):
                failed += 1
                self._stop.wait(_wait(failed))
            else:
                return reply

    def each(
        self, items: Sequence[Item], work: Callable[[Item], Result], done: Callable[[int], None] | None = None
    ) -> list[Result]:
        """Return the result for each item, in order, many at a time; `done` hears how many are through."""
        results: list[Any] = [None] * len(items)
        source: Iterator[tuple[int, Item]] = iter(enumerate(items))
        count = [0]

        def drain() -> None:
            # next() of an enumerate is one step of the interpreter, so the threads share it without a lock.
            for index, item in source:
                if self._stop.is_set():
                    return
                results[index] = work(item)
                count[0] += 1

        with ThreadPoolExecutor(min(self.concurrency, max(1, len(items))), "collect") as pool:
            futures = [pool.submit(drain) for _ in range(min(self.concurrency, len(items)))]
            try:
                while wait(futures, timeout=0.1, return_when=FIRST_EXCEPTION).not_done:
                    if done is not None:
                        done(count[0])
                    for future in futures:
                        if future.done():
                            future.result()
                for future in futures:
                    future.result()
            except BaseException:
                self.close()
                raise
        if done is not None:
            done(len(items))
        return results

    def _once(self, call: Call) -> Reply:
        if self._silent >= _GIVE_UP:
            raise ConnectionAbortedError(f"the server has stopped answering; {_GIVE_UP} calls in a row got none")
        headers = {}
        if call.namespace:
            # Headers go out as latin-1: this sends the bytes of UTF-8, which is what the server reads names as.
            headers["X-Vault-Namespace"] = call.namespace.rstrip("/").encode("utf-8", "replace").decode("latin-1")
        if call.token:
            headers["X-Vault-Token"] = call.token
        reply = self._adapter.request(
            call.verb, _wire(call), headers=headers, json=dict(call.body) if call.body else None
        )
        if reply.status == 403:
            self.denied = True
        return reply

    def _pause(self) -> None:
        while (left := self._not_before - time.monotonic()) > 0:
            # Spread out, so that the calls which waited together do not come back together.
            if self._stop.wait(min(left, _LONGEST_PAUSE) + random.uniform(0, 0.05)):  # noqa: S311  (no secret)
                break
        if self._stop.is_set():
            raise ConnectionAbortedError("stopped")


def many(namespace: str, verb: str, paths: Iterable[str]) -> list[Call]:
    """Return the same call on many paths."""
    return [Call(namespace, verb, path) for path in paths]


def _wire(call: Call) -> str:
    """Percent-encode a path; where the server would tidy slashes away, they are encoded too."""
    segments = call.path.rstrip("/").split("/")
    if any(segment in ("", ".", "..") for segment in segments) and not call.path.endswith("/"):
        encoded = quote(call.path, safe="")
    else:
        encoded = quote(call.path, safe="/")
    return f"v1/{encoded}?{call.query}" if call.query else f"v1/{encoded}"


def _may_pass(error: Exception) -> bool:
    """Whether the same call may get through in a moment."""
    lasting = isinstance(error, socket.gaierror | ssl.SSLCertVerificationError | TimeoutError)
    return not (lasting or (isinstance(error, ConnectionAbortedError) and bool(error.args)))


def _wait(tries: int) -> float:
    return float(min(5.0, 0.1 * 2**tries) * random.uniform(0.75, 1.25))  # noqa: S311  (no secret)


def _asked_pause(reply: Reply, tries: int) -> float:
    text = reply.headers.get("Retry-After") or ""
    if text.strip().isdigit() and len(text) < 9:
        return min(float(text), _LONGEST_PAUSE)
    return _wait(tries)


def _deliberate(reply: Reply) -> bool:
    """Whether an answer 5xx says something that will not change by asking again."""
    return b"sealed" in reply.body[:500] or b"not initialized" in reply.body[:500]


def _answer(call: Call, reply: Reply) -> Answer:
    status = reply.status
    try:
        content = msgspec.json.decode(reply.body) if reply.body else {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        kind = "HTML" if b"<html" in reply.body[:2000].lower() else "not JSON"
        return Answer(status=status, reason=f"the answer (status {status}) is {kind}, so it is not from Vault's API")
    if not isinstance(content, dict):
        return Answer(status=status, reason=f"the answer (status {status}) is no JSON object")
    if status == 204:
        return Answer(status=status, absent=True, reason="there is no such thing")
    if status == 200:
        return _told(call, content)
    said = _said(content)
    listed = isinstance(content.get("errors"), list)
    if status == 404 and not said and listed:
        # For a list this is the way to say that it is empty.
        return Answer(status=status, absent=True, reason="there is no such thing")
    if (status == 404 and listed and "namespace not found" not in said) or (status == 405 and "unsupported" in said):
        return Answer(status=status, absent=True, reason=f"the server has no such call: {said}")
    return Answer(status=status, reason=_refusal(call, status, said))


def _told(call: Call, content: Mapping[str, Any]) -> Answer:
    """Return what a 200 says. A real server's empty list is a 404, so a list without names is not an empty one."""
    data = content.get("data", content)
    if not isinstance(data, dict) or not content:
        return Answer(
            status=200, reason="the answer (status 200) holds nothing; is something between us and the server?"
        )
    if call.verb in ("LIST", "SCAN"):
        keys = data.get("keys")
        if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
            return Answer(status=200, reason="the answer (status 200) is no list of names")
    return Answer(status=200, data=data)


def _said(content: Mapping[str, Any]) -> str:
    """Return the server's own words, bounded, in one line."""
    errors = content.get("errors")
    if not isinstance(errors, list):
        return ""
    text = "; ".join(error for error in errors[:5] if isinstance(error, str))
    text = text.replace("1 error occurred:", "").replace("* ", "")
    return "".join(letter if letter.isprintable() else " " for letter in " ".join(text.split())[:_SHOWN]).strip()


def _refusal(call: Call, status: int, said: str) -> str:
    if "invalid accessor" in said:
        return said
    if status == 403:
        return f"permission denied; the token's policy needs: {permission(call)}"
    if status == 429:
        return f"the server's rate limit let no call through in {_BUSY_TRIES + 1} tries; collect when it is less busy"
    if 300 <= status < 400:
        return f"the server redirects (status {status}); give the address of the active node"
    words = f": {said}" if said else ""
    return f"the server answered {status}{words}"


def permission(call: Call) -> str:
    """Return the line of a policy that lets a call through."""
    capabilities = {"GET": ["read"], "LIST": ["list"], "SCAN": ["scan"]}.get(call.verb, ["update"])
    if call.path.startswith(("auth/token/accessors", "sys/leases/lookup/", "sys/audit", "sys/config/auditing")):
        capabilities.append("sudo")
    names = ", ".join(f'"{capability}"' for capability in capabilities)
    path = (call.namespace + call.path).replace("\\", "\\\\").replace('"', '\\"')
    return f'path "{path}" {{ capabilities = [{names}] }}'


def explain(error: Exception) -> str:
    """Return why a call got no answer, in words that say what to do; never a token or a body."""
    if isinstance(error, TooLargeError):
        return f"the answer is larger than {LARGEST // 2**20} MiB"
    if isinstance(error, TimeoutError):
        return "no answer within the timeout; raise vault.timeout in the target or VAULT_CLIENT_TIMEOUT"
    if isinstance(error, ssl.SSLCertVerificationError):
        return _certificate(error)
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({(error.reason or 'no reason given')[:80]}); is this an https address with a TLS listener?"
    if isinstance(error, socket.gaierror):
        return "the host name is not known; check the address"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there (connection refused); check the address and whether the server runs"
    if isinstance(error, ConnectionAbortedError) and error.args:
        return str(error.args[0])
    if isinstance(error, http.client.RemoteDisconnected | ConnectionError):
        return "the connection was closed before an answer came"
    if isinstance(error, http.client.HTTPException):
        return f"the answer is not HTTP as Vault speaks it ({type(error).__name__})"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return f"the call failed with {type(error).__name__}"


def _certificate(error: ssl.SSLCertVerificationError) -> str:
    said = error.verify_message.strip().rstrip(".")[:_SHOWN]
    if "mismatch" in said.lower():
        return f"the server's certificate is for another name ({said}); use that name or set VAULT_TLS_SERVER_NAME"
    if error.verify_code in (18, 19, 20, 21):
        return f"the server's certificate is not trusted ({said}); set vault.ca_cert or VAULT_CACERT to its CA"
    return f"the server's certificate is not accepted: {said}"
