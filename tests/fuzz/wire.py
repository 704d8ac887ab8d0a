"""One connection to a server: requests exactly as written, with their status and JSON."""

import http.client
import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit


class Wire:
    """A persistent connection."""

    def __init__(self, address: str, token: str) -> None:
        self.host = urlsplit(address).netloc
        self.token = token
        self.connection = http.client.HTTPConnection(self.host, timeout=20)
        self.sent = 0

    def ask(  # noqa: PLR0913  (the parts of a request)
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        token: str | None = None,
        namespace: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Any]:
        """Send one request; returns status and parsed body (None where there is none)."""
        sent = {"X-Vault-Token": self.token if token is None else token, **(headers or {})}
        if namespace:
            sent["X-Vault-Namespace"] = namespace
        text = json.dumps(body) if body is not None else None
        self.sent += 1
        try:
            self.connection.request(method, f"/v1/{path}", body=text, headers=sent)
            answer = self.connection.getresponse()
        except (http.client.HTTPException, OSError):
            self.connection.close()
            self.connection.request(method, f"/v1/{path}", body=text, headers=sent)
            answer = self.connection.getresponse()
        raw = answer.read()
        return answer.status, json.loads(raw) if raw.startswith(b"{") else None

    def admin(self, method: str, path: str, body: Mapping[str, Any] | None = None, *, namespace: str = "") -> Any:
        """Send a request as root that must succeed; a mount that is still being made is waited for."""
        for _ in range(50):
            status, answer = self.ask(method, path, body, namespace=namespace)
            if status < 300:
                return answer
            if status != 400 or "pgrading" not in json.dumps(answer):
                break
            time.sleep(0.02)
        raise AssertionError((method, path, body, status, answer))


def refused(status: int, answer: Any) -> bool:
    """Whether the policies refused a request; everything else got past them."""
    return status == 403 or (status == 400 and "Forbidden" in json.dumps(answer))
