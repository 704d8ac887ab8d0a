"""Names of the agent's choosing for what it would make, so that the policies let the requests through.

Every combination of the patterns that its statements hold has a shortest name (see `words`); what is found this way
is decided like any other request.
"""

from collections.abc import Iterable, Mapping, Sequence

from cred_audit.decide import Effect, Reason
from cred_audit.decide.aws import catalogue
from cred_audit.decide.aws.condition import filled, resolved
from cred_audit.decide.aws.keys import FREE
from cred_audit.decide.aws.model import Request, Value
from cred_audit.decide.aws.pattern import Part, Variable, parts_of
from cred_audit.decide.aws.ways import Held, Tried
from cred_audit.decide.aws.words import Pattern, pattern, words

_NAMES = 24
"""Names that are tried."""
_PLAIN = "cred-audit"
_STATES = 1500


def names(held: Held, actions: Sequence[str], start: str) -> tuple[tuple[str, ...], bool]:
    """Return ARNs that begin like `start`, one for each way in which the statements on some actions can match them.

    And whether these are all ways.
    """
    found: dict[Pattern, None] = {pattern([(start, False), ("?*", True)]): None}
    for action in actions:
        keys = held.evaluator.keys(Request(action=action))
        for clause in held.evaluator.clauses(action.lower()):
            for resource in clause.statement.resources or ():
                parts = parts_of(resource, variables=clause.document.variables)
                for values in resolved(parts, keys):
                    if values is not None and resource.strip("*"):
                        runs = _anything(parts) if values is FREE else filled(parts, values)
                        found[pattern(runs, arn=resource.count(":") >= 5)] = None
    if len(found) == 1:
        return (start + _PLAIN,), True
    made, complete = words(tuple(found), _STATES)
    fitting = sorted((word for word in made if word.startswith(start) and len(word) > len(start)), key=len)
    every = tuple(dict.fromkeys((start + _PLAIN, *fitting)))
    return every[:_NAMES], complete and len(every) <= _NAMES


def _anything(parts: Iterable[Part]) -> tuple[tuple[str, bool], ...]:
    """Return runs in which any text may stand for a variable."""
    return tuple(("*", True) if isinstance(part, Variable) else part for part in parts)


def may_make(
    held: Held, action: str, account: str, region: str, *, context: Mapping[str, Value] | None = None
) -> Tried | None:
    """Return an action of a service allowed on what the agent would make; None where no name lets it through.

    Where none was found among those that were tried, and there are more, it is not known. An action on several things
    (ec2:RunInstances: instance, volume, network interface ...) needs all of them; the answer is about the first, with
    the reasons of all.
    """
    details = catalogue.action_details(action)
    if details is None:
        return None
    service = action.partition(":")[0]
    kinds = [kind["name"] for kind in details["resourceTypes"] if kind["required"]]
    optional = [kind["name"] for kind in details["resourceTypes"] if not kind["required"]]
    given = {"aws:RequestedRegion": region, **(context or {})}
    tried: list[Tried] = []
    for kind in kinds:
        best = _best(held, action, [catalogue.arn_start(service, kind, account, region)], given)
        if best is None:
            return None
        tried.append(best)
    if not kinds:
        starts = [catalogue.arn_start(service, kind, account, region) for kind in optional]
        best = _best(held, action, starts, given) if starts else None
        plain = held.ask(action, "*", context=given)
        best = plain if best is None or plain.effect is Effect.ALLOW else best
        if not best.open:
            return None
        tried.append(best)
    effect = Effect.ALLOW if all(one.effect is Effect.ALLOW for one in tried) else Effect.UNKNOWN
    return Tried(
        effect=effect, request=tried[0].request,
        because=tuple(reason for one in tried for reason in one.because),
        assuming=tuple(text for one in tried for text in one.assuming),
    )  # fmt: skip


def _best(held: Held, action: str, starts: Iterable[tuple[str, bool]], given: Mapping[str, Value]) -> Tried | None:
    best: Tried | None = None
    for start, whole in starts:
        arns, complete = ((start,), True) if whole else names(held, (action,), start)
        if not complete and best is None:
            why = f"there are more names for what {action} would make than were tried"
            request = Request(action=action, resource=start + _PLAIN)
            best = Tried(effect=Effect.UNKNOWN, request=request, because=(Reason(policy="", why=why),))
        for arn in arns:
            # An image of ec2 has no account in its ARN: it is nobody's that could refuse.
            tried = held.ask(action, arn, context=given, account=held.account)
            if tried.effect is Effect.ALLOW:
                return tried
            if tried.open:
                best = tried
    return best
