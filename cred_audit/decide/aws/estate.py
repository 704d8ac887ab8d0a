"""What tenants own in AWS, indexed: which things a pattern or a tag value touches, without looking at all of them."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cache

from cred_audit.decide.aws import catalogue
from cred_audit.decide.aws.model import Request, ResourcePolicies
from cred_audit.decide.aws.pattern import compiled, glob_expression

_CONTEXT_ARN = "kms:EncryptionContext:SecretARN"
_READS = frozenset({
    "secretsmanager:GetSecretValue", "ssm:GetParameter", "ssm:GetParameters", "ssm:GetParameterHistory",
    "ssm:GetParametersByPath", "kms:Decrypt", "kms:ReEncryptFrom", "kms:GenerateDataKey", "kms:GenerateDataKeyPair",
})  # fmt: skip
"""Actions whose answer is a secret value or a key. The reference's access levels do not tell these from metadata."""
_MAKES = frozenset({"secretsmanager:CreateSecret"})
"""Actions on a type that never touch a thing that is there."""
_TYPES = {"secretsmanager": "Secret", "ssm": "parameter", "kms": "key"}
_CONTROL = frozenset({"Permissions management", "Tagging"})


class ActionClass(Enum):
    """What a request does to a thing."""

    READ = "read"
    """Gives a secret value, or the key that opens one."""
    LIST = "list"
    """Gives names, tags, policies or other metadata."""
    WRITE = "write"
    """Changes something, deletion included."""
    DELETE = "delete"
    """The part of WRITE that removes."""
    CONTROL = "control"
    """Changes who may do what: policies, tags, grants."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Thing:
    """One secret, parameter or key."""

    arn: str
    owners: tuple[str, ...] = ()
    """Tenants whose territory it is in; none where nobody owns it."""
    tags: Mapping[str, str] | None = field(default_factory=dict)
    """None when they were not read."""
    policies: ResourcePolicies = field(default_factory=ResourcePolicies)
    key: "Thing | None" = None
    """The customer key that encrypts it; None for AWS's own."""
    key_known: bool = True
    """False when it could not be told which key encrypts it."""

    @property
    def service(self) -> str:
        """The service in the ARN."""
        return self.arn.split(":", 3)[2]

    @property
    def region(self) -> str:
        """The region in the ARN."""
        return self.arn.split(":", 4)[3]

    @property
    def account(self) -> str:
        """The account in the ARN."""
        return self.arn.split(":", 5)[4]

    @property
    def name(self) -> str:
        """What stands behind the fifth colon."""
        return self.arn.split(":", 5)[5]


@cache
def actions_of(wanted: ActionClass, service: str) -> tuple[str, ...]:
    """Return the actions of a class on the things of a service."""
    return tuple(
        action for action, levels in catalogue.actions_on(service, _TYPES[service])
        if action not in _MAKES and wanted in _classes(action, levels)
    )  # fmt: skip


def _classes(action: str, levels: frozenset[str]) -> frozenset[ActionClass]:
    if action in _READS:
        return frozenset({ActionClass.READ})
    if not _CONTROL.isdisjoint(levels):
        return frozenset({ActionClass.CONTROL})
    if "Write" not in levels:
        return frozenset({ActionClass.LIST})
    name = action.partition(":")[2]
    removes = name.startswith(("Delete", "ScheduleKeyDeletion", "DisableKey"))
    return frozenset({ActionClass.WRITE, ActionClass.DELETE} if removes else {ActionClass.WRITE})


def requests(action: str, thing: Thing) -> tuple[tuple[Request, ResourcePolicies], ...]:
    """Return the calls that must all be allowed, each with the policies of what it touches.

    Reading a value that a customer key encrypts is also kms:Decrypt through the service, for this very secret
    (Secrets Manager User Guide: "Secret encryption and decryption").
    """
    own = (Request(action=action, resource=thing.arn, resource_tags=thing.tags), thing.policies)
    if thing.key is None or action not in _READS or thing.service == "kms":
        return (own,)
    context: dict[str, str] = {"kms:ViaService": f"{thing.service}.{thing.region}.amazonaws.com"}
    if thing.service == "secretsmanager":
        context[_CONTEXT_ARN] = thing.arn
    else:
        context["kms:EncryptionContext:PARAMETER_ARN"] = thing.arn
    decrypt = Request(action="kms:Decrypt", resource=thing.key.arn, resource_tags=thing.key.tags, context=context)
    return own, (decrypt, thing.key.policies)


class Texts:
    """Texts by the things that carry them: which of them a pattern matches."""

    def __init__(self, entries: Iterable[tuple[str, int]]) -> None:
        """Take (text, number of the thing)."""
        self.by_text: dict[str, list[int]] = {}
        for text, number in entries:
            self.by_text.setdefault(text, []).append(number)
        self._sorted = sorted(self.by_text)
        self._joined = "\0".join(self._sorted)
        self._starts: list[int] = []
        position = 0
        for text in self._sorted:
            self._starts.append(position)
            position += len(text) + 1
        self._folded: dict[str, list[int]] = {}
        for text, numbers in self.by_text.items():
            self._folded.setdefault(text.lower(), []).extend(numbers)

    def equal(self, text: str, *, fold: bool = False) -> list[int]:
        """Return the things with a text."""
        return (self._folded.get(text.lower()) if fold else self.by_text.get(text)) or []

    def matching(self, runs: tuple[tuple[str, bool], ...], limit: int) -> list[int] | None:
        """Return the things whose text a pattern matches; None where more than `limit` texts are candidates.

        What is literal in the pattern finds the candidates.
        """
        pieces = _literals(runs)
        first, longest = pieces[0], max(pieces, key=len)
        if len(first) >= 2 and len(first) >= len(longest) // 2:
            low = bisect_left(self._sorted, first)
            high = bisect_left(self._sorted, first + "\U0010ffff")
            candidates = self._sorted[low:high] if high - low <= limit else None
        elif len(longest) >= 2:
            candidates = self._holding(longest, limit)
        else:
            candidates = self._sorted if len(self._sorted) <= limit else None
        if candidates is None:
            return None
        if pieces == [first, ""] and not any(special and "?" in text for text, special in runs):
            candidates = [text for text in candidates if text.startswith(first)]
        else:
            expression = compiled(glob_expression(runs))
            candidates = [text for text in candidates if expression.fullmatch(text)]
        return [number for text in candidates for number in self.by_text[text]]

    def _holding(self, piece: str, limit: int) -> list[str] | None:
        found: list[str] = []
        position = self._joined.find(piece)
        while position >= 0:
            if len(found) >= limit:
                return None
            index = bisect_left(self._starts, position + 1) - 1
            found.append(self._sorted[index])
            position = self._joined.find(piece, self._starts[index] + len(self._sorted[index]))
        return found


def _literals(runs: Iterable[tuple[str, bool]]) -> list[str]:
    """Return the literal pieces between wildcards; the first is what every match starts with."""
    pieces = [""]
    for text, special in runs:
        if not special:
            pieces[-1] += text
            continue
        for index, piece in enumerate(re.split(r"[*?]", text)):
            if index:
                pieces.append(piece)
            else:
                pieces[-1] += piece
    return pieces
