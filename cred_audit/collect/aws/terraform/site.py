"""Where the resources of a plan will lie, what they will be called, and what is said of what nobody knows yet."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cred_audit.collect.aws.printed.regional import partition_of
from cred_audit.collect.aws.printed.shape import Place, ShapeError, document_of
from cred_audit.collect.aws.terraform.plan import UNKNOWN, Plan, Resource, without_indexes
from cred_audit.collect.aws.terraform.references import References

_GENERATED = "20000101000000000000000001"
"""What Terraform puts behind a prefix: a time and a counter; this one is ours."""
_NOT_YET = (
    "not known before the plan is applied, or marked sensitive; apply it and give the plan of the next run, "
    "or collect from the account"
)


@dataclass(slots=True)
class Site:
    """One plan, given for one account."""

    plan: Plan
    place: Place
    elsewhere: frozenset[str]
    """Other accounts that the same plan is given for."""
    references: References = field(init=False)

    def __post_init__(self) -> None:
        self.references = References(self.plan)

    @property
    def account(self) -> str:
        """The account that the plan is given for."""
        return self.place.account

    def here(self, resource: Resource) -> bool:
        """Whether a resource lies in this account. Raises ShapeError where it lies in one that nobody asked for."""
        account = resource.provider.account or self.account
        fields = resource.text("arn").split(":")
        if len(fields) > 5 and fields[4].isdigit():
            account = fields[4]
        elif self.elsewhere and not resource.provider.account:
            raise ShapeError(
                f"{resource.address}: the plan is given for several accounts and does not say in which one it lies; "
                "set allowed_account_ids or assume_role of the provider"
            )
        if account != self.account and account not in self.elsewhere:
            raise ShapeError(
                f"{resource.address} belongs to the account {account}, but the plan is given for {self.account}; "
                f"give it for {account} too"
            )
        return account == self.account

    def unseen(self, resource: Resource, argument: str, reason: str = _NOT_YET) -> None:
        """Note a value that nobody knows."""
        what = f"{self.place.file}: {resource.address}.{argument}"
        kind = f"{self.place.file}: {without_indexes(resource.address)}.{argument}"
        self.place.notes.detail(kind, what, reason)

    def region(self, resource: Resource) -> str:
        """Return the region of a resource. Raises ShapeError where the plan does not say."""
        fields = resource.text("arn").split(":")
        given = self.place.regions
        region = (
            resource.text("region")
            or (fields[3] if len(fields) > 5 else "")
            or resource.provider.region
            or (given[0] if len(given) == 1 else "")
        )
        if not region:
            raise ShapeError(f"{resource.address}: its region is not known; name it as `regions` of `aws`")
        return region

    def name(self, resource: Resource, argument: str = "name") -> str:
        """Return a resource's name; one of our own where AWS or Terraform will choose it. Raises ShapeError."""
        value = resource.get(argument)
        if isinstance(value, str) and value:
            return value
        prefix = resource.text(f"{argument}_prefix")
        chosen = resource.configured(argument) and resource.expressions is not None
        if value is not UNKNOWN or (not prefix and (chosen or resource.expressions is None)):
            raise ShapeError(f"{resource.address}: its name is not known before the plan is applied")
        name = (prefix or "terraform-") + _GENERATED
        # Said once for all of them: a plan may have thousands.
        self.assume(f"a name of which only the beginning is known ends in {_GENERATED} here; Terraform chooses the end")
        return name

    def arn(self, resource: Resource, service: str, name: str, *, kind: str) -> str:
        """Return a resource's ARN, built where AWS has not given it yet. Raises ShapeError."""
        found = resource.text("arn")
        if not found:
            region = "" if service == "iam" else self.region(resource)
            found = f"arn:{self.partition(region)}:{service}:{region}:{self.account}:{name}"
        return self.place.arn(found, f"{resource.address}.arn", service=service, kind=kind).text

    def partition(self, region: str = "") -> str:
        """Return the partition of a region, or of the account."""
        return partition_of(region or (self.place.regions[0] if self.place.regions else ""))

    def tags(self, resource: Resource) -> Mapping[str, str] | None:
        """Return a resource's tags, those that the provider adds included; None where any of them is not known."""
        value = resource.get("tags_all")
        only_written = not resource.provider.adds_tags and not resource.hidden("tags_all")
        if value is None or (value is UNKNOWN and only_written):
            value = resource.get("tags")
        if value is None:
            return {}
        if isinstance(value, Mapping) and all(isinstance(one, str) for one in value.values()):
            return dict(value)
        self.unseen(resource, "tags")
        return None

    def document(self, resource: Resource, argument: str) -> str | None:
        """Return a policy's text; None where it is not known."""
        value = resource.get(argument)
        text = None if value is UNKNOWN else document_of(value)
        if text is None:
            self.unseen(resource, argument)
        return text

    def known(self, resource: Resource, argument: str, value: Any) -> str | None:
        """Return a text that was asked for; None, with a gap, where it is none."""
        if isinstance(value, str):
            return value
        self.unseen(resource, argument)
        return None

    def referred(self, resource: Resource, argument: str, kind: str) -> Resource | None:
        """Return the resource that an argument names whose value is not known; None where that is not told."""
        found = self.references.of(resource, argument, kind)
        if found.one is not None and found.by_index:
            self.assume(
                f"{without_indexes(resource.address)} is taken to belong to {without_indexes(found.one.address)} of "
                "the same index, which only the applied plan would show"
            )
        return found.one

    def assume(self, sentence: str) -> None:
        """Note what was taken to be so."""
        self.place.notes.assume(f"{self.place.file}: {sentence}")
