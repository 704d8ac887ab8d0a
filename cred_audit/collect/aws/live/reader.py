"""Read every account: its parts side by side, each with its own gaps, so that one that fails costs no other."""

from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from cred_audit.collect.aws.live.accounts import Opened, open_accounts
from cred_audit.collect.aws.live.connect import Access
from cred_audit.collect.aws.live.failures import NotSeen
from cred_audit.collect.aws.live.gaps import Gaps
from cred_audit.collect.aws.live.identities import Identities, read_identities
from cred_audit.collect.aws.live.keys import read_keys
from cred_audit.collect.aws.live.organization import read_organization
from cred_audit.collect.aws.live.parameters import read_parameters
from cred_audit.collect.aws.live.secrets import read_functions, read_secrets
from cred_audit.collect.aws.live.trails import read_trails
from cred_audit.collect.aws.live.workers import Workers
from cred_audit.decide.aws.world import Account, AwsWorld, Function, Group, Organization, Region, Role, Secret, User
from cred_audit.errors import CollectError
from cred_audit.facts import AwsFacts, Gap
from cred_audit.target.model import AwsSource

_PARTS_AT_ONCE = 6
_HEARTBEAT = 0.2
"""Seconds between two reports of progress."""

Progress = Callable[[str, int, int | None], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """One part of one account to read."""

    part: str
    account: str
    region: str
    read: Callable[[Gaps], Any]


def read_accounts(
    source: AwsSource, environ: Mapping[str, str], progress: Progress
) -> tuple[AwsFacts, tuple[Gap, ...]]:
    """Return what could be seen, and the gaps. Raises CollectError where nothing could be."""
    progress("AWS accounts", 0, None)
    opened = open_accounts(source, environ)
    workers = Workers()
    tasks = [
        task for account, access in opened.accounts.items() if not isinstance(access, NotSeen)
        for task in _tasks(account, access, opened, workers)
    ]  # fmt: skip
    try:
        found = _run([*tasks, _organization_task(opened, workers)], workers, progress)
    finally:
        opened.base.stopped.set()
        workers.stop()
    gaps = [
        gap for account, access in opened.accounts.items() if isinstance(access, NotSeen)
        for gap in _unread(account, opened.regions, access)
    ]  # fmt: skip
    gaps += [gap for _, more in found.values() for gap in more]
    parts = {key: part for key, (part, _) in found.items()}
    world = AwsWorld(
        accounts=tuple(_account(account, opened.regions, parts) for account in opened.accounts),
        organization=parts["organization", "", ""],
    )
    coverage = _coverage(world)
    if not coverage["accounts"]:
        hint = "; `cred-audit collect --print-policy --aws` prints the policy that it needs"
        more = hint if "the auditor needs" in gaps[0].reason else ""
        raise CollectError(f"aws: nothing could be read; {gaps[0].what}: {gaps[0].reason}{more}")
    return AwsFacts(world=world, coverage=coverage, assumed=opened.assumed), tuple(gaps)


def _tasks(account: str, access: Access, opened: Opened, workers: Workers) -> list[_Task]:
    def identities(gaps: Gaps) -> Identities:
        return read_identities(access.service("iam", opened.home, regional=False), account, workers, gaps)

    found = [_Task(part="iam", account=account, region="", read=identities)]
    for region in opened.regions:
        found += _tasks_of_region(account, region, access, opened.partition, workers)
    return found


def _tasks_of_region(account: str, region: str, access: Access, partition: str, workers: Workers) -> list[_Task]:
    place = (account, region)

    def secrets(gaps: Gaps) -> tuple[tuple[Secret, ...] | None, tuple[Function, ...] | None]:
        seen = read_secrets(lambda one: access.service("secretsmanager", one), account, region, workers, gaps)
        return seen, read_functions(access.service("lambda", region), seen, place, workers, gaps)

    readers: Mapping[str, Callable[[Gaps], Any]] = {
        "secrets": secrets,
        "parameters": lambda gaps: read_parameters(access.service("ssm", region), place, partition, workers, gaps),
        "keys": lambda gaps: read_keys(access.service("kms", region), account, region, workers, gaps),
        "trails": lambda gaps: read_trails(lambda home: access.service("cloudtrail", home), account, region, gaps),
    }
    return [_Task(part=part, account=account, region=region, read=read) for part, read in readers.items()]


def _organization_task(opened: Opened, workers: Workers) -> _Task:
    def organization(gaps: Gaps) -> Organization | None:
        others = [(account, one) for account, one in opened.accounts.items() if isinstance(one, Access)]
        accesses = [(opened.own, opened.base), *((account, one) for account, one in others if one is not opened.base)]
        sessions = [(account, one.service("organizations", opened.home, regional=False)) for account, one in accesses]
        return read_organization(tuple(opened.accounts), sessions, workers, gaps)

    return _Task(part="organization", account="", region="", read=organization)


_Found = dict[tuple[str, str, str], tuple[Any, tuple[Gap, ...]]]


def _run(tasks: list[_Task], workers: Workers, progress: Progress) -> _Found:
    """Return part, account and region -> what was read and the gaps, in the order of the tasks."""
    pool = ThreadPoolExecutor(max_workers=_PARTS_AT_ONCE, thread_name_prefix="aws-part")
    futures: dict[Future[tuple[Any, tuple[Gap, ...]]], _Task] = {pool.submit(_attempt, task): task for task in tasks}
    try:
        pending = set(futures)
        while pending:
            _, pending = wait(pending, timeout=_HEARTBEAT, return_when=FIRST_COMPLETED)
            progress("parts of AWS accounts", len(futures) - len(pending), len(futures))
            if workers.total:
                progress("secrets, keys, parameters, users", workers.done, workers.total)
        return {(task.part, task.account, task.region): future.result() for future, task in futures.items()}
    finally:
        # When somebody stops the audit, what has not begun is left out.
        pool.shutdown(wait=False, cancel_futures=True)


def _attempt(task: _Task) -> tuple[Any, tuple[Gap, ...]]:
    gaps = Gaps(task.account, task.region)
    try:
        return task.read(gaps), gaps.all()
    except NotSeen as why:
        # The client itself could not be made: no such region, a broken configuration.
        lost = Gaps(task.account, task.region)
        parts = ("secrets", "functions") if task.part == "secrets" else (task.part,)
        for part in parts:
            lost.part(part, task.account, task.region, why)
        return None, lost.all()


def _unread(account: str, regions: tuple[str, ...], why: NotSeen) -> tuple[Gap, ...]:
    gaps = Gaps(account)
    gaps.part("iam", account, "", why)
    for region in regions:
        for part in ("secrets", "parameters", "keys", "functions", "trails"):
            gaps.part(part, account, region, why)
    return gaps.all()


def _account(account: str, regions: tuple[str, ...], parts: Mapping[tuple[str, str, str], Any]) -> Account:
    who = parts.get(("iam", account, "")) or Identities()
    found = []
    for region in regions:
        secrets, functions = parts.get(("secrets", account, region)) or (None, None)
        found.append(
            Region(
                name=region,
                secrets=secrets,
                functions=functions,
                parameters=parts.get(("parameters", account, region)),
                keys=parts.get(("keys", account, region)),
                trails=parts.get(("trails", account, region)),
            )
        )
    return Account(
        id=account, regions=tuple(found), roles=who.roles, users=who.users, groups=who.groups, policies=who.policies
    )


def _coverage(world: AwsWorld) -> dict[str, int]:
    seen = [(account, region) for account in world.accounts for region in account.regions if _seen(region)]
    holders: list[Role | User | Group] = []
    for account in world.accounts:
        holders += [*(account.roles or ()), *(account.users or ()), *(account.groups or ())]
    regions = [region for _, region in seen]
    accounts = {account.id for account, _ in seen}
    accounts |= {one.id for one in world.accounts if (one.roles, one.users, one.policies) != (None, None, None)}
    return {
        "accounts": len(accounts),
        "regions": len({region.name for region in regions}),
        "roles": sum(len(account.roles or ()) for account in world.accounts),
        "users": sum(len(account.users or ()) for account in world.accounts),
        "policies": sum(len(account.policies or ()) for account in world.accounts)
        + sum(len(holder.inline or ()) for holder in holders),
        "secrets": sum(len(region.secrets or ()) for region in regions),
        "parameters": sum(len(region.parameters or ()) for region in regions),
        "keys": sum(len(region.keys or ()) for region in regions),
        "functions": sum(len(region.functions or ()) for region in regions),
        "trails": len({trail.arn for region in regions for trail in region.trails or ()}),
    }


def _seen(region: Region) -> bool:
    return any(part is not None for part in (region.secrets, region.parameters, region.keys, region.trails))
