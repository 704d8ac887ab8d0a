"""Whether the event selectors of a CloudTrail trail take the calls that read secrets, parameters and keys.

CloudTrail API Reference: "EventSelector", "AdvancedFieldSelector"; CloudTrail User Guide: "Logging management events"
(an event that any selector takes is recorded) and "How CloudTrail evaluates multiple conditions for a field". All three
ways to read a trail give their selectors to this one function, spelled as the API spells them.
"""

from collections.abc import Callable, Iterable, Mapping
from operator import eq
from typing import Any

_SOURCES = ("secretsmanager.amazonaws.com", "ssm.amazonaws.com", "kms.amazonaws.com")
"""Services whose calls give a value: kms:Decrypt opens one that was copied before."""
_READ_WRITE = {"All": True, "ReadOnly": True, "WriteOnly": False}
_SELECTS: Mapping[str, Callable[[str, str], bool]] = {
    "Equals": eq, "StartsWith": str.startswith, "EndsWith": str.endswith,
}  # fmt: skip
_DESELECTS = {f"Not{name}": matches for name, matches in _SELECTS.items()}


def records_reads(basic: Any, advanced: Any) -> bool | None:
    """Return whether EventSelectors or AdvancedEventSelectors take every such call; None where that is not known.

    An empty list is AWS's default, all management events; None for both says that nobody asked.
    """
    if not all(given is None or isinstance(given, list) for given in (basic, advanced)):
        return None
    if not basic and not advanced:
        return None if basic is advanced is None else True
    if basic and advanced:
        # A trail has one form or the other.
        return None
    test = _basic if basic else _advanced
    return _every(_some(test(one, source) for one in basic or advanced) for source in _SOURCES)


def _every(found: Iterable[bool | None]) -> bool | None:
    answers = set(found)
    return False if False in answers else None if None in answers else True


def _some(found: Iterable[bool | None]) -> bool | None:
    answers = set(found)
    return True if True in answers else None if None in answers else False


def _basic(selector: Any, source: str) -> bool | None:
    """Return whether a basic selector takes the reading management events of a source."""
    if not isinstance(selector, Mapping):
        return None
    included = _given(selector, "IncludeManagementEvents", default=True)
    excluded = _texts(_given(selector, "ExcludeManagementEventSources", default=[]))
    kind = _given(selector, "ReadWriteType", default="All")
    return _every((
        included if isinstance(included, bool) else None,
        _READ_WRITE.get(kind) if isinstance(kind, str) else None,
        None if excluded is None else source not in excluded,
    ))  # fmt: skip


def _advanced(selector: Any, source: str) -> bool | None:
    """Return whether an advanced selector takes them: every one of its fields must."""
    fields = selector.get("FieldSelectors") if isinstance(selector, Mapping) else None
    if not isinstance(fields, list) or not all(isinstance(one, Mapping) for one in fields):
        return None
    event = {"eventCategory": "Management", "readOnly": "true", "eventSource": source}
    found = [_field(one, event) for one in fields]
    if not any(one.get("Field") == "eventCategory" for one in fields):
        # Every selector must name the category of its events.
        found.append(None)
    return _every(found)


def _field(field: Mapping[str, Any], event: Mapping[str, str]) -> bool | None:
    name = field.get("Field")
    value = event.get(name) if isinstance(name, str) else None
    given = {operator: texts for operator, texts in field.items() if operator != "Field" and texts not in (None, [])}
    tests = {operator: _texts(texts) for operator, texts in given.items()}
    if value is None or not tests or not tests.keys() <= _SELECTS.keys() | _DESELECTS.keys():
        return None
    if None in tests.values():
        return None
    for operator, matches in _DESELECTS.items():
        if any(matches(value, text) for text in tests.get(operator) or ()):
            return False
    wanted = [(matches, text) for operator, matches in _SELECTS.items() for text in tests.get(operator) or ()]
    return not wanted or any(matches(value, text) for matches, text in wanted)


def _given(selector: Mapping[str, Any], name: str, *, default: Any) -> Any:
    value = selector.get(name)
    return default if value is None else value


def _texts(value: Any) -> tuple[str, ...] | None:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        return None
    return tuple(value)
