"""A server between the collector and the AWS emulator that refuses, garbles or changes what a test names."""

import contextlib
import http.client
import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

_SCOPE = re.compile(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request as it arrived."""

    operation: str
    """`ListSecrets`."""
    service: str
    region: str
    number: int
    """How often this operation was asked for, this time included."""
    body: bytes
    headers: Mapping[str, str]
    query: bool
    """Whether the service speaks XML."""


Reply = tuple[int, bytes]
Fault = Callable[[Asked], Reply | None]
"""Answers in place of the emulator; None lets the request through."""


def refused(code: str, message: str = "no", status: int = 400) -> Fault:
    """Refuse with an error code."""
    return lambda asked: refusal(asked, code, message, status)


def refusal(asked: Asked, code: str, message: str = "no", status: int = 400) -> Reply:
    """Return an error as the service of this request writes it."""
    if asked.query:
        error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
        return status, f"<ErrorResponse>{error}<RequestId>1</RequestId></ErrorResponse>".encode()
    return status, json.dumps({"__type": code, "message": message}).encode()


DENIED = refused("AccessDeniedException", "User is not authorized")


class Between:
    """The running server: its address, and how often each operation was asked for."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: Counter[str] = Counter()


@contextlib.contextmanager
def between(upstream: str, faults: Mapping[str, Fault]) -> Iterator[Between]:
    """Serve on loopback in front of `upstream`. `faults`: operation, or `*` for every one -> what happens to it."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            scope = _SCOPE.search(self.headers.get("Authorization") or "")
            service, region = (scope.group(3), scope.group(2)) if scope else ("", "")
            query = service in ("iam", "sts")
            operation = _operation(self.headers.get("X-Amz-Target"), body if query else b"")
            with lock:
                running.asked[operation] += 1
                number = running.asked[operation]
            asked = Asked(
                operation=operation, service=service, region=region, number=number, body=body,
                headers=dict(self.headers), query=query,
            )  # fmt: skip
            fault = faults.get(operation) or faults.get("*")
            reply = fault(asked) if fault is not None else None
            status, content = reply if reply is not None else self.forward(body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = handle_any  # noqa: N815  (http.server's names)

        def forward(self, body: bytes) -> Reply:
            connection = http.client.HTTPConnection(urlsplit(upstream).netloc, timeout=30)
            try:
                connection.request(self.command, self.path, body=body, headers=dict(self.headers))
                answer = connection.getresponse()
                return answer.status, answer.read()
            finally:
                connection.close()

        def log_message(self, *_: object) -> None:
            return

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            return

    server = Quiet(("127.0.0.1", 0), Handler)
    running = Between(f"http://127.0.0.1:{server.server_address[1]}")
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield running
    finally:
        server.shutdown()
        server.server_close()


def _operation(target: str | None, form: bytes) -> str:
    if target is not None:
        return target.rpartition(".")[2]
    action = parse_qs(form.decode()).get("Action")
    return action[0] if action else "GetFunctionConfiguration"
