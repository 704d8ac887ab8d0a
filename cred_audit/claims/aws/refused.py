"""Policies that AWS would refuse: what they say counts as not seen, and the evidence says which they are and why."""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from cred_audit.decide import Reason, Unknown
from cred_audit.decide.aws.document import PolicyError, read_document
from cred_audit.decide.aws.model import Kind, Request
from cred_audit.decide.aws.principals import Principals
from cred_audit.decide.aws.world import Group, Role, User
from cred_audit.finding import Evidence

_SHOWN = 5
_WHY: Mapping[str, Kind] = {kind.not_seen: kind for kind in Kind}

_Policy = tuple[str, str, str | None]
"""Where it stands, the name that it is read by, its text."""


class Refused:
    """The policies of all accounts, asked for those that AWS would refuse."""

    def __init__(self, principals: Principals) -> None:
        """Take the accounts; nothing is read before it is asked for."""
        self._principals = principals
        self._on_things: dict[str, tuple[_Policy, ...]] | None = None
        """ARN of a secret or key -> what stands on it."""

    def evidence(self, reason: Reason, holder: str, requests: Iterable[Request]) -> tuple[Evidence, ...] | None:
        """Return what stands behind a reason by which policies were not seen; None where it stands for itself.

        `holder`: ARN of the role or user that acts; `requests`: what it asks for.
        """
        kind = _WHY.get(reason.why) if not reason.policy else None
        found: dict[str, str] = {}
        rest = False
        for where, name, text in self._policies(kind, holder, requests) if kind is not None else ():
            why = _refusal(text, kind, name) if text is not None and kind is not None else ""
            rest = rest or text is None
            if why:
                found[where] = why
        if not found:
            return None
        shown = [
            Evidence(where=where, shows=f"AWS would refuse it: {why}") for where, why in sorted(found.items())[:_SHOWN]
        ]
        # Others of its type that were not seen at all need the reason as it is.
        return (*shown, *([Evidence(where="AWS's rules", shows=reason.why)] if rest else ()))

    def _policies(self, kind: Kind, holder: str, requests: Iterable[Request]) -> Iterator[_Policy]:
        if kind in {Kind.IDENTITY, Kind.BOUNDARY}:
            yield from self._of_principal(kind, holder)
        elif kind is Kind.SCP:
            yield from self._of_account(kind, holder)
        else:
            for request in requests:
                if kind is Kind.RCP:
                    yield from self._of_account(kind, request.resource)
                else:
                    yield from self._things().get(request.resource, ())

    def _of_principal(self, kind: Kind, arn: str) -> Iterator[_Policy]:
        found = self._principals.found(arn)
        if isinstance(found, Unknown):
            return
        account = self._principals.accounts[arn.split(":")[4]]
        managed = {policy.name: policy.text for policy in account.policies or ()}
        if kind is Kind.BOUNDARY:
            if found.boundary:
                yield found.boundary, found.boundary, managed.get(found.boundary)
            return
        holders: list[Role | User | Group] = [found]
        if isinstance(found, User):
            groups = {group.name: group for group in account.groups or ()}
            holders += (groups[name] for name in found.groups or () if name in groups)
            if found.groups is None or not groups.keys() >= set(found.groups):
                yield f"groups of {arn}", "", None
        for one in holders:
            if one.inline is None or one.attached is None:
                yield f"policies of {one.arn}", "", None
            for policy in one.inline or ():
                name = f"inline policy {policy.name}"
                yield f"{name} of {one.arn}", name, policy.text
            for attached in one.attached or ():
                yield attached, attached, managed.get(attached)

    def _of_account(self, kind: Kind, arn: str) -> Iterator[_Policy]:
        organization = self._principals.world.organization
        if organization is None or arn.count(":") < 5:
            return
        bound = organization.scps if kind is Kind.SCP else organization.rcps
        for level in bound.get(arn.split(":")[4]) or ():
            for policy in level:
                yield f"{kind.value} {policy.name}", policy.name, policy.text

    def _things(self) -> dict[str, tuple[_Policy, ...]]:
        if self._on_things is None:
            self._on_things = {}
            for region in (region for account in self._principals.world.accounts for region in account.regions):
                for secret in region.secrets or ():
                    name = "resource policy of the secret"
                    self._on_things[secret.arn] = ((f"{name} {secret.arn}", name, secret.policy),)
                for key in region.keys or ():
                    grants = [("grants", "", None)] if key.grants is None else []
                    self._on_things[key.arn] = ((f"key policy of {key.arn}", "key policy", key.policy), *grants)
        return self._on_things


@lru_cache(maxsize=256)
def _refusal(text: str, kind: Kind, name: str) -> str:
    """Return why AWS would refuse a text; empty where it would not."""
    try:
        read_document(text, kind, name)
    except PolicyError as error:
        return str(error).removeprefix(f"{name}: ")
    return ""
