"""KMS keys of one region: their policies, grants, tags and aliases (KMS API: ListKeys and what follows from it)."""

from cred_audit.collect.aws.live.answers import Fields, arn, entries, inner, pairs, part, tags, text, texts, truth
from cred_audit.collect.aws.live.failures import NotSeen, malformed
from cred_audit.collect.aws.live.gaps import Gaps
from cred_audit.collect.aws.live.service import Service
from cred_audit.collect.aws.live.workers import Workers
from cred_audit.decide.aws.model import KmsGrant
from cred_audit.decide.aws.world import Key

_PAGE, _PAGE_OF_ALIASES, _PAGE_OF_GRANTS, _PAGE_OF_TAGS = 1000, 100, 100, 50

_Failures = list[tuple[str, NotSeen]]


def read_keys(kms: Service, account: str, region: str, workers: Workers, gaps: Gaps) -> tuple[Key, ...] | None:
    """Read them."""
    aliases: dict[str, list[str]] = {}
    try:
        for one in kms.listed("list_aliases", "Aliases", PaginationConfig={"PageSize": _PAGE_OF_ALIASES}):
            aliases.setdefault(text(one, "TargetKeyId", ""), []).append(text(one, "AliasName"))
    except NotSeen as why:
        gaps.call(kms.named("list_aliases"), why)
        aliases = {}
    try:
        listed = [
            arn(one, "KeyArn", "kms") for one in kms.listed("list_keys", "Keys", PaginationConfig={"PageSize": _PAGE})
        ]
    except NotSeen as why:
        gaps.part("keys", account, region, why)
        return None
    found = []
    for key, failures in workers.each(lambda one: _key(kms, one, aliases), listed):
        for operation, failure in failures:
            gaps.call(kms.named(operation), failure, key.arn)
        found.append(key)
    return tuple(found)


def _key(kms: Service, key: str, aliases: dict[str, list[str]]) -> tuple[Key, _Failures]:
    failures: _Failures = []
    customer, enabled = _described(kms, key, failures)
    # AWS's own keys take no tags, and only AWS's services make grants on them.
    own = customer is False
    return Key(
        arn=key,
        policy=_policy(kms, key, failures),
        grants=() if own else _grants(kms, key, failures),
        tags={} if own else _tags(kms, key, failures),
        aliases=tuple(sorted(aliases.get(key.rpartition("/")[2], ()))),
        customer=customer,
        enabled=enabled,
    ), failures


def _described(kms: Service, key: str, failures: _Failures) -> tuple[bool | None, bool | None]:
    try:
        about = inner(kms.ask("describe_key", KeyId=key), "KeyMetadata")
        manager = text(about, "KeyManager")
        if manager not in ("AWS", "CUSTOMER"):
            raise malformed("KeyManager")
    except NotSeen as why:
        failures.append(("describe_key", why))
        return None, None
    enabled = part(lambda: truth(about, "Enabled"), lambda why: failures.append(("describe_key", why)))
    return manager == "CUSTOMER", enabled


def _policy(kms: Service, key: str, failures: _Failures) -> str | None:
    try:
        return text(kms.ask("get_key_policy", KeyId=key, PolicyName="default"), "Policy")
    except NotSeen as why:
        failures.append(("get_key_policy", why))
        return None


def _grants(kms: Service, key: str, failures: _Failures) -> tuple[KmsGrant, ...] | None:
    try:
        listed = kms.listed("list_grants", "Grants", KeyId=key, PaginationConfig={"PageSize": _PAGE_OF_GRANTS})
        return tuple(grant_of(one) for one in listed)
    except NotSeen as why:
        failures.append(("list_grants", why))
        return None


def grant_of(data: Fields) -> KmsGrant:
    """Return a grant."""
    constraints = inner(data, "Constraints")
    return KmsGrant(
        grantee=text(data, "GranteePrincipal"),
        operations=frozenset(texts(data, "Operations")),
        context_subset=pairs(constraints, "EncryptionContextSubset"),
        context_equals=pairs(constraints, "EncryptionContextEquals"),
        name=text(data, "Name", ""),
    )


def _tags(kms: Service, key: str, failures: _Failures) -> dict[str, str] | None:
    try:
        pages = kms.pages("list_resource_tags", KeyId=key, PaginationConfig={"PageSize": _PAGE_OF_TAGS})
        found: dict[str, str] = {}
        for page in pages:
            entries(page, "Tags", required=True)
            found |= tags(page, key="TagKey", value="TagValue")
    except NotSeen as why:
        failures.append(("list_resource_tags", why))
        return None
    return found
