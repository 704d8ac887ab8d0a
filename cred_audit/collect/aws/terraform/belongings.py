"""The secrets, parameters, keys, functions and trails of a plan. No value of a secret or parameter is ever read."""

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cred_audit.collect.aws.printed.regional import Belongings
from cred_audit.collect.aws.printed.shape import Fact, Listing, ShapeError, days_of, document_of
from cred_audit.collect.aws.selectors import records_reads
from cred_audit.collect.aws.terraform.plan import UNKNOWN, Resource, listed, mapping
from cred_audit.collect.aws.terraform.site import Site
from cred_audit.decide.aws.model import KmsGrant
from cred_audit.decide.aws.world import Function, Key, Parameter, Replica, Secret, Trail

_SUFFIX = "TfPlan"
"""Stands for the six characters that AWS puts behind a new secret's name."""
_KEYS = ("aws_kms_key", "aws_kms_external_key", "aws_kms_replica_key", "aws_kms_replica_external_key")
_DELETED = {
    "aws_secretsmanager_secret": "secrets", "aws_ssm_parameter": "parameters", "aws_cloudtrail": "trails",
    **dict.fromkeys(_KEYS, "keys"),
}  # fmt: skip


Change = Callable[[Any, Resource | None], Any]
"""Takes a fact and the resource that changes it; None where that is not known."""


@dataclass(slots=True)
class PlannedBelongings:
    """What one plan holds in the regions of an account."""

    site: Site
    found: Belongings = field(default_factory=Belongings)
    arns: dict[str, str] = field(default_factory=dict)
    """Address of a resource -> its ARN."""
    changes: dict[str, list[tuple[str, Resource, Change]]] = field(default_factory=dict)
    """Part -> names of what has a policy, rotation, alias or grant in a resource of its own, and that."""
    unsure: dict[tuple[str, str], Change] = field(default_factory=dict)
    """(part, kind of change): there is one, and nobody knows of what."""
    unset: frozenset[str] = field(init=False)
    """ARNs and ids whose own policy resource the plan takes away."""

    def __post_init__(self) -> None:
        names = {"aws_secretsmanager_secret_policy": "secret_arn", "aws_kms_key_policy": "key_id"}
        self.unset = frozenset(
            str(before.get(names[type_]))
            for type_, before, after in self.site.plan.changed()
            if after is None and type_ in names
        )

    def read(self) -> None:
        """Read the plan. Keys come first, since secrets name them."""
        found = self.found
        for kind in _KEYS:
            self._own(kind, found.keys, self._key)
        self._own("aws_lambda_function", found.functions, self._function)
        self._own("aws_secretsmanager_secret", found.secrets, self._secret)
        self._own("aws_ssm_parameter", found.parameters, self._parameter)
        self._own("aws_cloudtrail", found.trails, self._trail)
        for resource in self._of("aws_secretsmanager_secret_policy"):
            self._on_secret(resource, self._secret_policy)
        for resource in self._of("aws_secretsmanager_secret_rotation"):
            self._on_secret(resource, self._rotation)
        for resource in self._of("aws_kms_key_policy"):
            self._on_key(resource, "key_id", self._key_policy)
        for resource in self._of("aws_kms_alias"):
            self._on_key(resource, "target_key_id", self._alias)
        for resource in self._of("aws_kms_grant"):
            self._on_key(resource, "key_id", self._grant)

    def _of(self, kind: str) -> Iterator[Resource]:
        for resource in self.site.plan.resources:
            if resource.type == kind:
                yield resource

    def _own(self, kind: str, listing: Listing[Fact], read: Callable[[Resource], tuple[str, Fact]]) -> None:
        for resource in self._of(kind):
            try:
                if self.site.here(resource):
                    arn, fact = read(resource)
                    listing.add(arn, fact)
                    self.arns[resource.address] = arn
            except ShapeError as error:
                listing.missing.append(f"{self.site.place.file}: {error}")

    def _text(self, resource: Resource) -> str | None:
        return self.site.document(resource, "policy")

    def _secret(self, resource: Resource) -> tuple[str, Secret]:
        name = self.site.name(resource)
        if not resource.text("arn"):
            self.site.assume(f"the ARN of a new secret ends in -{_SUFFIX} here; AWS chooses the six characters")
        arn = self.site.arn(resource, "secretsmanager", f"secret:{name}-{_SUFFIX}", kind="secret:")
        policy = self._own_policy(resource, arn)
        if policy is UNKNOWN:
            self.site.unseen(resource, "policy")
        key, key_seen = self._key_of(resource, "kms_key_id")
        replicas = resource.settled("replica")
        if replicas is UNKNOWN:
            # What is not known of it: where it is copied to, and under which key.
            self.site.unseen(resource, "replica")
            key_seen = False
        return arn, Secret(
            arn=arn,
            tags=self.site.tags(resource),
            key=key,
            key_seen=key_seen,
            policy=None if policy is UNKNOWN else document_of(policy),
            policy_seen=policy is not UNKNOWN,
            rotation=False,
            replicas=tuple(
                Replica(region=str(one.get("region")), key=_text(one.get("kms_key_id")) or None)
                for one in (mapping(entry) for entry in listed(replicas))
                if isinstance(one.get("region"), str)
            ),
        )

    def _own_policy(self, resource: Resource, arn: str) -> Any:
        """Return the policy in a resource of its own; what nobody configured there may be about to go."""
        gone = not self.unset.isdisjoint((arn, arn.rpartition("/")[2]))
        policy = None if gone and not resource.configured("policy") else resource.settled("policy")
        # An empty object is how a resource says that there is none.
        return None if isinstance(policy, str) and policy.strip() == "{}" else policy

    @staticmethod
    def _copies(secret: Secret) -> Iterator[Secret]:
        """Yield the copies in other regions; they have the tags and the policy of the first one."""
        fields = secret.arn.split(":")
        for copy in secret.replicas:
            arn = ":".join((*fields[:3], copy.region, *fields[4:]))
            yield replace(secret, arn=arn, key=copy.key, primary_region=fields[3], replicas=())

    def _parameter(self, resource: Resource) -> tuple[str, Parameter]:
        name = self.site.name(resource)
        arn = self.site.arn(resource, "ssm", f"parameter/{name.removeprefix('/')}", kind="parameter/")
        key, seen = self._key_of(resource, "key_id")
        kind = resource.text("type")
        if not kind:
            self.site.unseen(resource, "type")
        if not seen or not kind:
            # No fact says that a parameter's key is unknown; a name that no key has does.
            key = f"unknown key of {resource.address}"
        return arn, Parameter(arn=arn, type=kind or "SecureString", tags=self.site.tags(resource), key=key)

    def _key_of(self, resource: Resource, argument: str) -> tuple[str | None, bool]:
        """Return the key that an argument names and whether it is known; None for AWS's own key."""
        value = resource.settled(argument)
        if value is not UNKNOWN:
            return _text(value) or None, True
        for kind in (*_KEYS, "aws_kms_alias"):
            one = self.site.referred(resource, argument, kind)
            if one is not None and (found := self.arns.get(one.address) or self._aliased(one)):
                return found, True
        self.site.unseen(resource, argument)
        return None, False

    def _aliased(self, alias: Resource) -> str:
        return alias.text("name") if alias.type == "aws_kms_alias" else ""

    def _key(self, resource: Resource) -> tuple[str, Key]:
        own = uuid.uuid5(uuid.NAMESPACE_URL, f"{self.site.account}/{resource.address}")
        if not resource.text("arn"):
            self.site.assume("new KMS keys have an id of our own here; AWS chooses it")
        arn = self.site.arn(resource, "kms", f"key/{own}", kind="key/")
        policy = self._own_policy(resource, arn)
        text = None if policy is UNKNOWN else document_of(policy) or self._default_policy(arn)
        if text is None:
            self.site.unseen(resource, "policy")
        enabled = resource.get("is_enabled" if resource.type == "aws_kms_key" else "enabled")
        return arn, Key(
            arn=arn,
            policy=text,
            tags=self.site.tags(resource),
            enabled=True if enabled is None else enabled if isinstance(enabled, bool) else None,
        )

    def _default_policy(self, arn: str) -> str:
        """Return what AWS gives a key without policy (KMS Developer Guide: "Default key policy")."""
        root = f"arn:{arn.split(':')[1]}:iam::{self.site.account}:root"
        statement = {
            "Sid": "Enable IAM User Permissions", "Effect": "Allow", "Principal": {"AWS": root},
            "Action": "kms:*", "Resource": "*",
        }  # fmt: skip
        return json.dumps({"Version": "2012-10-17", "Id": "key-default-1", "Statement": [statement]})

    def _function(self, resource: Resource) -> tuple[str, Function]:
        name = self.site.name(resource, "function_name")
        arn = self.site.arn(resource, "lambda", f"function:{name}", kind="function:")
        role = resource.get("role")
        if role is UNKNOWN:
            one = self.site.referred(resource, "role", "aws_iam_role")
            path = one.text("path") or "/" if one is not None else "/"
            named = one.text("name") if one is not None else ""
            role = f"arn:{arn.split(':')[1]}:iam::{self.site.account}:role{path}{named}" if named else None
        return arn, Function(arn=arn, role=self.site.known(resource, "role", role))

    def _trail(self, resource: Resource) -> tuple[str, Trail]:
        name = self.site.name(resource)
        arn = self.site.arn(resource, "cloudtrail", f"trail/{name}", kind="trail/")
        logging, everywhere = resource.get("enable_logging"), resource.get("is_multi_region_trail")
        reads = _reads(resource.get("event_selector"), resource.get("advanced_event_selector"))
        if reads is None:
            self.site.unseen(resource, "event_selector")
        return arn, Trail(
            arn=arn,
            logging=True if logging is None else logging if isinstance(logging, bool) else None,
            every_region=everywhere is True,
            reads=reads,
            bucket=resource.text("s3_bucket_name"),
            key=resource.text("kms_key_id") or None,
        )

    def _on_secret(self, resource: Resource, change: Callable[[Secret, Resource | None], Secret]) -> None:
        argument = "secret_arn" if resource.type == "aws_secretsmanager_secret_policy" else "secret_id"
        self._on(resource, argument, "secrets", ("aws_secretsmanager_secret",), change)

    def _on_key(self, resource: Resource, argument: str, change: Callable[[Key, Resource | None], Key]) -> None:
        self._on(resource, argument, "keys", _KEYS, change)

    def _on(self, resource: Resource, argument: str, part: str, kinds: tuple[str, ...], change: Change) -> None:
        """Keep a change of something, by its name; of everything where it is not known what it is about."""
        try:
            if not self.site.here(resource):
                return
        except ShapeError as error:
            self.site.unseen(resource, argument, str(error))
            self.unsure[part, change.__name__] = change
            return
        value = resource.get(argument)
        if not isinstance(value, str):
            named = [self.site.referred(resource, argument, kind) for kind in kinds]
            value = next((self.arns[one.address] for one in named if one is not None and one.address in self.arns), "")
        if value:
            self.changes.setdefault(part, []).append((value, resource, change))
        else:
            self.site.unseen(resource, argument)
            self.unsure[part, change.__name__] = change

    def _key_policy(self, key: Key, own: Resource | None) -> Key:
        return replace(key, policy=self._text(own) if own is not None else None)

    def _secret_policy(self, secret: Secret, own: Resource | None) -> Secret:
        text = self._text(own) if own is not None else None
        return replace(secret, policy=text, policy_seen=text is not None)

    def _rotation(self, secret: Secret, own: Resource | None) -> Secret:
        if own is None:
            return replace(secret, rotation=None)
        function = own.get("rotation_lambda_arn")
        if function is UNKNOWN:
            one = self.site.referred(own, "rotation_lambda_arn", "aws_lambda_function")
            function = self.arns.get(one.address) if one is not None else None
            self.site.known(own, "rotation_lambda_arn", function)
        rules = next(iter(listed(own.get("rotation_rules"))), None)
        rules = mapping(rules)
        every = days_of(
            {
                "AutomaticallyAfterDays": rules.get("automatically_after_days") or None,
                "ScheduleExpression": rules.get("schedule_expression"),
            }
        )
        return replace(secret, rotation=True, rotated_by=_text(function) or None, rotates_every=every)

    def _alias(self, key: Key, own: Resource | None) -> Key:
        name = own.text("name") if own is not None else ""
        return replace(key, aliases=(*key.aliases, name)) if name else key

    def _grant(self, key: Key, own: Resource | None) -> Key:
        if own is None or key.grants is None:
            return replace(key, grants=None)
        grantee, operations = own.get("grantee_principal"), own.get("operations")
        constraints = own.get("constraints")
        if not isinstance(grantee, str) or operations is UNKNOWN or constraints is UNKNOWN:
            self.site.unseen(own, "grantee_principal")
            return replace(key, grants=None)
        constraint = mapping(next(iter(listed(constraints)), None))
        grant = KmsGrant(
            grantee=grantee,
            operations=frozenset(str(one) for one in listed(operations)),
            context_subset=_pairs(constraint.get("encryption_context_subset")),
            context_equals=_pairs(constraint.get("encryption_context_equals")),
            name=own.text("name"),
        )
        return replace(key, grants=(*key.grants, grant))

    def into(self, belongings: Belongings) -> None:
        """Put the plan on top of what other files say: what it deletes goes, what it holds stands."""
        for type_, before, after in self.site.plan.changed():
            if after is None and type_ in _DELETED:
                listing: Listing[Any] = getattr(belongings, _DELETED[type_])
                listing.found.pop(str(before.get("arn")), None)
        for part in ("secrets", "parameters", "keys", "functions", "trails"):
            listing, own = getattr(belongings, part), getattr(self.found, part)
            listing.found |= {arn: _onto(listing.found.get(arn), fact) for arn, fact in own.found.items()}
            listing.missing += own.missing
        for part, changes in self.changes.items():
            self._apply(getattr(belongings, part), changes)
        for (part, _), change in self.unsure.items():
            listing = getattr(belongings, part)
            listing.found = {arn: change(fact, None) for arn, fact in listing.found.items()}
        secrets = belongings.secrets.found
        for arn in self.found.secrets.found:
            for copy in self._copies(secrets[arn]):
                secrets.setdefault(copy.arn, copy)
        rotating = {secret.rotated_by for secret in secrets.values()}
        for arn in self.found.functions.found.keys() - rotating:
            del belongings.functions.found[arn]

    def _apply(self, listing: Listing[Any], changes: list[tuple[str, Resource, Change]]) -> None:
        """Change what lies in the plan or in what other files show."""
        names: dict[str, list[str]] = {}
        for arn in listing.found:
            names.setdefault(arn.partition(":secret:")[2][:-7] or arn.rpartition("/")[2], []).append(arn)
        for name, resource, change in changes:
            meant = [name] if name in listing.found else self._near(resource, names.get(name, []))
            if not meant:
                self.site.unseen(resource, "id", f"it changes {name[:200]}, which none of the files holds")
            elif len(meant) > 1:
                self.site.unseen(resource, "id", f"{name[:200]} is in several regions; set the region of its provider")
            for arn in meant:
                listing.found[arn] = change(listing.found[arn], resource if len(meant) == 1 else None)

    def _near(self, resource: Resource, arns: list[str]) -> list[str]:
        """Return those of the same name that lie in a resource's region: replicas share a name, or a key's id."""
        if len(arns) < 2:
            return arns
        try:
            region = self.site.region(resource)
        except ShapeError:
            return arns
        return [arn for arn in arns if arn.split(":")[3] == region]


def _onto(before: Any, fact: Any) -> Any:
    """Return what a plan holds, with what only AWS can tell from before."""
    if isinstance(fact, Key) and isinstance(before, Key):
        grants = None if fact.grants is None or before.grants is None else tuple({*before.grants, *fact.grants})
        return replace(fact, grants=grants, aliases=tuple(sorted({*before.aliases, *fact.aliases})))
    if isinstance(fact, Secret) and isinstance(before, Secret):
        return replace(
            fact,
            last_rotated=before.last_rotated,
            last_changed=before.last_changed,
            owning_service=before.owning_service,
        )
    return fact


def _reads(basic: Any, advanced: Any) -> bool | None:
    """Return whether a trail records every call that reads secrets. Without selectors AWS sets its default."""
    if basic is UNKNOWN or advanced is UNKNOWN:
        return None
    selectors = [
        {"FieldSelectors": _as_the_api(mapping(one).get("field_selector"))} if isinstance(one, Mapping) else one
        for one in listed(advanced)
    ]
    return records_reads(_as_the_api(basic or []), selectors if isinstance(advanced, list) else advanced or [])


def _as_the_api(blocks: Any) -> Any:
    """Return blocks with their arguments spelled as the API spells them: `not_equals` is NotEquals."""
    if not isinstance(blocks, list):
        return blocks
    return [
        {
            "".join(word.title() for word in name.split("_")): value
            for name, value in block.items()
            if value not in (None, [])
        }
        if isinstance(block, Mapping)
        else block
        for block in blocks
    ]


def _pairs(value: Any) -> Mapping[str, str] | None:
    if not isinstance(value, Mapping) or not value:
        return None
    return {str(key): str(one) for key, one in value.items()}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
