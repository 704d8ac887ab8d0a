"""Ask the live server itself what a token may do: read-only, and an answer to compare with our own model of it."""

from collections.abc import Sequence
from typing import Any

from cred_audit.collect.vault.client import Call, Client
from cred_audit.errors import CollectError

_BATCH = 500
"""Paths of one call; the server takes 1000 texts in one body."""


def server_capabilities(
    client: Client, *, namespace: str, paths: Sequence[str], accessor: str = "", token: str = ""
) -> dict[str, tuple[str, ...]]:
    """Return what `sys/capabilities-accessor` (or `sys/capabilities`, with the token) says for each path.

    `namespace` is the token's own, with its trailing slash; the paths are relative to it and may lead into namespaces
    below. `("deny",)` stands for none. Raises CollectError where the server refuses to tell, for an accessor that
    is no longer alive for instance.
    """
    if bool(accessor) == bool(token):
        raise ValueError("give either an accessor or a token")
    wanted = [path for path in dict.fromkeys(paths) if path]
    who: tuple[str, Any] = ("accessor", accessor) if accessor else ("token", token)
    endpoint = "sys/capabilities-accessor" if accessor else "sys/capabilities"
    calls = [
        Call(namespace, "POST", endpoint, body=(who, ("paths", wanted[start : start + _BATCH])))
        for start in range(0, len(wanted), _BATCH)
    ]
    found: dict[str, tuple[str, ...]] = {}
    for call, answer in zip(calls, client.each(calls, client.ask), strict=True):
        if answer.data is None:
            raise CollectError(f"vault: {client.settings.address}: {call!r}: {answer.reason}")
        for path in call.body[1][1]:
            capabilities = answer.data.get(path)
            if isinstance(capabilities, list):
                found[path] = tuple(name for name in capabilities if isinstance(name, str))
    return found
