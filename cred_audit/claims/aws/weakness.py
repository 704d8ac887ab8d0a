"""Why a statement's tag conditions do not tell a request for another tenant's thing apart, in words."""

from cred_audit.claims.aws.texts import Texts, on_tags, variables_of
from cred_audit.decide.aws.clause import Clause
from cred_audit.decide.aws.condition import compile_condition
from cred_audit.decide.aws.document import NEGATED
from cred_audit.decide.aws.keys import Either, Keys
from cred_audit.decide.aws.model import Condition
from cred_audit.decide.aws.pattern import YES


def weakness(clause: Clause, keys: Keys, texts: Texts) -> str:
    """Return the reason in half a sentence: of an Allow why its conditions hold, of a Deny why one does not."""
    if clause.allow:
        told = [_why_it_holds(condition, keys, clause, texts) for condition in on_tags(clause.statement)]
        return "; ".join(dict.fromkeys(told)) or "its conditions look at no tag of the thing"
    names = variables_of(clause.statement.resources or ()) if clause.document.variables else frozenset()
    missing = sorted(name for name in names if keys[name] is None)
    if missing:
        return f"${{{missing[0]}}} has no value, so its Resource covers nothing"
    for condition in clause.statement.conditions:
        if compile_condition(condition, variables=clause.document.variables)(keys) != YES:
            return _why_it_does_not(condition, keys, clause)
    return "whether it applies is not settled"


def _why_it_holds(condition: Condition, keys: Keys, clause: Clause, texts: Texts) -> str:
    name, value = f"{condition.written} {condition.key}", keys[condition.key.lower()]
    if isinstance(value, Either):
        return f"two tags differ from {condition.key} by case only, and AWS may take either"
    if value is None:
        if condition.operator == "Null":
            return f"{name} holds where the tag is absent"
        if condition.if_exists:
            return f"{name} holds where the tag is absent"
        if condition.every:
            return f"ForAllValues holds on a key that is absent, and {condition.key} has one value at most"
        return f"{name} is negated, so it holds where the tag is absent"
    if not clause.document.variables and any("${" in one for one in condition.values):
        return f"without Version 2012-10-17 the variable in {name} is plain text"
    if condition.operator in NEGATED:
        return f"{name} is negated, so it holds for all other values"
    if "Like" in condition.operator and any("*" in one or "?" in one for one in condition.values):
        return f"the wildcard in {name} takes more than one tenant's value"
    literal = sorted(texts.names(condition))
    if literal:
        return f"{name} compares with {literal[0]!r}, whoever asks"
    if condition.operator == "StringEqualsIgnoreCase":
        return f"{name} takes names that differ by case only"
    return f"{name} holds"


def _why_it_does_not(condition: Condition, keys: Keys, clause: Clause) -> str:
    name, value = f"{condition.written} {condition.key}", keys[condition.key.lower()]
    if value is None and condition.operator not in NEGATED:
        return f"{name} does not hold where the tag is absent"
    if clause.document.variables:
        missing = sorted(key for key in variables_of(condition.values) if keys[key] is None)
        if missing and condition.operator not in NEGATED:
            return f"${{{missing[0]}}} has no value, so {name} never holds"
    elif any("${" in one for one in condition.values):
        return f"without Version 2012-10-17 the variable in {name} is plain text"
    return f"{name} does not hold for it"
