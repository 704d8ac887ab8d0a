"""Answers about what lies in a region: secrets, parameters, keys, rotation functions and trails.

No value of a secret or parameter is ever taken from them, also where the answer holds one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cred_audit.collect.aws.printed.shape import (
    Fact,
    Listing,
    Place,
    ShapeError,
    days_of,
    document_of,
    entries,
    members,
    moment_of,
    tags_of,
    text_of,
    texts_of,
)
from cred_audit.collect.aws.selectors import records_reads
from cred_audit.decide.aws.model import KmsGrant
from cred_audit.decide.aws.world import Function, Key, Parameter, Replica, Secret, Trail

Entry = Mapping[str, Any]


@dataclass(slots=True)
class Belongings:
    """Everything that lies in the regions of one account."""

    secrets: Listing[Secret] = field(default_factory=Listing)
    parameters: Listing[Parameter] = field(default_factory=Listing)
    keys: Listing[Key] = field(default_factory=Listing)
    functions: Listing[Function] = field(default_factory=Listing)
    trails: Listing[Trail] = field(default_factory=Listing)


def read_secrets(document: Any, place: Place, found: Belongings) -> None:
    """Add the secrets of `{"SecretList": [...]}`, or of one describe-secret answer."""
    whole = {"SecretList": [document]} if isinstance(document, Mapping) and "ARN" in document else document
    listed = list(entries(whole, "SecretList", place, found.secrets.missing))
    if listed and not any("ResourcePolicy" in entry for _, entry in listed):
        place.notes.assume(
            f"The secrets of {place.file} are taken to have no resource policies, since none has a ResourcePolicy: "
            "list-secrets and describe-secret do not print them, `aws secretsmanager get-resource-policy` does"
        )
    _take(listed, place, found.secrets, _secret)


def read_parameters(document: Any, place: Place, found: Belongings) -> None:
    """Add the parameters of `{"Parameters": [...]}`."""
    listed = list(entries(document, "Parameters", place, found.parameters.missing))
    tagged = any("Tags" in entry for _, entry in listed)
    if listed and not tagged:
        place.unseen(
            "Parameters[...].Tags",
            "describe-parameters prints no tags; add to each parameter what "
            "`aws ssm list-tags-for-resource --resource-type Parameter` prints, as Tags",
        )
    _take(listed, place, found.parameters, lambda entry, path, here: _parameter(entry, path, here, tagged=tagged))


def read_keys(document: Any, place: Place, found: Belongings) -> None:
    """Add the keys of `{"Keys": [...]}`, each with KeyPolicy, Grants and Tags; `Aliases` may stand beside."""
    missing = found.keys.missing
    listed = [(path, _with_metadata(entry)) for path, entry in entries(document, "Keys", place, missing)]
    own = [(path, entry) for path, entry in listed if entry.get("KeyManager") != "AWS"]
    given = frozenset(name for name in ("Tags", "Grants") for _, entry in own if name in entry)
    for name, call in (("Tags", "list-resource-tags"), ("Grants", "list-grants")):
        if own and name not in given:
            place.unseen(f"Keys[...].{name}", f"add to each key what `aws kms {call}` prints, as {name}")
    aliases: dict[str, list[str]] = {}
    if isinstance(document, Mapping) and isinstance(document.get("Aliases"), list):
        for _, alias in entries(document, "Aliases", place, missing):
            aliases.setdefault(str(alias.get("TargetKeyId")), []).append(str(alias.get("AliasName")))
    _take(listed, place, found.keys, lambda entry, path, here: _key(entry, path, here, given, aliases))


def read_functions(document: Any, place: Place, found: Belongings) -> None:
    """Add the functions of `{"Functions": [...]}`, or of one get-function-configuration answer."""
    whole = {"Functions": [document]} if isinstance(document, Mapping) and "FunctionArn" in document else document
    _take(list(entries(whole, "Functions", place, found.functions.missing)), place, found.functions, _function)


def read_trails(document: Any, place: Place, found: Belongings) -> None:
    """Add the trails of `{"trailList": [...]}`."""
    _take(list(entries(document, "trailList", place, found.trails.missing)), place, found.trails, _trail)


def _take(
    listed: list[tuple[str, Entry]],
    place: Place,
    listing: Listing[Fact],
    read: Callable[[Entry, str, Place], tuple[str, Fact]],
) -> None:
    for path, entry in listed:
        try:
            listing.add(*read(entry, path, place))
        except ShapeError as error:
            listing.missing.append(f"{place.file}: {error}")


def _secret(entry: Entry, path: str, place: Place) -> tuple[str, Secret]:
    arn = place.arn(entry.get("ARN", entry.get("Arn")), f"{path}.ARN", service="secretsmanager", kind="secret:").text
    key = entry.get("KmsKeyId")
    key_seen = key is None or isinstance(key, str)
    if not key_seen:
        place.unseen(f"{path}.KmsKeyId", "it is no text")
    rotator = entry.get("RotationLambdaARN")
    return arn, Secret(
        arn=arn,
        tags=_tags(entry.get("Tags"), f"{path}.Tags", place),
        key=(key or None) if isinstance(key, str) else None,
        key_seen=key_seen,
        policy=document_of(entry.get("ResourcePolicy")),
        rotated_by=rotator if isinstance(rotator, str) and rotator else None,
        # An answer leaves it out for a secret that was never set up for rotation.
        rotation=entry.get("RotationEnabled", False) is True,
        rotates_every=days_of(entry.get("RotationRules")),
        last_rotated=moment_of(entry.get("LastRotatedDate")),
        last_changed=moment_of(entry.get("LastChangedDate")),
        primary_region=_text(entry.get("PrimaryRegion")) if entry.get("PrimaryRegion") != arn.split(":")[3] else "",
        replicas=tuple(
            Replica(region=text_of(copy.get("Region"), f"{where}.Region"), key=_text(copy.get("KmsKeyId")) or None)
            for where, copy in members(entry.get("ReplicationStatus"), f"{path}.ReplicationStatus")
        ),
        owning_service=_text(entry.get("OwningService")),
    )


def _parameter(entry: Entry, path: str, place: Place, *, tagged: bool) -> tuple[str, Parameter]:
    given = entry.get("ARN", entry.get("Arn"))
    if given is None:
        name = text_of(entry.get("Name"), f"{path}.Name")
        if name.startswith("arn:"):
            given = name
        elif len(place.regions) == 1:
            region = place.regions[0]
            given = f"arn:{partition_of(region)}:ssm:{region}:{place.account}:parameter/{name.removeprefix('/')}"
        else:
            raise ShapeError(f"{path} has no ARN; name the one region that it lies in as `regions` of `aws`")
    arn = place.arn(given, f"{path}.ARN", service="ssm", kind="parameter/").text
    kind = entry.get("Type")
    if kind not in ("String", "StringList", "SecureString"):
        # Taken for the one that a key encrypts, whichever that is.
        place.unseen(f"{path}.Type", "it must be String, StringList or SecureString")
        kind = "SecureString"
    key = entry.get("KeyId")
    return arn, Parameter(
        arn=arn,
        type=kind,
        tags=_tags(entry.get("Tags"), f"{path}.Tags", place) if tagged else None,
        key=key if isinstance(key, str) and key else None,
        last_changed=moment_of(entry.get("LastModifiedDate")),
    )


def _with_metadata(entry: Entry) -> Entry:
    inner = entry.get("KeyMetadata")
    return {**entry, **inner} if isinstance(inner, Mapping) else entry


def _key(
    entry: Entry, path: str, place: Place, given: frozenset[str], aliases: Mapping[str, list[str]]
) -> tuple[str, Key]:
    name = next((entry[key] for key in ("Arn", "KeyArn", "KeyId") if entry.get(key) is not None), None)
    if isinstance(name, str) and ":" not in name and len(place.regions) == 1:
        region = place.regions[0]
        name = f"arn:{partition_of(region)}:kms:{region}:{place.account}:key/{name}"
    arn = place.arn(name, f"{path}.Arn", service="kms", kind="key/").text
    policy = document_of(entry.get("KeyPolicy", entry.get("Policy")))
    names = {
        *(_alias(alias) for alias in _list(entry.get("Aliases"))),
        *aliases.get(arn, ()),
        *aliases.get(arn.rpartition("/")[2], ()),
    }
    customer = not (entry.get("KeyManager") == "AWS" or any(alias.startswith("alias/aws/") for alias in names))
    if policy is None and customer:
        place.unseen(f"{path}.KeyPolicy", "add what `aws kms get-key-policy` prints, as KeyPolicy")
    state = entry.get("KeyState")
    enabled = entry.get("Enabled", None if state is None else state == "Enabled")
    return arn, Key(
        arn=arn,
        policy=policy,
        grants=_grants(entry.get("Grants"), f"{path}.Grants", place) if "Grants" in given else None,
        tags=_tags(entry.get("Tags"), f"{path}.Tags", place) if "Tags" in given else None,
        aliases=tuple(sorted(name for name in names if name.startswith("alias/"))),
        customer=customer,
        enabled=enabled if isinstance(enabled, bool) else None,
    )


def _alias(alias: Any) -> str:
    return _text(alias.get("AliasName") if isinstance(alias, Mapping) else alias)


def _grants(value: Any, path: str, place: Place) -> tuple[KmsGrant, ...] | None:
    try:
        return tuple(grant_of(entry, where) for where, entry in members(value, path))
    except ShapeError as error:
        place.unseen(path, str(error))
        return None


def grant_of(entry: Entry, path: str) -> KmsGrant:
    """Return one grant, as list-grants prints it. Raises ShapeError."""
    constraints = entry.get("Constraints") or {}
    if not isinstance(constraints, Mapping):
        raise ShapeError(f"{path}.Constraints must be an object")
    subset, equals = (
        tags_of(constraints[name], f"{path}.Constraints.{name}") if constraints.get(name) is not None else None
        for name in ("EncryptionContextSubset", "EncryptionContextEquals")
    )
    return KmsGrant(
        grantee=text_of(entry.get("GranteePrincipal"), f"{path}.GranteePrincipal"),
        operations=frozenset(texts_of(entry.get("Operations"), f"{path}.Operations")),
        context_subset=subset,
        context_equals=equals,
        name=_text(entry.get("Name")),
    )


def _function(entry: Entry, path: str, place: Place) -> tuple[str, Function]:
    inner = entry.get("Configuration")
    entry = inner if isinstance(inner, Mapping) else entry
    arn = place.arn(entry.get("FunctionArn"), f"{path}.FunctionArn", service="lambda", kind="function:").text
    role = entry.get("Role")
    return arn, Function(arn=arn, role=role if isinstance(role, str) and role else None)


def _trail(entry: Entry, path: str, place: Place) -> tuple[str, Trail]:
    given = entry.get("TrailARN")
    owner = given.split(":")[4] if isinstance(given, str) and given.count(":") > 4 else ""
    others = (owner,) if entry.get("IsOrganizationTrail") is True else ()
    arn = place.arn(given, f"{path}.TrailARN", service="cloudtrail", kind="trail/", accounts=others).text
    logging = entry.get("IsLogging")
    reads = records_reads(entry.get("EventSelectors"), entry.get("AdvancedEventSelectors"))
    if reads is None:
        place.unseen(f"{path}.EventSelectors", "add what `aws cloudtrail get-event-selectors` prints, as it prints it")
    return arn, Trail(
        arn=arn,
        logging=logging if isinstance(logging, bool) else None,
        every_region=entry.get("IsMultiRegionTrail") is True,
        reads=reads,
        bucket=_text(entry.get("S3BucketName")),
        key=_text(entry.get("KmsKeyId")) or None,
    )


def _tags(value: Any, path: str, place: Place) -> dict[str, str] | None:
    try:
        return tags_of(value, path)
    except ShapeError as error:
        place.unseen(path, str(error))
        return None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def partition_of(region: str) -> str:
    """Return the partition of a region."""
    return "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"
