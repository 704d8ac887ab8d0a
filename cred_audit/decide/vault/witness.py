"""From a word that a rule grants to the request that goes over the wire, and its judgement by the engine.

A rule may ask for parameters, a wrapped answer or a page size. The request is built to meet them; where no
request can, the word is no break.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice, product
from typing import Any
from urllib.parse import quote, urlencode

from cred_audit.decide import Decision, Effect, Reason
from cred_audit.decide.vault.acl import LISTING, Rule
from cred_audit.decide.vault.engine import Engine
from cred_audit.decide.vault.model import Request, Subject, World
from cred_audit.decide.vault.routes import routes_of
from cred_audit.decide.vault.search import Found

METHODS = {"read": "GET", "list": "LIST", "scan": "SCAN", "create": "POST", "update": "POST", "patch": "PATCH",
           "delete": "DELETE"}  # fmt: skip
_BODIES = frozenset({"create", "update", "patch"})
_SLASHES = re.compile("//+")
_TRIES = 24
"""Requests that are tried before a rule's conditions count as not understood."""
_MARK = "cred-audit"
_KV2_BODIES: Mapping[str, Mapping[str, Any]] = {
    "data": {"data": {_MARK: "probe"}},
    "metadata": {"custom_metadata": {_MARK: "probe"}},
    "delete": {"versions": [1]},
    "undelete": {"versions": [1]},
    "destroy": {"versions": [1]},
    "config": {"max_versions": 0},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A word's request with the engine's answer."""

    effect: Effect
    request: Request
    because: tuple[Reason, ...]
    assuming: tuple[str, ...] = ()


def judged(engine: Engine, subject: Subject, found: Found, operation: str, assume: Mapping[str, str]) -> Judged:
    """Return the first request for the word that the engine lets through; else DENY, or UNKNOWN and why."""
    rule = found.rule
    plain = request_of(found, operation, engine.world)
    granting = why(rule, f"grants {operation}")
    last: tuple[Request, Decision] | None = None
    for request in [plain] if rule.plain else _meeting(plain, rule, operation, engine.world):
        decision = engine.decide(subject, request, assume=assume or None)
        if decision.effect is Effect.ALLOW:
            if rule.list_filter and operation in LISTING:
                reason = why(rule, "filters the answer by a template, so what it shows is not known")
                return Judged(effect=Effect.UNKNOWN, request=request, because=(reason,))
            assuming = decision.assuming + _stored(engine, subject, request, operation, assume)
            return Judged(effect=Effect.ALLOW, request=request, because=decision.because, assuming=assuming)
        if last is None or decision.effect is Effect.UNKNOWN:
            last = (request, decision)
    if last is None:
        return Judged(effect=Effect.DENY, request=plain, because=(granting,))
    request, decision = last
    if decision.effect is Effect.UNKNOWN:
        return Judged(effect=Effect.UNKNOWN, request=request, because=(granting, *decision.because))
    if rule.plain or found.node.body is not None or _understood(engine.world, request, operation):
        return Judged(effect=Effect.DENY, request=request, because=decision.because)
    reason = why(rule, f"grants {operation} under conditions")
    return Judged(effect=Effect.UNKNOWN, request=request, because=(reason, *decision.because))


def request_of(found: Found, operation: str, world: World | None = None) -> Request:
    """Return the request whose path the server reads as the word."""
    namespace = found.node.namespace
    path = wire_path(found.word[len(namespace) :])
    body: Mapping[str, Any] | None = None
    exists: bool | None = None
    headers: dict[str, str] = {}
    if operation in _BODIES:
        given = found.node.body
        body = _body(world, namespace, found.word[len(namespace) :]) if given is None else given
        exists = operation != "create"
    if operation == "patch":
        headers["Content-Type"] = "application/merge-patch+json"
    return Request(method=METHODS[operation], path=path, namespace=namespace, body=body, headers=headers, exists=exists)


def wire_path(word: str) -> str:
    """Return a decoded path as it stands in a request; empty segments are written so that no redirect drops them."""
    path = quote(word, safe="/!$&'()*+,;=:@-._~", errors="surrogateescape")
    return _SLASHES.sub(lambda match: "/" + "%2F" * (len(match.group()) - 1), path)


def why(rule: Rule, text: str) -> Reason:
    """Return a rule as a reason."""
    return rule.sources[0].reason(text) if rule.sources else Reason(policy="", clause=rule.written, why=text)


def _body(world: World | None, namespace: str, path: str) -> Mapping[str, Any]:
    served = routes_of(world).engine_of(namespace, path) if world is not None else None
    if served is None:
        return {}
    if served.type in ("kv", "generic"):
        view = path[len(served.start) :].lstrip("/").split("/")[0]
        return _KV2_BODIES.get(view, {}) if served.version == 2 else {_MARK: "probe"}
    return {"ciphertext": "vault:v1:"} if served.type == "transit" and "/decrypt/" in path else {}


def _understood(world: World, request: Request, operation: str) -> bool:
    """Whether the fields of such a request are all known, so that a refusal of every try is a proof."""
    served = routes_of(world).engine_of(request.namespace, request.path)
    return operation not in _BODIES or (served is not None and served.type == "kv" and served.version is not None)


def _meeting(plain: Request, rule: Rule, operation: str, world: World) -> Iterator[Request]:
    """Yield requests that may meet the rule's conditions."""
    headers = dict(plain.headers)
    if rule.min_wrapping_ttl or rule.max_wrapping_ttl:
        headers["X-Vault-Wrap-TTL"] = f"{rule.min_wrapping_ttl or rule.max_wrapping_ttl:g}s"
    request = replace(plain, headers=headers)
    if operation in LISTING:
        yield replace(request, path=f"{request.path}?limit=1") if rule.pagination_limit else request
        return
    if operation == "delete":
        yield request
        return
    fields: dict[str, tuple[Any, ...]] = {name: _values(rule, name, "x") for name in sorted(rule.required)}
    for name, value in (plain.body or {}).items():
        fields[name] = _values(rule, name, value)
    served = routes_of(world).engine_of(plain.namespace, plain.path)
    if plain.body and served is not None and served.version == 1 and rule.allowed and "*" not in rule.allowed:
        fields = {name: _values(rule, name, "x") for name in (*rule.allowed, *rule.required)}
    for chosen in islice(product(*fields.values()), _TRIES):
        data = dict(zip(fields, chosen, strict=True))
        if plain.body is not None:
            yield replace(request, body=data)
        else:
            texts = {name: value if isinstance(value, str) else str(value).lower() for name, value in data.items()}
            yield replace(request, path=f"{request.path}?{urlencode(texts)}") if texts else request


def _values(rule: Rule, name: str, usual: Any) -> tuple[Any, ...]:
    listed = [*(rule.allowed or {}).get(name.lower(), ()), *(rule.allowed or {}).get("*", ())]
    texts = [value.strip("*") for value in listed if isinstance(value, str)]
    others = [value for value in listed if not isinstance(value, str)]
    # A star may stand for nothing or for something.
    return (usual, *texts, *others, *(f"{text}x" for text in texts))


def _stored(
    engine: Engine, subject: Subject, request: Request, operation: str, assume: Mapping[str, str]
) -> tuple[str, ...]:
    if operation not in ("create", "update") or request.exists is None:
        return ()
    other = engine.decide(subject, replace(request, exists=not request.exists), assume=assume or None)
    if other.effect is Effect.ALLOW:
        return ()
    there = "something is stored at {} already" if request.exists else "nothing is stored at {} yet"
    return (there.format(request.path),)
