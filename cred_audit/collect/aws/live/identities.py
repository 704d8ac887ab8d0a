"""Who can act in an account: roles, users, groups and managed policies (IAM API: GetAccountAuthorizationDetails)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from cred_audit.collect.aws.live.answers import (
    Fields,
    Lost,
    arn,
    document,
    entries,
    inner,
    moment,
    number,
    part,
    tags,
    text,
    texts,
    truth,
)
from cred_audit.collect.aws.live.failures import NotSeen, malformed
from cred_audit.collect.aws.live.gaps import Gaps
from cred_audit.collect.aws.live.service import Service
from cred_audit.collect.aws.live.workers import Workers
from cred_audit.decide.aws.world import Group, PolicyText, Role, User, unique_id_of

_DETAILS = "get_account_authorization_details"
_PAGE = 1000
_Thing = TypeVar("_Thing")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identities:
    """Who can act in one account; None for what was not seen."""

    roles: tuple[Role, ...] | None = None
    users: tuple[User, ...] | None = None
    groups: tuple[Group, ...] | None = None
    policies: tuple[PolicyText, ...] | None = None


def read_identities(iam: Service, account: str, workers: Workers, gaps: Gaps) -> Identities:
    """Read them."""
    try:
        pages = iam.pages(_DETAILS, PaginationConfig={"PageSize": _PAGE})
    except NotSeen as why:
        gaps.part("iam", account, "", why)
        return Identities()
    place = (account, iam.named(_DETAILS))
    found = Identities(
        roles=_part(pages, "RoleDetailList", role_of, place, gaps),
        users=_part(pages, "UserDetailList", user_of, place, gaps),
        groups=_part(pages, "GroupDetailList", group_of, place, gaps),
        policies=_part(pages, "Policies", policy_of, place, gaps),
    )
    return replace(
        found,
        roles=_with_longest_session(found.roles, iam, gaps),
        users=_with_access_keys(found.users, iam, workers, gaps),
        policies=_in_use(found),
    )


def _part(
    pages: list[Fields], field: str, read: Callable[[Fields, Lost], _Thing], place: tuple[str, str], gaps: Gaps
) -> tuple[_Thing, ...] | None:
    account, call = place

    def one(entry: Fields) -> _Thing:
        return read(entry, gaps.fields(call, arn(entry, "Arn", "iam")))

    try:
        if not any(field in page for page in pages):
            raise malformed(field)
        return tuple(one(entry) for page in pages for entry in entries(page, field))
    except NotSeen as why:
        gaps.part("iam", account, "", why)
        return None


def role_of(data: Fields, lost: Lost) -> Role:
    """Return a role; how long its sessions may be stands elsewhere."""
    return Role(
        arn=arn(data, "Arn", "iam"),
        unique_id=unique_id_of(data.get("RoleId")),
        tags=part(lambda: tags(data), lost),
        trust=part(lambda: document(data, "AssumeRolePolicyDocument"), lost),
        inline=part(lambda: _inline(data, "RolePolicyList", lost), lost),
        attached=part(lambda: _attached(data), lost),
        boundary=part(lambda: _boundary(data), lost),
        # No fact says that these were not seen: a role without them could be passed to fewer services.
        instance_profiles=tuple(arn(entry, "Arn") for entry in entries(data, "InstanceProfileList")),
    )


def user_of(data: Fields, lost: Lost) -> User:
    """Return a user, without the access keys."""
    return User(
        arn=arn(data, "Arn", "iam"),
        unique_id=unique_id_of(data.get("UserId")),
        tags=part(lambda: tags(data), lost),
        inline=part(lambda: _inline(data, "UserPolicyList", lost), lost),
        attached=part(lambda: _attached(data), lost),
        boundary=part(lambda: _boundary(data), lost),
        groups=part(lambda: texts(data, "GroupList"), lost),
    )


def group_of(data: Fields, lost: Lost) -> Group:
    """Return a group."""
    return Group(
        arn=arn(data, "Arn", "iam"),
        inline=part(lambda: _inline(data, "GroupPolicyList", lost), lost),
        attached=part(lambda: _attached(data), lost),
    )


def policy_of(data: Fields, lost: Lost) -> PolicyText:
    """Return a managed policy in its default version."""
    return PolicyText(name=arn(data, "Arn", "iam"), text=part(lambda: _default_version(data), lost))


def _default_version(data: Fields) -> str:
    for version in entries(data, "PolicyVersionList"):
        if truth(version, "IsDefaultVersion") is True:
            return document(version, "Document")
    raise malformed("IsDefaultVersion")


def _inline(data: Fields, field: str, lost: Lost) -> tuple[PolicyText, ...]:
    return tuple(_named(entry, lost) for entry in entries(data, field))


def _named(data: Fields, lost: Lost) -> PolicyText:
    return PolicyText(name=text(data, "PolicyName"), text=part(lambda: document(data, "PolicyDocument"), lost))


def _attached(data: Fields) -> tuple[str, ...]:
    return tuple(arn(entry, "PolicyArn") for entry in entries(data, "AttachedManagedPolicies"))


def _boundary(data: Fields) -> str:
    boundary = inner(data, "PermissionsBoundary")
    return arn(boundary, "PermissionsBoundaryArn") if boundary else ""


def _in_use(found: Identities) -> tuple[PolicyText, ...] | None:
    """Return the account's own policies and those of AWS's that something has attached: AWS has over a thousand."""
    holders: list[Role | User | Group] = [*(found.roles or ()), *(found.users or ()), *(found.groups or ())]
    used = {policy for holder in holders for policy in holder.attached or ()}
    used |= {one.boundary for one in holders if not isinstance(one, Group) and one.boundary}
    if found.policies is None:
        return None
    return tuple(one for one in found.policies if ":iam::aws:policy/" not in one.name or one.name in used)


def _with_longest_session(roles: tuple[Role, ...] | None, iam: Service, gaps: Gaps) -> tuple[Role, ...] | None:
    if not roles:
        return roles
    try:
        listed = iam.listed("list_roles", "Roles", PaginationConfig={"PageSize": _PAGE})
        longest: Mapping[str, int | None] = {arn(one, "Arn"): number(one, "MaxSessionDuration") for one in listed}
    except NotSeen as why:
        gaps.call(iam.named("list_roles"), why)
        return roles
    return tuple(replace(role, max_session=longest.get(role.arn)) for role in roles)


def _with_access_keys(
    users: tuple[User, ...] | None, iam: Service, workers: Workers, gaps: Gaps
) -> tuple[User, ...] | None:
    def made(user: User) -> tuple[datetime, ...] | NotSeen:
        try:
            keys = iam.listed("list_access_keys", "AccessKeyMetadata", UserName=user.arn.rpartition("/")[2])
            dates = tuple(moment(key, "CreateDate") for key in keys)
            if None in dates:
                raise malformed("CreateDate")
            return tuple(sorted(date for date in dates if date is not None))
        except NotSeen as why:
            return why

    found = []
    for user, keys in zip(users or (), workers.each(made, users or ()), strict=True):
        if isinstance(keys, NotSeen):
            gaps.call(iam.named("list_access_keys"), keys, user.arn)
        else:
            user = replace(user, access_keys=keys)  # noqa: PLW2901  (the same user, with more seen)
        found.append(user)
    return None if users is None else tuple(found)
