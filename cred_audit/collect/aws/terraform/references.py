"""Which resource an argument refers to whose value is not known before apply, as the configuration says.

A plan names what an expression refers to, not the expression. So only a single resource of the wanted type can be
meant; where there is more than one, or something else takes part, it is not told.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cred_audit.collect.aws.terraform.plan import Plan, Resource, listed, mapping

_INDEX = r'(\[(?:"((?:[^"\\]|\\.)*)"|([0-9]+))\])?'
_RESOURCE = re.compile(rf"(aws_[a-z0-9_]+)\.([A-Za-z_][\w-]*){_INDEX}(?:\.([a-z_]+))?")
_CALL = re.compile(rf"module\.([A-Za-z_][\w-]*){_INDEX}(?:\.([A-Za-z_][\w-]*))?")
_LAST = re.compile(r'^(.*?)\.?module\.[A-Za-z_][\w-]*(\[(?:"(?:[^"\\]|\\.)*"|[0-9]+)\])?$')
_SAME = frozenset({"arn", "id", "name", "key_id", "function_name"})
"""Attributes that name a resource."""
_DEEPEST = 12
_MOST = 200
"""References of one expression that are looked at; one with more means no single resource."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Referred:
    """What an argument refers to."""

    one: Resource | None = None
    """The resource, where there can be no other; None where it is not told."""
    by_index: bool = False
    """Whether `one` is taken for it because both have the same index."""


_NOTHING = Referred()


class References:
    """The references of one plan."""

    def __init__(self, plan: Plan) -> None:
        """Take the plan."""
        self._plan = plan

    def of(self, resource: Resource, argument: str, kind: str) -> Referred:
        """Return which resource of a type an argument refers to."""
        expression = mapping(mapping(resource.expressions).get(argument))
        return self._follow(expression, resource.module, resource.index, kind, _DEEPEST)

    def _follow(
        self, expression: Mapping[str, Any], module: str, index: str | int | None, kind: str, left: int
    ) -> Referred:
        references = [str(one) for one in listed(expression.get("references"))[: _MOST + 1]]
        if len(references) > _MOST:
            return _NOTHING
        iterates = {one for one in references if one in {"each.key", "count.index"}}
        rest = _longest(one for one in references if one not in iterates)
        if not rest or left == 0:
            return _NOTHING
        if all(one.startswith("module.") for one in rest):
            return self._output(rest, module, index if iterates else None, kind, left)
        if len(rest) == 1 and rest[0].startswith("var.") and not iterates:
            return self._variable(rest[0].split(".")[1], module, kind, left)
        found = [_RESOURCE.fullmatch(one) for one in rest]
        wanted = {f"{match[1]}.{match[2]}" for match in found if match is not None and match[1] == kind}
        if len(wanted) != 1 or any(match is None or match[1] != kind for match in found):
            return _NOTHING
        if any(match is not None and match[6] is not None and match[6] not in _SAME for match in found):
            return _NOTHING
        instances = self._plan.by_base.get((module, wanted.pop()), {})
        indexes = {_index(match[4], match[5]) for match in found if match is not None and match[3]}
        if indexes:
            return Referred(one=instances.get(indexes.pop()) if len(indexes) == 1 else None)
        if iterates:
            return Referred(one=instances.get(index) if index is not None else None, by_index=True)
        return Referred(one=next(iter(instances.values())) if len(instances) == 1 else None)

    def _variable(self, name: str, module: str, kind: str, left: int) -> Referred:
        """Follow a module's variable to where the module is called."""
        match = _LAST.fullmatch(module)
        if match is None:
            return _NOTHING
        parent = match[1]
        called = module[len(parent) :].lstrip(".").split(".", 1)[1].partition("[")[0]
        call = self._plan.configuration.call(self._plan.configuration.module(parent), called)
        expression = mapping(mapping(call.get("expressions")).get(name))
        return self._follow(expression, parent, _index_of(match[2]), kind, left - 1)

    def _output(self, rest: list[str], module: str, index: str | int | None, kind: str, left: int) -> Referred:
        """Follow the output of a child module into it."""
        match = _CALL.fullmatch(rest[0])
        if len(rest) != 1 or match is None or match[5] is None:
            return _NOTHING
        start = f"{module}.module.{match[1]}" if module else f"module.{match[1]}"
        address, guessed = start + (match[2] or ""), False
        if not match[2] and index is not None:
            address, guessed = f"{start}[{index}]" if isinstance(index, int) else f'{start}["{index}"]', True
        output = mapping(mapping(self._plan.configuration.module(address).get("outputs")).get(match[5]))
        found = self._follow(mapping(output.get("expression")), address, None, kind, left - 1)
        return Referred(one=found.one, by_index=found.by_index or guessed)


def _longest(references: Iterable[str]) -> list[str]:
    """Return the references that no other begins with: a plan names `aws_iam_role.a` beside `aws_iam_role.a.name`."""
    found: list[str] = []
    for one in sorted(set(references), key=len, reverse=True):
        if not any(other.startswith((f"{one}.", f"{one}[")) for other in found):
            found.append(one)
    return found


def _index(text: str | None, number: str | None) -> str | int | None:
    return int(number) if number is not None else text


def _index_of(written: str | None) -> str | int | None:
    if written is None:
        return None
    inner = written[1:-1]
    return inner[1:-1] if inner.startswith('"') else int(inner)
