"""Root tokens that are alive."""

from dataclasses import replace

import hvac

from cred_audit.check import Verdict
from tests.checks.real import findings, hidden, of, snapshot_of, world_of, worst


def test_a_root_token_fails_and_the_others_are_counted(admin: hvac.Client) -> None:
    admin.auth.token.create(policies=["default"], ttl="1h")
    found = findings(__file__, snapshot_of(world_of(admin)))
    failed = [one for one in found if one.verdict is Verdict.FAIL]
    assert [one.subject for one in failed] == ["tokens of auth/token/create: it carries the policy root and never ends"]
    held = [one for one in found if one.verdict is Verdict.PASS]
    assert [one.count for one in held] == [1]


def test_without_a_root_token_it_passes(admin: hvac.Client) -> None:
    whole = snapshot_of(world_of(admin))
    without = hidden(whole, lambda entry: replace(entry, tokens=tuple(
        token for token in entry.tokens or () if token.data and "root" not in token.data["policies"])))  # fmt: skip
    assert worst(findings(__file__, without)) is Verdict.PASS
    assert worst(findings(__file__, hidden(whole, lambda entry: replace(entry, tokens=())))) is Verdict.PASS


def test_tokens_that_were_not_seen_are_unknown(admin: hvac.Client) -> None:
    whole = snapshot_of(world_of(admin))
    for blind in (
        hidden(whole, lambda entry: replace(entry, tokens=None)),
        hidden(whole, lambda entry: replace(entry, tokens=tuple(
            replace(token, data=None) for token in entry.tokens or ()))),
    ):  # fmt: skip
        found = findings(__file__, blind)
        assert worst(found) is Verdict.UNKNOWN
        assert not of(found, Verdict.PASS)
