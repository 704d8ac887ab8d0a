"""A decision of AWS as sentences for the terminal."""

import json
from collections.abc import Iterator

from cred_audit.ask.aws.single import Answer, Part
from cred_audit.decide import Effect, Reason
from cred_audit.render.shown import block, line

_WORDS = {
    Effect.ALLOW: "ALLOW: AWS lets this through.",
    Effect.DENY: "DENY: AWS refuses this.",
    Effect.UNKNOWN: "UNKNOWN: the facts do not decide this.",
}
_REASONS = 10


def explained(answer: Answer) -> str:
    """Return the request, the answer, and the statements that decide each of its calls."""
    return "\n".join(_lines(answer)) + "\n"


def _lines(answer: Answer) -> Iterator[str]:
    first, *others = answer.parts
    yield f"{line(answer.agent)} ({line(answer.principal)}) asks {_call(first)}"
    yield _WORDS[answer.effect]
    if others:
        yield f"{first.request.action}: {first.decision.effect.name}"
    yield from _reasons(first)
    for part in others:
        yield f"It takes {_call(part)} too: {part.decision.effect.name}"
        yield from _reasons(part)
    yield from (line(note) for note in answer.notes)


def _call(part: Part) -> str:
    return f"{part.request.action} on {line(part.request.resource)}"


def _reasons(part: Part) -> Iterator[str]:
    for reason in part.decision.because[:_REASONS]:
        if reason.policy:
            yield f"Because {line(reason.policy)}: {line(reason.why)}:"
            yield from (f"  {text}" for text in block(_indented(reason)).splitlines())
        else:
            yield f"Because {line(reason.why)}."
    for condition in part.decision.assuming:
        yield f"Assuming that {line(condition)}."


def _indented(reason: Reason) -> str:
    """Return a statement laid out; as it stands where it was cut."""
    try:
        return json.dumps(json.loads(reason.clause), indent=2, ensure_ascii=False)
    except ValueError:
        return reason.clause
