"""What `reach` finds and proves."""

from datetime import UTC, datetime

from cred_audit.decide import OTHERS, Effect
from cred_audit.decide.vault.engine import Engine
from cred_audit.decide.vault.model import Mount, Namespace, PolicyDocument, Server, Subject, World
from cred_audit.decide.vault.reach import Answer, Owners, TerritoryIndex
from cred_audit.decide.vault.territory import Holding, KvHolding, NamespaceHolding, OperationClass, PathHolding

NAMES = ("acme", "beta", "delta", "eps", "gamma")
READ, LIST, WRITE = OperationClass.READ, OperationClass.LIST, OperationClass.WRITE
MOUNTS = (
    Mount(path="secret/", type="kv", version=2),
    Mount(path="transit/", type="transit"),
    Mount(path="database/", type="database"),
)


def folder(owner: str, prefix: str | None = None) -> Holding:
    return Holding(owner=owner, what=KvHolding(mount="secret/", prefix=f"{owner}/" if prefix is None else prefix))


FOLDERS = tuple(folder(name) for name in NAMES)


def asked(  # noqa: PLR0913  (one value per side of the question)
    text: str | None,
    wanted: OperationClass = READ,
    *,
    holdings: tuple[Holding, ...] = FOLDERS,
    own: str = "acme",
    subject: Subject | None = None,
    version: str | None = "2.7.2",
    others: bool = False,
    children: tuple[Namespace, ...] = (),
) -> Answer:
    root = Namespace(policies=(PolicyDocument(name="p", text=text),), mounts=MOUNTS)
    product = "openbao" if version else None
    world = World(server=Server(product=product, version=version), namespaces=(root, *children))
    engine = Engine(world, datetime(2026, 1, 1, tzinfo=UTC))
    index = TerritoryIndex(world, holdings, others=others)
    return index.reach(engine, subject or Subject(policies=("p",)), wanted, own=own)


def clause(path: str, *capabilities: str) -> str:
    names = ", ".join(f'"{name}"' for name in capabilities)
    return f'path "{path}" {{ capabilities = [{names}] }}\n'


def test_a_policy_of_its_own_folder_is_proved_and_names_the_clause() -> None:
    answer = asked(clause("secret/data/acme/*", "read"))
    assert not answer.grants
    assert 'path "secret/data/acme/*"' in answer.closest[0].clause


def test_a_broad_clause_reaches_everyone_whom_no_deny_protects() -> None:
    (grant,) = asked(clause("secret/data/*", "read") + clause("secret/data/beta/*", "deny")).grants
    assert grant.owners == Owners(all_except=("acme", "beta"), count=3)
    assert grant.witness is not None
    assert grant.witness.path == "secret/data/delta/x"


def test_an_encoded_empty_segment_walks_around_a_deny_of_metadata() -> None:
    text = clause("secret/metadata/*", "delete") + clause("secret/metadata/beta/*", "deny")
    (grant,) = asked(text, WRITE, holdings=(folder("acme"), folder("beta"))).grants
    assert grant.witness is not None
    assert grant.witness.path == "secret/metadata/%2Fbeta/x"


def test_listing_the_folder_above_shows_the_names_of_all() -> None:
    (grant,) = asked(clause("secret/metadata", "list"), LIST).grants
    assert (grant.kind, grant.owners.count) == ("parent folder", 4)


def test_a_clause_without_its_final_slash_reaches_what_nobody_owns() -> None:
    (grant,) = asked(clause("secret/data/acme*", "read"), holdings=(folder("acme"),), others=True).grants
    assert grant.owners == Owners(names=(OTHERS,), count=1)
    assert not asked(clause("secret/data/acme/*", "read"), holdings=(folder("acme"),), others=True).grants


def test_a_free_template_value_reaches_everyone_under_an_assumption() -> None:
    subject = Subject(policies=("p",), free={"identity.entity.name": "the issuer"})
    (grant,) = asked(clause("secret/data/{{identity.entity.name}}/*", "read"), subject=subject).grants
    assert grant.owners == Owners(all_except=("acme",), count=4)
    assert grant.assuming == ("the login's identity.entity.name is 'beta'",)


def test_a_policy_that_was_not_seen_is_unknown_and_never_a_proof() -> None:
    (grant,) = asked(None).grants
    assert grant.effect is Effect.UNKNOWN
    assert grant.witness is None


def test_a_plus_in_front_of_a_mount_reaches_every_child_namespace() -> None:
    children = tuple(Namespace(path=f"t{number}/", mounts=MOUNTS[:1]) for number in range(6))
    holdings = tuple(Holding(owner=child.path, what=NamespaceHolding(namespace=child.path)) for child in children)
    answer = asked(clause("+/secret/data/*", "read"), holdings=holdings, own="t0/", children=children)
    assert [grant.owners for grant in answer.grants] == [Owners(all_except=("t0/",), count=5)]


def test_root_reaches_everyone_with_a_witness_at_somebody_else() -> None:
    (grant,) = asked("", subject=Subject(policies=("root",))).grants
    assert grant.owners.count == 4
    assert grant.witness is not None
    assert "/acme/" not in grant.witness.path


def test_a_transit_key_is_read_by_decrypting_with_it() -> None:
    holdings = (Holding(owner="b", what=PathHolding(pattern="transit/+/b")),)
    (grant,) = asked(clause("transit/decrypt/+", "update"), holdings=holdings).grants
    assert (grant.operation, grant.kind) == ("update", "decrypted text")
    assert not asked(clause("transit/encrypt/+", "update"), holdings=holdings).grants


def test_an_unknown_version_is_unknown_where_versions_differ() -> None:
    text = clause("secret/metadata/*", "delete") + clause("secret/metadata/beta/*", "deny")
    answer = asked(text, WRITE, holdings=(folder("acme"), folder("beta")), version=None)
    assert {grant.effect for grant in answer.grants} == {Effect.UNKNOWN}


def test_the_witness_lies_with_another_owner_when_territories_overlap() -> None:
    (grant, *_) = asked(clause("secret/data/*", "read"), holdings=(folder("acme", ""), folder("beta"))).grants
    assert grant.witness is not None
    assert grant.witness.path.startswith("secret/data/beta/")


def test_a_proof_names_the_deny_that_stops_a_broad_clause() -> None:
    text = clause("secret/data/*", "read") + "".join(clause(f"secret/data/{name}/*", "deny") for name in NAMES[1:])
    answer = asked(text + clause("secret/data/acme/*", "read"))
    assert not answer.grants
    assert any(reason.why.startswith("denies `secret/data/") for reason in answer.closest)


def test_a_witness_meets_the_conditions_of_its_clause() -> None:
    wrapped = clause("secret/data/*", "read").replace(" }", ' min_wrapping_ttl = "90s" }')
    (grant,) = asked(wrapped).grants
    assert grant.witness is not None
    assert grant.witness.headers == {"X-Vault-Wrap-TTL": "90s"}
    required = clause("secret/data/*", "read").replace(" }", ' required_parameters = ["version"] }')
    (grant,) = asked(required).grants
    assert grant.witness is not None
    assert grant.witness.path.endswith("?version=x")
    paged = clause("secret/metadata/*", "list").replace(" }", " pagination_limit = 5 }")
    assert {grant.kind for grant in asked(paged, LIST).grants} == {"key names", "parent folder"}
    assert all(grant.witness and grant.witness.path.endswith("/?limit=1") for grant in asked(paged, LIST).grants)


def test_a_clause_that_no_body_can_meet_is_no_break() -> None:
    text = clause("secret/data/*", "create", "update").replace(" }", ' allowed_parameters = { "ttl" = [] } }')
    assert not asked(text, WRITE).grants


def test_a_filtered_list_is_unknown() -> None:
    text = clause("secret/metadata/", "list").replace(
        " }", ' list_scan_response_keys_filter_path = "secret/metadata/{{ .key }}" }'
    )
    assert {grant.effect for grant in asked(text, LIST).grants} == {Effect.UNKNOWN}


def test_a_pattern_owns_the_secret_and_not_just_its_value() -> None:
    holdings = (Holding(owner="beta", what=PathHolding(pattern="secret/data/+/beta/*")),)
    (grant,) = asked(clause("secret/metadata/x/*", "delete"), WRITE, holdings=holdings).grants
    assert grant.kind == "all versions"
    assert asked(clause("secret/metadata/x", "list"), LIST, holdings=holdings).grants[0].kind == "parent folder"


def test_a_pattern_across_mounts_is_met_in_each() -> None:
    holdings = (Holding(owner="beta", what=PathHolding(pattern="+/+/beta")),)
    (grant,) = asked(clause("transit/decrypt/beta", "update"), holdings=holdings).grants
    assert grant.kind == "decrypted text"


def test_a_namespace_whose_mounts_were_not_read_is_unknown() -> None:
    children = (Namespace(path="t1/", mounts=None),)
    holdings = (Holding(owner="beta", what=NamespaceHolding(namespace="t1/")),)
    (grant,) = asked(clause("t1/*", "read"), holdings=holdings, children=children).grants
    assert grant.effect is Effect.UNKNOWN
    assert not asked(clause("t2/*", "read"), holdings=holdings, children=children).grants


def test_agents_with_the_same_rules_get_answers_of_their_own() -> None:
    root = Namespace(policies=(PolicyDocument(name="p", text=clause("secret/data/*", "read")),), mounts=MOUNTS)
    world = World(server=Server(product="openbao", version="2.7.2"), namespaces=(root,))
    engine, index = Engine(world, datetime(2026, 1, 1, tzinfo=UTC)), TerritoryIndex(world, FOLDERS)
    for name in NAMES:
        (grant,) = index.reach(engine, Subject(policies=("p",)), READ, own=name).grants
        assert grant.owners == Owners(all_except=(name,), count=4)
        assert grant.witness is not None
        assert f"/{name}/" not in grant.witness.path


def test_a_template_with_two_open_values_is_searched_for_both() -> None:
    free = {"identity.entity.name": "the issuer", "identity.entity.metadata.zone": "the issuer"}
    text = clause("secret/data/{{identity.entity.metadata.zone}}/{{identity.entity.name}}/*", "read")
    holdings = (folder("acme", "us/acme/"), folder("beta", "eu/beta/"))
    (grant,) = asked(text, holdings=holdings, subject=Subject(policies=("p",), free=free)).grants
    assert grant.values == {"identity.entity.metadata.zone": "eu", "identity.entity.name": "beta"}


def test_overlapping_territories_are_named_once_per_pair() -> None:
    world = World(server=Server(), namespaces=(Namespace(mounts=MOUNTS),))
    index = TerritoryIndex(world, (folder("acme"), folder("beta", "acme/x/"), folder("gamma")))
    assert index.overlaps() == (("acme", "beta", "secret/data/acme/x/"),)
