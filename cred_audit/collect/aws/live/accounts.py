"""Which accounts are read, and as whom: the caller itself in its own, a role everywhere else."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cred_audit.collect.aws.live.answers import arn, inner, text
from cred_audit.collect.aws.live.connect import Access, base_access, session_region
from cred_audit.collect.aws.live.failures import NotSeen, malformed, shown
from cred_audit.errors import CollectError
from cred_audit.target.model import AwsSource

_SESSION_NAME = "cred-audit"
_MAIN_REGION = {"aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The accounts, ready to be read."""

    base: Access
    own: str
    """The caller's account."""
    partition: str
    regions: tuple[str, ...]
    home: str
    """A region where the credentials are good, for services that have none of their own."""
    accounts: Mapping[str, Access | NotSeen]
    """Account id -> its access, or why there is none."""
    assumed: tuple[str, ...]


def open_accounts(source: AwsSource, environ: Mapping[str, str]) -> Opened:
    """Find out who calls, and assume the role of each account. Raises CollectError where nobody is let in."""
    try:
        base = base_access(source.profile, source.endpoint_url or "", environ)
    except NotSeen as why:
        raise CollectError(f"aws: {why}") from None
    regions = tuple(dict.fromkeys(source.regions)) or tuple(filter(None, [session_region(base)]))
    if not regions:
        raise CollectError("aws: no region; set aws.regions in the target, or AWS_REGION")
    own, caller, home = _caller(base, regions[0])
    partition = caller.split(":")[1]
    accounts: dict[str, Access | NotSeen] = {}
    assumed = [f"Only what lies in {', '.join(regions)} was read: things in other regions of AWS are not judged"]
    for account in dict.fromkeys(source.accounts or (own,)):
        try:
            accounts[account] = _access(source.role_arn, account, base, (own, caller), home)
        except NotSeen as why:
            accounts[account] = base if account == own else why
            if account == own:
                assumed.append(f"The caller's own account {own} was read with its own credentials: {why}")
    return Opened(
        base=base, own=own, partition=partition, regions=regions, home=home, accounts=accounts, assumed=tuple(assumed),
    )  # fmt: skip


def _caller(base: Access, region: str) -> tuple[str, str, str]:
    """Return the account and the ARN of whoever calls, and the region that knew."""
    main = "us-east-1"
    for partition, home in _MAIN_REGION.items():
        if region.startswith(partition.removeprefix("aws-") + "-"):
            main = home
    regions = tuple(dict.fromkeys((session_region(base) or region, main)))
    for number, where in enumerate(regions, 1):
        try:
            answer = base.service("sts", where, regional=False, hasty=True).ask("get_caller_identity")
            account, caller = text(answer, "Account"), arn(answer, "Arn")
            if len(account) != 12 or not account.isdigit():
                raise malformed("Account")
        except NotSeen as why:
            # A region that the account has not enabled knows no credentials: another one tells whether they are good.
            if (why.invalid_token or why.no_region) and number < len(regions):
                continue
            raise CollectError(f"aws: {why}") from None
        return account, caller, where
    raise LookupError("there is always a region to ask")


def _access(role: str | None, account: str, base: Access, caller: tuple[str, str], region: str) -> Access:
    own, who = caller
    if role is None:
        if account == own:
            return base
        raise NotSeen(
            f"the credentials belong to account {own} and not to {account}; set aws.role_arn to a role in each account "
            "(arn:aws:iam::{account}:role/NAME), or correct aws.accounts"
        )
    wanted = role.replace("{account}", account)
    fields = wanted.split(":")
    if len(fields) > 4 and fields[4] != account:
        raise NotSeen(
            f"aws.role_arn names a role of account {fields[4]}, not of {account}; write {{account}} in its place"
        )

    def fetch() -> Mapping[str, str]:
        try:
            answer = base.service("sts", region, regional=False).ask(
                "assume_role", RoleArn=wanted, RoleSessionName=_SESSION_NAME
            )
            credentials = inner(answer, "Credentials")
            found = {
                "access_key": text(credentials, "AccessKeyId"),
                "secret_key": text(credentials, "SecretAccessKey"),
                "token": text(credentials, "SessionToken"),
            }
            base.hide.add(*found.values())
            expires = credentials.get("Expiration")
            if not isinstance(expires, datetime):
                raise malformed("Expiration")
            if arn(inner(answer, "AssumedRoleUser"), "Arn").split(":")[4] != account:
                raise malformed("AssumedRoleUser")
        except NotSeen as why:
            more = f"; its trust policy must let {shown(who)} in" if why.denied else ""
            raise NotSeen(f"the role {shown(wanted)} cannot be assumed: {why}{more}", code=why.code) from None
        return {**found, "expiry_time": expires.isoformat()}

    return base.assuming(fetch, region)
