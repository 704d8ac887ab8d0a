"""Policy documents, read as strictly as AWS reads them: what AWS refuses is an error here, never a guess.

IAM User Guide: "Grammar of the IAM JSON policy language". Element names and values of Effect are exact;
operators are read without case. What AWS accepts but never matches (a comma inside an action) is accepted.
"""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from cred_audit.decide.aws.model import Condition, Document, Kind, Named, Statement

VERSIONS = ("2012-10-17", "2008-10-17")
NEGATED = frozenset({
    "StringNotEquals", "StringNotEqualsIgnoreCase", "StringNotLike", "NumericNotEquals", "DateNotEquals",
    "NotIpAddress", "ArnNotEquals", "ArnNotLike",
})  # fmt: skip
OPERATORS = NEGATED | {
    "StringEquals", "StringEqualsIgnoreCase", "StringLike", "NumericEquals", "NumericLessThan",
    "NumericLessThanEquals", "NumericGreaterThan", "NumericGreaterThanEquals", "DateEquals", "DateLessThan",
    "DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals", "Bool", "BinaryEquals", "IpAddress",
    "ArnEquals", "ArnLike", "Null",
}  # fmt: skip
_BY_NAME = {name.lower(): name for name in OPERATORS}
_ELEMENTS = frozenset({
    "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition",
})  # fmt: skip
_TOP = frozenset({"Version", "Id", "Statement"})
_PRINCIPAL_TYPES = frozenset({"AWS", "Service", "Federated", "CanonicalUser"})
_WITH_PRINCIPAL = frozenset({Kind.RESOURCE, Kind.RCP, Kind.VPC_ENDPOINT})
_ACTION = re.compile(r"\*|[^:]*:[^:]*", re.DOTALL)
_SHOWN = 2000
_MAX_TEXT = 4_000_000
"""Characters of a document's text; AWS's own limits are far below."""


class PolicyError(ValueError):
    """AWS would refuse this document. The message names the document, the statement and what is wrong."""


def read_document(source: Any, kind: Kind, name: str) -> Document:
    """Read a policy document from JSON text (also percent-encoded, as the API sends it) or from parsed JSON."""
    if isinstance(source, str):
        source = _parsed(source, name)
    if not isinstance(source, Mapping):
        raise PolicyError(f"{name}: a policy document is a JSON object, not {_type(source)}")
    for key in source:
        if key not in _TOP:
            raise PolicyError(f"{name}: unknown element {_shown(key)}; a document has Version, Id and Statement")
    version = source.get("Version", VERSIONS[1])
    if version not in VERSIONS:
        raise PolicyError(f"{name}: Version is {_shown(version)}; it must be 2012-10-17 or 2008-10-17")
    if "Statement" not in source:
        raise PolicyError(f"{name}: the document has no Statement")
    written = source["Statement"]
    statements = tuple(
        _statement(entry, kind, name, index)
        for index, entry in enumerate(written if isinstance(written, list | tuple) else [written], 1)
    )
    seen: set[str] = set()
    for statement in statements:
        if statement.sid and statement.sid in seen:
            raise PolicyError(f"{name}: two statements have the Sid {_shown(statement.sid)}; it must be unique")
        seen.add(statement.sid)
    return Document(kind=kind, name=name, variables=version == VERSIONS[0], statements=statements)


def _parsed(text: str, name: str) -> Any:
    if len(text) > _MAX_TEXT:
        raise PolicyError(f"{name}: the document has more than {_MAX_TEXT} characters")
    if text.lstrip().startswith("%7B"):
        text = unquote(text)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deeply or not a number"
        line = error.lineno if isinstance(error, json.JSONDecodeError) else 1
        raise PolicyError(f"{name}: line {line}: the document is not JSON: {reason}") from None


def _statement(entry: Any, kind: Kind, name: str, index: int) -> Statement:
    if not isinstance(entry, Mapping):
        raise PolicyError(f"{name}: statement {index} is a JSON object, not {_type(entry)}")
    sid = entry.get("Sid", "")
    if not isinstance(sid, str):
        raise PolicyError(f"{name}: statement {index}: Sid must be a text")
    where = f"{name}: statement {index}" + (f" ({_shown(sid)})" if sid else "")
    for key in entry:
        if key not in _ELEMENTS:
            raise PolicyError(f"{where}: unknown element {_shown(key)}")
    effect = entry.get("Effect")
    if effect not in ("Allow", "Deny"):
        raise PolicyError(f"{where}: Effect is {_shown(effect)}; it must be Allow or Deny")
    not_action, actions = _either(entry, "Action", where)
    if actions is None:
        raise PolicyError(f"{where}: there is neither Action nor NotAction")
    for action in actions:
        if not _ACTION.fullmatch(action):
            raise PolicyError(f"{where}: action {_shown(action)} is neither * nor service:Action")
    not_resource, resources = _either(entry, "Resource", where)
    if resources is None and kind is not Kind.RESOURCE:
        raise PolicyError(f"{where}: there is neither Resource nor NotResource, which a {kind.value} needs")
    for resource in resources or ():
        if not resource.startswith(("arn:", "arn*", "*", "?")):
            raise PolicyError(f"{where}: resource {_shown(resource)} is neither an ARN nor *")
    not_principal, principals = _principals(entry, kind, where)
    return Statement(
        index=index,
        sid=sid,
        allow=effect == "Allow",
        principals=principals,
        not_principal=not_principal,
        actions=actions,
        not_action=not_action,
        resources=resources,
        not_resource=not_resource,
        conditions=_conditions(entry.get("Condition"), where) if "Condition" in entry else (),
        text=_text(entry),
    )


def _text(entry: Mapping[str, Any]) -> str:
    text = json.dumps(entry, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _either(entry: Mapping[str, Any], element: str, where: str) -> tuple[bool, tuple[str, ...] | None]:
    negated = f"Not{element}"
    if element in entry and negated in entry:
        raise PolicyError(f"{where}: {element} and {negated} exclude each other")
    if negated in entry:
        return True, _texts(entry[negated], f"{where}: {negated}")
    return False, _texts(entry[element], f"{where}: {element}") if element in entry else None


def _texts(value: Any, where: str) -> tuple[str, ...]:
    values = value if isinstance(value, list | tuple) else [value]
    for entry in values:
        if not isinstance(entry, str):
            raise PolicyError(f"{where} holds {_type(entry)}; it must be a text or a list of texts")
    return tuple(values)


def _principals(entry: Mapping[str, Any], kind: Kind, where: str) -> tuple[bool, tuple[Named, ...] | None]:
    if "Principal" in entry and "NotPrincipal" in entry:
        raise PolicyError(f"{where}: Principal and NotPrincipal exclude each other")
    element = "NotPrincipal" if "NotPrincipal" in entry else "Principal"
    if element not in entry:
        return False, None
    if kind not in _WITH_PRINCIPAL:
        raise PolicyError(f"{where}: a {kind.value} must not have {element}")
    value = entry[element]
    if value == "*":
        return element == "NotPrincipal", (Named(type="*", value="*"),)
    if not isinstance(value, Mapping):
        raise PolicyError(f"{where}: {element} must be * or an object with AWS, Service, Federated or CanonicalUser")
    named: list[Named] = []
    for key, values in value.items():
        if key not in _PRINCIPAL_TYPES:
            raise PolicyError(f"{where}: {element} has the unknown type {_shown(key)}")
        named += (Named(type=key, value=text) for text in _texts(values, f"{where}: {element}.{key}"))
    return element == "NotPrincipal", tuple(named)


def _conditions(condition: Any, where: str) -> tuple[Condition, ...]:
    if not isinstance(condition, Mapping):
        raise PolicyError(f"{where}: Condition must be an object of operators, not {_type(condition)}")
    conditions: list[Condition] = []
    for written, keys in condition.items():
        every, some, operator, if_exists = _operator(written, where)
        if not isinstance(keys, Mapping):
            raise PolicyError(f"{where}: Condition.{_shown(written)} must be an object of keys, not {_type(keys)}")
        for key, value in keys.items():
            values = _values(value, f"{where}: Condition.{_shown(written)}.{_shown(key)}")
            conditions.append(
                Condition(operator=operator, every=every, some=some, if_exists=if_exists, key=str(key), values=values)
            )
    return tuple(conditions)


def _operator(written: str, where: str) -> tuple[bool, bool, str, bool]:
    rest = written.lower()
    every, some = rest.startswith("forallvalues:"), rest.startswith("foranyvalue:")
    rest = rest.partition(":")[2] if every or some else rest
    if_exists = rest.endswith("ifexists")
    operator = _BY_NAME.get(rest.removesuffix("ifexists"))
    if operator is None:
        raise PolicyError(f"{where}: there is no condition operator {_shown(written)}")
    return every, some, operator, if_exists and operator != "Null"


def _values(value: Any, where: str) -> tuple[str, ...]:
    values: list[str] = []
    for entry in value if isinstance(value, list | tuple) else [value]:
        if isinstance(entry, bool):
            values.append("true" if entry else "false")
        elif isinstance(entry, int | float):
            values.append(str(entry))
        elif isinstance(entry, str):
            values.append(entry)
        else:
            raise PolicyError(f"{where} holds {_type(entry)}; condition values are texts, numbers or booleans")
    return tuple(values)


def _type(value: Any) -> str:
    names: dict[type, str] = {type(None): "null", bool: "a boolean", str: "a text", list: "a list", dict: "an object"}
    return names.get(type(value), "a number" if isinstance(value, int | float) else "something else")


def _shown(value: Any) -> str:
    """Return a bounded, quoted form without control characters."""
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return repr(text[:60] + ("…" if len(text) > 60 else ""))
