"""Orphans that tokens made."""

from dataclasses import replace

import hvac

from cred_audit.check import Verdict
from cred_audit.decide.vault.model import TokenFacts
from tests.checks.real import findings, hidden, of, snapshot_of, world_of, worst, write


def test_an_orphan_that_a_token_made_fails(admin: hvac.Client) -> None:
    write(admin, "auth/token/create-orphan", {"policies": ["default"], "ttl": "1h"})
    write(admin, "auth/token/create", {"policies": ["default"], "ttl": "1h"})
    found = findings(__file__, snapshot_of(world_of(admin)))
    assert len(of(found, Verdict.FAIL)) == 1
    assert of(found, Verdict.FAIL)[0].endswith("it is an orphan that another token made")
    assert [one.count for one in found if one.verdict is Verdict.PASS] == [2]


def is_no_orphan(token: TokenFacts) -> bool:
    return token.data is not None and token.data["path"] != "auth/token/create-orphan"


def test_logins_and_children_pass(admin: hvac.Client) -> None:
    write(admin, "sys/auth/userpass", {"type": "userpass"})
    write(admin, "auth/userpass/users/acme", {"password": "acme"})
    write(admin, "auth/userpass/login/acme", {"password": "acme"})
    whole = snapshot_of(world_of(admin))
    kept = hidden(whole, lambda entry: replace(entry, tokens=tuple(filter(is_no_orphan, entry.tokens or ()))))
    found = findings(__file__, kept)
    assert worst(found) is Verdict.PASS
    assert found[0].count == 3


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
