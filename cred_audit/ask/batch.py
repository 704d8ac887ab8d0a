"""Answers a batch of questions about Vault; see `lines`. Lines with the same rules are compiled once."""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from cred_audit.ask.line import LineError, Reader
from cred_audit.ask.lines import CLAUSE, REASONS, Answers, Batch, Kept
from cred_audit.ask.rules import Setup, setup
from cred_audit.decide import Decision, Effect, Reason
from cred_audit.decide.vault.engine import HELD_FOREVER, Rejection, capabilities
from cred_audit.decide.vault.hcl import GO_SPACE
from cred_audit.decide.vault.model import Request
from cred_audit.decide.vault.wire import canonical

_LINE = (
    "id", "server", "namespaces", "mounts", "policies", "subject", "request", "requests", "capabilities", "namespace",
    "expect",
)  # fmt: skip
_RULES = ("server", "namespaces", "mounts", "policies", "subject")
_REQUEST = ("id", "method", "namespace", "path", "body", "headers", "exists", "expect")
_DECISIONS = ("allow", "deny", "unknown", "rejected", "invalid_policy")
_HEADERS = frozenset({"content-type", "x-vault-wrap-ttl"})
"""Headers that a decision can depend on."""
_LONGEST_PATH = 16_384
"""Characters of a request's path; no client sends longer ones, and looking for mounts and namespaces takes its time."""


def answer_lines(
    lines: Iterable[str | bytes], write: Callable[[str], object], *, now: Callable[[], datetime] | None = None
) -> Answers:
    """Answer each line through `write`, one text with its line end at a time. Empty lines are passed over."""
    return _Batch(now or (lambda: datetime.now(UTC))).answered(lines, write)


class _Batch(Batch):
    def __init__(self, now: Callable[[], datetime]) -> None:
        super().__init__()
        self.now = now
        self.setups: Kept[Setup] = Kept()
        self.shown: dict[int, tuple[Decision, str, str]] = {}

    def body(self, line: dict[str, Any]) -> str:
        reader = Reader(line, "", _LINE)
        asked = [name for name in ("request", "requests", "capabilities") if line.get(name) is not None]
        if len(asked) != 1:
            raise LineError("one of request, requests and capabilities is expected")
        rules = self.rules(reader)
        expected = line.get("expect")
        if asked[0] == "capabilities":
            return self.capabilities(reader, rules, expected)
        if asked[0] == "request":
            return self.decided(Reader(line["request"], "request", _REQUEST), rules, expected)
        return self.many(
            reader.list("requests"), expected,
            lambda value, place, each: self.decided(Reader(value, place, _REQUEST), rules, each, named=True),
        )  # fmt: skip

    def rules(self, line: Reader) -> Setup:
        """Return the compiled rules of a line; what can change with the time is compiled anew."""
        key = json.dumps([line.value.get(name) for name in _RULES])
        known = self.setups.get(key)
        if known is None:
            known = setup(line, self.now())
            if not known.timed:
                self.setups.keep(key, known)
        return known

    def decided(self, value: Reader, rules: Setup, expected: Any, *, named: bool = False) -> str:
        request = _request(value)
        if value.value.get("expect") is not None:
            expected = value.value["expect"]
        if expected is not None and expected not in _DECISIONS:
            value.fail("expect", "one of " + ", ".join(_DECISIONS))
        self.answers.decisions += 1
        if rules.refused:
            name, shown = "invalid_policy", _shown("invalid_policy", rules.refused, ())
        else:
            name, shown = self.show(rules.engine.decide(rules.subject, request))
        if named and "id" in value.value:
            shown = f'"id": {json.dumps(value.value["id"])}, {shown}'
        return shown + self.judged(expected, name)

    def show(self, decision: Decision) -> tuple[str, str]:
        """Return a decision's name and its JSON; the engine gives the same object for the same clause."""
        known = self.shown.get(id(decision))
        if known is not None and known[0] is decision:
            return known[1], known[2]
        name, reasons, assuming = decision.effect.value, decision.because, decision.assuming
        if isinstance(decision, Rejection):
            name = "rejected"
        elif decision.effect is Effect.DENY and any(reason.why == HELD_FOREVER for reason in reasons):
            # The policies let it through and the server answers 200, with nothing in it.
            name, assuming = "allow", ("the control group approves, for which the server gives no way",)
        shown = _shown(name, reasons, assuming)
        if len(self.shown) > 65536:
            self.shown.clear()
        self.shown[id(decision)] = (decision, name, shown)
        return name, shown

    def capabilities(self, line: Reader, rules: Setup, expected: Any) -> str:
        paths = line.texts("capabilities")
        namespace = canonical(line.text("namespace", rules.subject.namespace))
        if namespace not in rules.engine.routes.paths:
            raise LineError(f"namespace: there is no namespace {namespace}")
        if any(not path.strip(GO_SPACE) for path in paths):
            raise LineError("capabilities: the server refuses an empty path")
        if rules.refused:
            return _shown("invalid_policy", rules.refused, ())
        self.answers.decisions += len(paths)
        found: dict[str, Any] = {}
        for path in paths:
            held = capabilities(rules.engine, rules.subject, namespace, path)
            found[path] = None if held is None else list(held)
        wanted = _lists(expected)
        if expected is not None and wanted is None:
            line.fail("expect", "an object of lists of texts")
        return f'"capabilities": {json.dumps(found)}{self.judged(wanted, found)}'


def _lists(expected: Any) -> dict[str, list[str]] | None:
    """Return what is expected of each path, sorted; None where it is no object of lists of texts."""
    if not isinstance(expected, dict):
        return None
    if not all(isinstance(names, list) and all(isinstance(name, str) for name in names) for names in expected.values()):
        return None
    return {path: sorted(names) for path, names in expected.items()}


def _request(value: Reader) -> Request:
    headers = value.map("headers")
    path = value.text("path")
    if len(path) > _LONGEST_PATH:
        value.fail("path", f"a path of at most {_LONGEST_PATH:,} characters")
    if not path.isascii() and any("\ud800" <= letter <= "\udfff" for letter in path):
        value.fail("path", "a text that can be sent, without halves of surrogate pairs")
    # The namespace is a header like the others, whichever way it is written down.
    named = next((sent for name, sent in headers.items() if name.lower() == "x-vault-namespace"), "")
    return Request(
        method=value.text("method").upper(),
        path=path,
        namespace=value.text("namespace", "") or named,
        body=value.value.get("body"),
        headers={name: sent for name, sent in headers.items() if name.lower() in _HEADERS},
        exists=value.flag("exists"),
    )


def _shown(name: str, reasons: tuple[Reason, ...], assuming: tuple[str, ...]) -> str:
    because = [
        {
            "policy": reason.policy,
            "namespace": reason.namespace,
            "clause": reason.clause[:CLAUSE],
            "line": reason.line,
            "why": reason.why[:CLAUSE],
        }
        for reason in reasons[:REASONS]
    ]
    return f'"decision": "{name}", "because": {json.dumps(because)}, "assuming": {json.dumps(list(assuming))}'
