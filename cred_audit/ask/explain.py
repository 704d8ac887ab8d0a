"""A decision as sentences for the terminal."""

from collections.abc import Iterator

from cred_audit.decide import Decision, Effect
from cred_audit.decide.vault.model import Request
from cred_audit.render.shown import block, line

_WORDS = {
    Effect.ALLOW: "ALLOW: the server lets this through.",
    Effect.DENY: "DENY: the server refuses this.",
    Effect.UNKNOWN: "UNKNOWN: the facts do not decide this.",
}
_REASONS = 10


def explained(agent: str, request: Request, decision: Decision) -> str:
    """Return the request, the answer and the clauses that decide it."""
    return "\n".join(_lines(agent, request, decision)) + "\n"


def _lines(agent: str, request: Request, decision: Decision) -> Iterator[str]:
    where = f" in namespace {line(request.namespace)}" if request.namespace else ""
    yield f"{line(agent)} asks {request.method} {line(request.path)}{where}"
    yield _WORDS[decision.effect]
    for reason in decision.because[:_REASONS]:
        if reason.policy:
            place = f", line {reason.line}" if reason.line else ""
            yield f"Because policy {line(reason.namespace + reason.policy)}{place} {line(reason.why)}:"
            yield from (f"  {text}" for text in block(reason.clause).splitlines())
        else:
            yield f"Because {line(reason.why)}."
    for condition in decision.assuming:
        yield f"Assuming that {line(condition)}."
