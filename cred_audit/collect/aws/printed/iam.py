"""The answer of `iam get-account-authorization-details`: roles, users, groups and managed policies with their texts.

IAM API Reference: "GetAccountAuthorizationDetails". Lists that are empty may be left out of an answer.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cred_audit.collect.aws.printed.shape import (
    Fact,
    Listing,
    Place,
    ShapeError,
    document_of,
    entries,
    members,
    tags_of,
    text_of,
    texts_of,
)
from cred_audit.decide.aws.world import Group, PolicyText, Role, User, unique_id_of

Entry = Mapping[str, Any]


@dataclass(slots=True)
class Identities:
    """Everything of IAM in one account."""

    roles: Listing[Role] = field(default_factory=Listing)
    users: Listing[User] = field(default_factory=Listing)
    groups: Listing[Group] = field(default_factory=Listing)
    policies: Listing[PolicyText] = field(default_factory=Listing)

    def miss(self, reason: str) -> None:
        """Note that nothing of it is there whole."""
        for listing in (self.roles, self.users, self.groups, self.policies):
            listing.missing.append(reason)


def read_identities(document: Any, place: Place, found: Identities) -> None:
    """Add what one answer holds."""
    _read(document, "RoleDetailList", place, found.roles, _role)
    _read(document, "UserDetailList", place, found.users, _user)
    _read(document, "GroupDetailList", place, found.groups, _group)
    _read(document, "Policies", place, found.policies, _policy)


def _read(
    document: Any,
    key: str,
    place: Place,
    listing: Listing[Fact],
    read: Callable[[Entry, str, Place], tuple[str, Fact]],
) -> None:
    for path, entry in entries(document, key, place, listing.missing):
        try:
            listing.add(*read(entry, path, place))
        except ShapeError as error:
            listing.missing.append(f"{place.file}: {error}")


def _role(entry: Entry, path: str, place: Place) -> tuple[str, Role]:
    arn = place.arn(entry.get("Arn"), f"{path}.Arn", service="iam", kind="role/").text
    trust = document_of(entry.get("AssumeRolePolicyDocument"))
    if trust is None:
        place.unseen(f"{path}.AssumeRolePolicyDocument", "the trust policy is missing")
    longest = entry.get("MaxSessionDuration")
    return arn, Role(
        arn=arn,
        unique_id=unique_id_of(entry.get("RoleId")),
        tags=_part(tags_of, entry.get("Tags"), f"{path}.Tags", place),
        trust=trust,
        inline=_part(_inline, entry.get("RolePolicyList"), f"{path}.RolePolicyList", place),
        attached=_part(_attached, entry.get("AttachedManagedPolicies"), f"{path}.AttachedManagedPolicies", place),
        boundary=_part(_boundary, entry.get("PermissionsBoundary"), f"{path}.PermissionsBoundary", place),
        max_session=longest if isinstance(longest, int) and not isinstance(longest, bool) else None,
        # No fact says that these were not seen: a role without them could be passed to fewer services.
        instance_profiles=_profiles(entry.get("InstanceProfileList"), f"{path}.InstanceProfileList"),
    )


def _user(entry: Entry, path: str, place: Place) -> tuple[str, User]:
    arn = place.arn(entry.get("Arn"), f"{path}.Arn", service="iam", kind="user/").text
    return arn, User(
        arn=arn,
        unique_id=unique_id_of(entry.get("UserId")),
        tags=_part(tags_of, entry.get("Tags"), f"{path}.Tags", place),
        inline=_part(_inline, entry.get("UserPolicyList"), f"{path}.UserPolicyList", place),
        attached=_part(_attached, entry.get("AttachedManagedPolicies"), f"{path}.AttachedManagedPolicies", place),
        boundary=_part(_boundary, entry.get("PermissionsBoundary"), f"{path}.PermissionsBoundary", place),
        groups=_part(texts_of, entry.get("GroupList"), f"{path}.GroupList", place),
    )


def _group(entry: Entry, path: str, place: Place) -> tuple[str, Group]:
    arn = place.arn(entry.get("Arn"), f"{path}.Arn", service="iam", kind="group/").text
    return arn, Group(
        arn=arn,
        inline=_part(_inline, entry.get("GroupPolicyList"), f"{path}.GroupPolicyList", place),
        attached=_part(_attached, entry.get("AttachedManagedPolicies"), f"{path}.AttachedManagedPolicies", place),
    )


def _policy(entry: Entry, path: str, place: Place) -> tuple[str, PolicyText]:
    arn = place.arn(entry.get("Arn"), f"{path}.Arn", service="iam", kind="policy/", accounts=("aws",)).text
    default = entry.get("DefaultVersionId")
    text = None
    for _, version in members(entry.get("PolicyVersionList"), f"{path}.PolicyVersionList"):
        if version.get("IsDefaultVersion") is True or (default is not None and version.get("VersionId") == default):
            text = document_of(version.get("Document"))
    if text is None:
        place.unseen(f"{path}.PolicyVersionList", "the document of the default version is missing")
    return arn, PolicyText(name=arn, text=text)


def _part(read: Callable[[Any, str], Fact], value: Any, path: str, place: Place) -> Fact | None:
    """Return a part of an entry; None, with a gap, where it is not what AWS prints."""
    try:
        return read(value, path)
    except ShapeError as error:
        place.unseen(path, str(error))
        return None


def _inline(value: Any, path: str) -> tuple[PolicyText, ...]:
    return tuple(
        PolicyText(
            name=text_of(entry.get("PolicyName"), f"{where}.PolicyName"), text=document_of(entry.get("PolicyDocument"))
        )
        for where, entry in members(value, path)
    )


def _attached(value: Any, path: str) -> tuple[str, ...]:
    return tuple(text_of(entry.get("PolicyArn"), f"{where}.PolicyArn") for where, entry in members(value, path))


def _profiles(value: Any, path: str) -> tuple[str, ...]:
    return tuple(text_of(entry.get("Arn"), f"{where}.Arn") for where, entry in members(value, path))


def _boundary(value: Any, path: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, Mapping):
        raise ShapeError(f"{path} must be an object with PermissionsBoundaryArn")
    return text_of(value.get("PermissionsBoundaryArn"), f"{path}.PermissionsBoundaryArn")
