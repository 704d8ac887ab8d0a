"""What to change about a grant in AWS."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from cred_audit.decide import Reason
from cred_audit.decide.aws import catalogue

_LONGEST = 4000
_EQUAL = "the tags are equal"
_ACCOUNT = re.compile(r"[0-9]{12}|arn:[a-z-]{1,20}:iam::[0-9]{12}:root")
_OWN = re.compile(r"\$\{aws:principaltag/[^}$,*?]+\}", re.IGNORECASE)


def fix_of(because: Iterable[Reason], actions: tuple[str, ...], tag: str) -> str | None:
    """Return what to change about the statement that grants. `tag`: the key that tells tenants' things apart.

    A statement that names the account leaves it to the account's own policies: those are to be mended, and without it
    nobody might be able to manage the key any more (KMS: "Default key policy").
    """
    granting = [(one, _statement(one.clause)) for one in because if one.policy and " allows" in one.why]
    found = next((one for one in granting if not _delegates(one[1])), next(iter(granting), None))
    if found is None:
        return None
    reason, statement = found
    where = f"in {reason.policy}, {reason.why.removesuffix(' allows')}"
    if not statement:
        return f"{where}: narrow the statement to what is the tenant's own"
    return f"{where}: {_change(statement, actions, tag)}"


def _statement(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text[:_LONGEST])
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _delegates(statement: Mapping[str, Any]) -> bool:
    """Whether a statement of a resource names accounts as a whole, and nobody else."""
    principal = statement.get("Principal")
    if not isinstance(principal, dict) or set(principal) != {"AWS"}:
        return False
    named = principal["AWS"] if isinstance(principal["AWS"], list) else [principal["AWS"]]
    return bool(named) and all(isinstance(one, str) and _ACCOUNT.fullmatch(one) is not None for one in named)


def _change(statement: Mapping[str, Any], actions: tuple[str, ...], tag: str) -> str:
    own = f'"StringEquals": {{"aws:ResourceTag/{tag}": "${{aws:PrincipalTag/{tag}}}"}}'
    details = [catalogue.action_details(action) for action in actions]
    if all(one is not None and not one["resourceTypes"] for one in details):
        return f"take out {', '.join(actions)}: it takes no resource, so nothing narrows it to the tenant's own"
    if _delegates(statement):
        return "leave it, and narrow what the account's own policies allow: it lets through what they allow"
    if "Principal" in statement or "NotPrincipal" in statement:
        return "name in Principal only the roles of the tenant that owns the thing"
    if "NotResource" in statement:
        return "write Resource with what the agent needs in place of NotResource"
    weak = _weak(statement.get("Condition"))
    if weak == _EQUAL:
        return (
            "it compares the two tags as it should: make each of them, the agent's and the thing's, name its own tenant"
        )
    if weak is not None:
        return f"{weak}: write {own}"
    open_names = [text for text in _texts(statement.get("Resource")) if _is_open(text)]
    if open_names:
        return f"end the name before the star with a separator: {open_names[0][:-1]}/*"
    if actions == ("ssm:GetParametersByPath",):
        return "name the tenant's own folder in Resource; what is denied below a folder is given all the same"
    return f"add Condition {{{own}}}, or name in Resource only the tenant's own names"


def _weak(condition: Any) -> str | None:
    """Return what is weak about a condition on the tags of the thing."""
    if not isinstance(condition, dict):
        return None
    for operator, keys in condition.items():
        if not isinstance(keys, dict) or not any("resourcetag/" in str(key).lower() for key in keys):
            continue
        lowered = operator.lower()
        if lowered.endswith("ifexists"):
            return f"{operator} lets through what has no such tag"
        if lowered.startswith("forallvalues:"):
            return f"{operator} holds where the tag is absent"
        if "not" in lowered or lowered == "null":
            return f"{operator} holds where the tag is absent or another tenant's"
        if "ignorecase" in lowered:
            return f"{operator} takes names for equal that differ by case"
        if "like" in lowered and not _is_own(keys):
            return f"{operator} matches more than one tenant's tag"
        if _is_own(keys):
            return _EQUAL
        return f"{operator} compares with a value that is not the agent's own"
    return None


def _is_own(keys: Mapping[str, Any]) -> bool:
    """Whether every tag of the thing is compared with a tag of the principal and nothing else."""
    tags = [_texts(value) for key, value in keys.items() if "resourcetag/" in str(key).lower()]
    return all(len(values) == 1 and _OWN.fullmatch(values[0]) is not None for values in tags)


def _texts(value: Any) -> list[str]:
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]


def _is_open(text: str) -> bool:
    """Whether a pattern ends in a star right behind a name."""
    return text.endswith("*") and len(text) > 1 and text[-2] not in "/*:-"
