import hashlib
import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cred_audit.decide.vault.model import (
    Alias,
    AuthMount,
    AuthRole,
    EngineObject,
    Entity,
    Group,
    Mount,
    Namespace,
    PolicyDocument,
    Server,
    TokenFacts,
    World,
)
from cred_audit.errors import SnapshotError
from cred_audit.facts import AuditDevice, AwsFacts, Gap, Snapshot, VaultFacts
from cred_audit.snapshot import load, save, with_digest
from cred_audit.target.model import (
    Accepted,
    Agent,
    AwsPrincipal,
    AwsTerritory,
    KvTerritory,
    NamespaceTerritory,
    PathTerritory,
    PlatformPrincipal,
    PrincipalKind,
    SecretRef,
    Target,
    Tenant,
    Territory,
    VaultPrincipal,
    VaultSource,
)
from tests import aws_lab as lab
from tests.checks.hidden import hidden
from tests.collect.strategies import arns, aws_facts, aws_sources, labels, maybe, numbers, several, texts, times

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
scalars = st.none() | st.booleans() | numbers | texts
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3))
data = st.dictionaries(texts, values, max_size=3)
policies = st.builds(
    PolicyDocument, namespace=texts, name=texts, text=st.none() | texts, expiration=st.none() | times,
    allow_wildcards=st.booleans(), allow_slashes=st.booleans(), source=texts,
)  # fmt: skip
roles = st.builds(AuthRole, kind=texts, name=texts, data=st.none() | data)
aliases = st.builds(
    Alias, id=texts, name=texts, mount_accessor=texts, metadata=labels, custom_metadata=labels
)  # fmt: skip
entities = st.builds(
    Entity, namespace=texts, id=texts, name=texts, policies=several(texts), metadata=labels, disabled=st.booleans(),
    aliases=several(aliases),
)  # fmt: skip
groups = st.builds(
    Group, namespace=texts, id=texts, name=texts, type=texts, policies=several(texts), metadata=labels,
    member_entity_ids=several(texts), member_group_ids=several(texts), alias=st.none() | aliases,
)  # fmt: skip
objects = st.builds(EngineObject, kind=texts, name=texts, data=st.none() | data)
mounts = st.builds(
    Mount, path=texts, type=texts, accessor=texts, version=st.none() | st.sampled_from([1, 2]),
    tune=st.none() | data, objects=maybe(objects),
)  # fmt: skip
methods = st.builds(
    AuthMount, path=texts, type=texts, accessor=texts, tune=st.none() | data, config=st.none() | data,
    roles=maybe(roles),
)  # fmt: skip
tokens = st.builds(TokenFacts, accessor=texts, data=st.none() | data)
spaces = st.builds(
    Namespace, path=texts, id=texts, policies=maybe(policies), mounts=maybe(mounts), auth_mounts=maybe(methods),
    token_roles=maybe(roles), entities=maybe(entities), groups=maybe(groups), tokens=maybe(tokens),
    lease_prefixes=maybe(texts), mfa_enforcements=maybe(texts), locked=st.booleans(),
)  # fmt: skip
servers = st.builds(
    Server, product=st.none() | texts, version=st.none() | texts, flags=st.none() | data,
    group_policy_application=st.none() | texts,
)  # fmt: skip
worlds = st.builds(World, server=servers, namespaces=several(spaces), namespaces_complete=st.booleans())
devices = st.builds(AuditDevice, path=texts, type=texts, options=data)
facts = st.builds(
    VaultFacts, address=texts, world=worlds, audit_devices=maybe(devices), seal=st.none() | data,
    agent_tokens=st.dictionaries(texts, tokens, max_size=2), coverage=st.dictionaries(texts, numbers, max_size=2),
    assumed=several(texts), quotas=maybe(data), audited_headers=maybe(texts),
)  # fmt: skip
gaps = st.builds(Gap, source=texts, what=texts, reason=texts, namespace=texts)
principals = st.builds(
    VaultPrincipal, kind=st.sampled_from(PrincipalKind), namespace=texts, role=texts, entity=texts,
    policies=maybe(texts),
)  # fmt: skip
agents = st.builds(
    Agent, id=texts, vault=st.none() | principals,
    aws=st.none()
    | st.builds(AwsPrincipal, role=arns("iam"), user=texts, session_tags=labels, session_name=st.none() | texts),
    platform=st.none() | st.builds(PlatformPrincipal),
)  # fmt: skip
territories = st.builds(
    Territory,
    vault=several(
        st.builds(KvTerritory, mount=texts, prefix=texts, namespace=texts)
        | st.builds(NamespaceTerritory, namespace=texts)
        | st.builds(PathTerritory, path=texts, namespace=texts)
    ),
    aws=several(st.builds(AwsTerritory, tags=st.none() | labels, arns=maybe(texts), account=st.none() | texts)),
    platform=st.none() | data,
    credentials=several(data),
)
sources = st.builds(
    VaultSource, address=st.none() | texts, ca_cert=st.none() | texts, namespace=texts, timeout=st.floats(0.5, 100),
    policies=st.none() | st.dictionaries(texts, st.just(Path("a/b")), max_size=2),
    bundle=st.none() | st.just(Path("x")),
    product=st.none() | texts, version=st.none() | texts, namespaces=several(texts),
    mounts=st.none() | st.dictionaries(texts, st.dictionaries(texts, data, max_size=2), max_size=2),
)  # fmt: skip
targets = st.builds(
    Target, name=texts, others=st.booleans(), vault=st.none() | sources, aws=st.none() | aws_sources,
    sections=data, warnings=several(texts),
    tenants=several(
        st.builds(Tenant, id=texts, agents=several(agents), territory=territories, line=st.integers(0, 99))
    ),
    accepted=several(
        st.builds(
            Accepted, check=texts, subject=texts, reason=texts, ticket=st.none() | texts, until=st.none() | times,
            line=st.integers(0, 99),
        )
    ),
    path=st.none() | st.just(Path("folder/target.yaml")),
)  # fmt: skip
snapshots = st.builds(
    Snapshot, target=targets, taken_at=times, tool_version=texts, vault=st.none() | facts, aws=st.none() | aws_facts,
    gaps=several(gaps),
)  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(snapshots)
def test_what_is_saved_is_what_is_loaded(snapshot: Snapshot) -> None:
    snapshot = with_digest(snapshot)
    text = save(snapshot)
    assert load(text, source="x") == snapshot
    assert load(text.encode(), source="x") == snapshot
    assert save(load(text, source="x")) == text


@settings(max_examples=25, deadline=None)
@given(facts, st.data())
def test_any_altered_byte_is_refused_or_harmless(vault: VaultFacts, draw: st.DataObject) -> None:
    original = small(vault=vault)
    raw = bytearray(save(original).encode())
    place = draw.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= 1 << draw.draw(st.integers(0, 7))
    try:
        assert load(bytes(raw), source="x") == with_digest(original)
    except SnapshotError as error:
        assert "\n" not in str(error)  # noqa: PT017  (either way is right)


def small(**changed: Any) -> Snapshot:
    return replace(Snapshot(target=Target(name="t", tenants=()), taken_at=NOW, tool_version="0"), **changed)


def test_digest_is_that_of_the_canonical_text_without_it() -> None:
    content = json.loads(save(small()))
    digest = content.pop("digest")
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert digest == hashlib.sha256(canonical.encode()).hexdigest()


def test_text_that_was_laid_out_anew_is_still_good() -> None:
    snapshot = with_digest(small(gaps=(Gap(source="vault", what="é", reason="r"),)))
    pretty = json.dumps(dict(reversed(json.loads(save(snapshot)).items())), indent=2)
    assert load(pretty, source="x") == snapshot


def test_secret_references_are_left_out() -> None:
    secret = SecretRef(env="CANARY_ENV", file=None)
    target = Target(
        name="t",
        tenants=(
            Tenant(
                id="a",
                agents=(
                    Agent(
                        id="x",
                        vault=VaultPrincipal(kind=PrincipalKind.TOKEN, token=secret),
                        platform=PlatformPrincipal(token=SecretRef(command=("CANARY-program",))),
                    ),
                ),
                territory=Territory(
                    platform={"canaries": ["open", secret], "own_provider": {"admin_key": secret, "v": 1}}
                ),
            ),
        ),
        vault=VaultSource(address="http://x", token=SecretRef(file="CANARY-file")),
        sections={"aws": {"key": secret}, "list": [secret, {"deep": secret}]},
    )
    text = save(small(target=target))
    assert "CANARY" not in text
    back = load(text, source="x").target
    assert back.tenants[0].territory.platform == {"canaries": ["open"], "own_provider": {"v": 1}}
    assert back.tenants[0].agents[0].platform == PlatformPrincipal()
    assert back.sections == {"aws": {}, "list": [{}]}


def test_lone_surrogates_do_not_break_saving() -> None:
    assert "\\\\udcff" in save(small(gaps=(Gap(source="vault", what="a\udcff", reason=""),)))


def reject(text: str | bytes) -> str:
    with pytest.raises(SnapshotError) as caught:
        load(text, source="s.json")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
    assert str(caught.value).startswith("s.json: ")
    return str(caught.value)


def test_what_is_no_snapshot_is_refused() -> None:
    good = save(small())
    for text in (
        "",
        " ",
        "{",
        "null",
        "[]",
        "5",
        b"\x7fELF\x00",
        b"\xff\xfe",
        "[" * 100_000,
        '{"a":' * 100_000,
        "\ud800",
    ):
        assert reject(text)
    for cut in range(0, len(good), 7):
        assert "no snapshot" in reject(good[:cut])
    assert "newer than this program knows" in reject('{"snapshot": 2}')
    assert "newer" in reject(good.replace('"snapshot":1', '"snapshot":99'))
    assert "no snapshot of cred-audit" in reject("{}")
    assert "no snapshot of cred-audit" in reject('{"snapshot": "1"}')
    assert "altered" in reject(good.replace('"name":"t"', '"name":"u"'))
    assert "altered" in reject('{"snapshot": 1}')


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"name":"t"', '"name":5'),
        ('"tenants":[]', '"tenants":5'),
        ('"tenants":[]', '"tenants":[{"id":7}]'),
        ('"tenants":[]', '"tenants":[{"id":"a","territory":{"vault":[{"kind":"Other"}]}}]'),
        ('"tenants":[]', '"tenants":[{"id":"a","territory":[]}]'),
        ('"gaps":[]', '"gaps":[{}]'),
        ("12:00:00Z", "12:00:00"),
        ('"vault":null', '"vault":{"address":"x"}'),
    ],
)
def test_right_digest_over_wrong_content_is_refused(old: str, new: str) -> None:
    text = save(small())
    assert old in text
    body = "{" + text.replace(old, new).partition(",")[2]
    digest = hashlib.sha256(body.encode()).hexdigest()
    assert "content does not" in reject(f'{{"digest":"{digest}",{body[1:]}')


def test_hundred_megabytes_of_something_else_are_refused_soon() -> None:
    junk = b'{"snapshot": 1, "gaps": [' + b'"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",' * 2_500_000
    before = time.monotonic()
    assert "no snapshot" in reject(junk)
    assert "no snapshot" in reject(b"\x00" * 100_000_000)
    assert time.monotonic() - before < 10


def test_ten_thousand_tenants_are_saved_and_loaded_soon() -> None:
    snapshot = with_digest(large(10_000))
    before = time.process_time()
    text = save(snapshot)
    loaded = load(text, source="x")
    spent = time.process_time() - before
    print(f"10,000 tenants: {len(text) / 2**20:.1f} MiB in {spent:.2f} s")  # noqa: T201  (read with -s)
    assert loaded == snapshot
    # 2 s is the aim; twice that keeps a busy machine from failing it.
    assert spent < 4, f"{spent:.1f} s"


def large(count: int) -> Snapshot:
    clause = 'path "secret/data/tenant-{0}/{1}/*" {{\n  capabilities = ["create", "read", "update", "delete"]\n}}\n'
    names = [f"tenant-{number}" for number in range(count)]
    space = Namespace(
        policies=tuple(
            PolicyDocument(name=name, text="".join(clause.format(name, part) for part in range(6)), source=name)
            for name in names
        ),
        mounts=(Mount(path="secret/", type="kv", version=2),),
        auth_mounts=(
            AuthMount(
                path="approle/",
                type="approle",
                roles=tuple(
                    AuthRole(
                        kind="role", name=name, data={"token_policies": [name], "role_id": name, "token_ttl": 3600}
                    )
                    for name in names
                ),
            ),
        ),
        entities=tuple(
            Entity(id=name, name=name, policies=(name,), aliases=(Alias(name=name, mount_accessor="a"),))
            for name in names
        ),
    )
    world = World(server=Server(product="openbao", version="2.7.2"), namespaces=(space,))
    vault = VaultFacts(address="x", world=world, audit_devices=(), seal={}, coverage={"policies": count})
    tenants = tuple(
        Tenant(
            id=name,
            agents=(Agent(id=name, vault=VaultPrincipal(kind=PrincipalKind.ROLE, role=f"auth/approle/role/{name}")),),
            territory=Territory(vault=(KvTerritory(mount="secret/", prefix=f"{name}/"),)),
        )
        for name in names
    )
    return small(target=Target(name="large", tenants=tenants), vault=vault)


def test_a_snapshot_from_before_aws_was_read_loads() -> None:
    content = json.loads(save(small()))
    del content["aws"], content["digest"]
    body = json.dumps(content, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(body.encode()).hexdigest()
    loaded = load(f'{{"digest":"{digest}",{body[1:]}', source="x")
    assert loaded.aws is None
    assert loaded == replace(small(), digest=digest)


HOSTILE = "\x00\x1b[31m\u202e\r\n</script><img src=x>\ud800${aws:username}" + "x" * 10_000


def test_hostile_texts_of_aws_are_kept_and_break_nothing() -> None:
    account = lab.account(
        roles=[lab.role(HOSTILE, HOSTILE, tags={HOSTILE: HOSTILE})], policies={HOSTILE: HOSTILE},
        secrets=[lab.secret(HOSTILE, policy=HOSTILE)], keys=[lab.key(HOSTILE, aliases=(HOSTILE,))],
    )  # fmt: skip
    whole = lab.snapshot([account], [lab.tenant(HOSTILE)], gaps=[Gap(source="aws", what=HOSTILE, reason=HOSTILE)])
    loaded = load(save(whole), source="x")
    assert save(loaded) == save(whole)
    assert loaded.aws is not None
    # Lone surrogates cannot be written as UTF-8, everything else can.
    kept = HOSTILE.replace("\ud800", "\\ud800")
    assert loaded.aws.world.accounts[0].policies == (lab.PolicyText(name=kept, text=kept),)


def test_every_fact_of_aws_has_its_place_in_the_digest() -> None:
    facts = lab.shared_role(lab.document(lab.statement()), keys=[lab.key("k")])
    digests = {with_digest(after).digest for _, after in hidden(facts) if after != facts}
    assert with_digest(facts).digest not in digests
    assert len(digests) > 20


@pytest.mark.parametrize("old", ["2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z", "2026-05-01T00:00:00Z"])
def test_a_time_of_aws_without_its_zone_is_refused(old: str) -> None:
    march, april, may = (datetime(2026, month, 1, tzinfo=UTC) for month in (3, 4, 5))
    account = lab.account(
        secrets=[lab.secret("acme", last_changed=march)], parameters=[lab.parameter("acme", last_changed=april)],
        users=[lab.User(arn=f"arn:aws:iam::{lab.ACCOUNT}:user/u", access_keys=(may,))],
    )  # fmt: skip
    text = save(lab.snapshot([account], [lab.tenant("acme")]))
    assert load(text, source="x")
    assert text.count(old) == 1
    body = "{" + text.replace(old, old.removesuffix("Z")).partition(",")[2]
    assert "without its zone" in reject(f'{{"digest":"{hashlib.sha256(body.encode()).hexdigest()}",{body[1:]}')


@settings(max_examples=15, deadline=None)
@given(aws_facts, st.data())
def test_any_altered_byte_of_aws_is_refused_or_harmless(aws: AwsFacts, draw: st.DataObject) -> None:
    original = small(aws=aws)
    raw = bytearray(save(original).encode())
    place = draw.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= 1 << draw.draw(st.integers(0, 7))
    try:
        assert load(bytes(raw), source="x") == with_digest(original)
    except SnapshotError as error:
        assert "\n" not in str(error)  # noqa: PT017  (either way is right)


@pytest.mark.parametrize("part", [f"iam::{lab.ACCOUNT}:role/r", f"secretsmanager:{lab.REGION}:{lab.ACCOUNT}:"])
def test_a_name_of_aws_that_is_no_arn_is_refused(part: str) -> None:
    account = lab.account(roles=[lab.role("r")], secrets=[lab.secret("acme")])
    text = save(lab.snapshot([account], [lab.tenant("acme", lab.agent("a", "r"))]))
    assert load(text, source="x")
    assert part in text
    for other in ("x", f"arn:aws:sqs:{part.partition(':')[2]}"):
        body = "{" + text.replace(f"arn:aws:{part}", other).partition(",")[2]
        assert "an ARN among" in reject(f'{{"digest":"{hashlib.sha256(body.encode()).hexdigest()}",{body[1:]}')


def test_a_time_of_no_year_is_refused() -> None:
    text = save(small())
    body = "{" + text.replace("2026-11-25T12:00:00Z", "0001-01-01T00:00:00+14:00").partition(",")[2]
    assert "no year" in reject(f'{{"digest":"{hashlib.sha256(body.encode()).hexdigest()}",{body[1:]}')
