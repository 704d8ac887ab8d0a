"""Secrets of one region and the functions that rotate them: what they are, never what they hold.

GetResourcePolicy is asked once a secret. ListSecrets gives all else but the replicas, so DescribeSecret is asked only
about those that a second listing, filtered by their primary region, says are replicated (Secrets Manager API:
SecretListEntry, Filter).
"""

import re
from collections.abc import Callable
from dataclasses import replace

from cred_audit.collect.aws.live.answers import (
    Fields,
    Lost,
    arn,
    entries,
    inner,
    moment,
    number,
    part,
    tags,
    text,
    truth,
)
from cred_audit.collect.aws.live.failures import NotSeen
from cred_audit.collect.aws.live.gaps import Gaps
from cred_audit.collect.aws.live.service import Service
from cred_audit.collect.aws.live.workers import Workers
from cred_audit.decide.aws.world import Function, Replica, Secret

_PAGE = 100
_RATE_OF_DAYS = re.compile(r"\s*rate\(\s*(\d{1,4})\s+days?\s*\)\s*")


def read_secrets(
    managers: Callable[[str], Service], account: str, region: str, workers: Workers, gaps: Gaps
) -> tuple[Secret, ...] | None:
    """Read them. `managers`: the service in a region."""
    manager = managers(region)
    try:
        listed = manager.listed(
            "list_secrets", "SecretList", IncludePlannedDeletion=False, PaginationConfig={"PageSize": _PAGE}
        )
        call = manager.named("list_secrets")
        secrets = [secret_of(entry, gaps.fields(call, arn(entry, "ARN"))) for entry in listed]
    except NotSeen as why:
        gaps.part("secrets", account, region, why)
        return None

    def policy(secret: Secret) -> str | NotSeen | None:
        try:
            return _policy(manager, secret.arn)
        except NotSeen as why:
            if not secret.primary_region or not why.invalid_request:
                return why
        try:
            # Where replicas are not asked about, their primary is: it hands its policy on (Secrets Manager User Guide:
            # Replicate secrets across Regions).
            primary = secret.arn.replace(f":{region}:", f":{secret.primary_region}:", 1)
            return _policy(managers(secret.primary_region), primary)
        except NotSeen as why:
            return why

    found = []
    for secret, policy_text in zip(secrets, workers.each(policy, secrets), strict=True):
        if isinstance(policy_text, NotSeen):
            gaps.call(manager.named("get_resource_policy"), policy_text, secret.arn)
            found.append(replace(secret, policy_seen=False))
        else:
            found.append(replace(secret, policy=policy_text))
    return _with_replicas(found, manager, region, workers, gaps)


def _policy(manager: Service, secret: str) -> str | None:
    """Return a resource policy; a secret without one is answered without this field."""
    return text(manager.ask("get_resource_policy", SecretId=secret), "ResourcePolicy", "") or None


def secret_of(data: Fields, lost: Lost) -> Secret:
    """Return a secret as a listing or description shows it: without its policy."""
    key = part(lambda: text(data, "KmsKeyId", ""), lost)
    secret = Secret(
        arn=arn(data, "ARN", "secretsmanager"),
        tags=part(lambda: tags(data), lost),
        key=key or None,
        key_seen=key is not None,
        last_changed=part(lambda: moment(data, "LastChangedDate"), lost),
        primary_region=_primary(data),
        replicas=replicas_of(data),
        owning_service=text(data, "OwningService", ""),
    )
    # What was not seen of its rotation leaves open how it is rotated.
    return part(lambda: _rotated(secret, data), lost) or secret


def _rotated(secret: Secret, data: Fields) -> Secret:
    rules = inner(data, "RotationRules")
    days = number(rules, "AutomaticallyAfterDays")
    schedule = _RATE_OF_DAYS.fullmatch(text(rules, "ScheduleExpression", ""))
    if days is None and schedule is not None:
        days = int(schedule.group(1))
    return replace(
        secret,
        rotated_by=arn(data, "RotationLambdaARN", "lambda") if data.get("RotationLambdaARN") else None,
        # Left out for a secret that never had a rotation.
        rotation=truth(data, "RotationEnabled", default=False),
        rotates_every=days,
        last_rotated=moment(data, "LastRotatedDate"),
    )


def replicas_of(data: Fields) -> tuple[Replica, ...]:
    """Return a secret's copies in other regions, as a description shows them."""
    return tuple(
        Replica(region=text(one, "Region"), key=text(one, "KmsKeyId", "") or None)
        for one in entries(data, "ReplicationStatus")
    )


def _primary(data: Fields) -> str:
    """Return the region that a secret is a replica of."""
    primary = text(data, "PrimaryRegion", "")
    return "" if primary == arn(data, "ARN").split(":")[3] else primary


def _with_replicas(
    secrets: list[Secret], manager: Service, region: str, workers: Workers, gaps: Gaps
) -> tuple[Secret, ...]:
    def replicas(secret: Secret) -> tuple[Replica, ...] | NotSeen:
        try:
            return replicas_of(manager.ask("describe_secret", SecretId=secret.arn))
        except NotSeen as why:
            return why

    replicated = _replicated(manager, region)
    chosen = [
        secret for secret in secrets
        if not secret.primary_region and (replicated is None or secret.arn in replicated)
    ]  # fmt: skip
    found = {}
    for secret, copies in zip(chosen, workers.each(replicas, chosen), strict=True):
        if isinstance(copies, NotSeen):
            gaps.call(manager.named("describe_secret"), copies, secret.arn)
        else:
            found[secret.arn] = copies
    return tuple(replace(secret, replicas=found.get(secret.arn, ())) for secret in secrets)


def _replicated(manager: Service, region: str) -> set[str] | None:
    """Return the ARNs of the secrets of this region that have copies elsewhere, None when they cannot be told apart."""
    try:
        listed = manager.listed(
            "list_secrets", "SecretList", Filters=[{"Key": "primary-region", "Values": [region]}],
            PaginationConfig={"PageSize": _PAGE},
        )  # fmt: skip
        return {arn(entry, "ARN", "secretsmanager") for entry in listed}
    except NotSeen:
        return None


def read_functions(
    functions: Service, secrets: tuple[Secret, ...] | None, place: tuple[str, str], workers: Workers, gaps: Gaps
) -> tuple[Function, ...] | None:
    """Read the functions that rotate these secrets. `place`: account and region."""
    if secrets is None:
        gaps.part("functions", *place, "which functions rotate secrets is not known: the secrets were not seen")
        return None

    def role(function: str) -> str | NotSeen:
        try:
            return arn(functions.ask("get_function_configuration", FunctionName=function), "Role")
        except NotSeen as why:
            return why

    names = sorted({secret.rotated_by for secret in secrets if secret.rotated_by})
    found = []
    for name, runs_as in zip(names, workers.each(role, names), strict=True):
        if isinstance(runs_as, NotSeen):
            gaps.call(functions.named("get_function_configuration"), runs_as, name)
        found.append(Function(arn=name, role=None if isinstance(runs_as, NotSeen) else runs_as))
    return tuple(found)
