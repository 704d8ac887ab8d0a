"""What differs between products and versions, as far as decisions depend on it.

Sources: OpenBao 2.7.2 and 2.6.x as measured on the servers themselves; other versions from their
changelogs and advisories (LIST order: GHSA-xp3c-3jw3-4vcr; template wildcards: CVE-2026-71543; relative
paths: OpenBao 2.5.3; Vault's parameter matching per element: 1.21; Vault's cleaned paths: 2.0.0).
"""

import re
from dataclasses import dataclass, replace
from enum import Enum

from cred_audit.decide.vault.model import Server
from cred_audit.decide.vault.policy import OPENBAO, OPENBAO_2_6, VAULT, VAULT_1_20, Dialect


class Special(Enum):
    """What a server does with a wildcard or slash in a value that a template inserts."""

    INSERT = "inserts it"
    DROP = "drops the stanza"
    FAIL = "refuses every request of the token"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One server's way of deciding."""

    name: str
    product: str
    dialect: Dialect
    list_without_slash_first: bool
    """LIST and SCAN look among the patterns for the path without its final slash first."""
    wildcards: Special
    slashes: Special
    refuses_relative: bool
    """Whether an encoded `..` segment is refused."""
    refuses_empty_segments: bool
    """Whether an encoded empty segment (`a/%2Fb`) is refused."""
    folds: frozenset[str]
    """Where the name part of some control paths is lower-cased before the policies are asked: types of auth
    methods, `crls` for the revocation lists of `cert`, and `system` for policies and workflows."""
    options_reach_policies: bool
    """Whether OPTIONS is an operation that no policy grants, rather than one that is refused at once."""
    per_element: bool
    """Whether parameter values are matched element by element."""
    kv_aliases: bool
    """Whether KV v2 cleans a key after the policies were asked."""


_SOME_FOLDED = frozenset({"system", "cert", "kubernetes", "userpass"})
_OPENBAO_2_7 = Profile(
    name="openbao 2.7.2",
    product="openbao",
    dialect=OPENBAO,
    list_without_slash_first=False,
    wildcards=Special.FAIL,
    slashes=Special.FAIL,
    refuses_relative=True,
    refuses_empty_segments=False,
    folds=_SOME_FOLDED | {"approle", "crls"},
    options_reach_policies=False,
    per_element=False,
    kv_aliases=True,
)
_OPENBAO_2_7_0 = replace(_OPENBAO_2_7, name="openbao 2.7.0", folds=_SOME_FOLDED)
_OPENBAO_2_6 = replace(
    _OPENBAO_2_7,
    name="openbao 2.6.2",
    dialect=OPENBAO_2_6,
    wildcards=Special.DROP,
    slashes=Special.DROP,
    folds=frozenset(),
)
_OPENBAO_2_6_0 = replace(_OPENBAO_2_6, name="openbao 2.6.0", options_reach_policies=True)
_OPENBAO_2_5_3 = replace(
    _OPENBAO_2_6_0,
    name="openbao 2.5.3 to 2.5",
    list_without_slash_first=True,
    wildcards=Special.INSERT,
    slashes=Special.INSERT,
)
_OPENBAO_OLD = replace(_OPENBAO_2_5_3, name="openbao before 2.5.3", refuses_relative=False)
_VAULT_2_0_3 = Profile(
    name="vault 2.0.3",
    product="vault",
    dialect=VAULT,
    list_without_slash_first=False,
    wildcards=Special.FAIL,
    slashes=Special.INSERT,
    refuses_relative=True,
    refuses_empty_segments=True,
    folds=frozenset(),
    options_reach_policies=False,
    per_element=True,
    kv_aliases=False,
)
_VAULT_2_0_1 = replace(_VAULT_2_0_3, name="vault 2.0.1", list_without_slash_first=True)
_VAULT_2_0_0 = replace(_VAULT_2_0_1, name="vault 2.0.0", wildcards=Special.INSERT)
_VAULT_1_21 = replace(
    _VAULT_2_0_0, name="vault 1.21", refuses_relative=False, refuses_empty_segments=False, kv_aliases=True
)
_VAULT_1_20 = replace(_VAULT_1_21, name="vault before 1.21", dialect=VAULT_1_20, per_element=False)

_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")
_ALL = {
    "openbao": (_OPENBAO_2_7, _OPENBAO_2_7_0, _OPENBAO_2_6, _OPENBAO_2_6_0, _OPENBAO_2_5_3, _OPENBAO_OLD),
    "vault": (_VAULT_2_0_3, _VAULT_2_0_1, _VAULT_2_0_0, _VAULT_1_21, _VAULT_1_20),
}


def profiles(server: Server) -> tuple[Profile, ...]:
    """Return the profile of a server, or every candidate where its product or version is not known."""
    version = _VERSION.match(server.version or "")
    number = tuple(int(part) for part in version.groups()) if version else None
    if server.product == "openbao":
        return (_openbao(number),) if number else _ALL["openbao"]
    if server.product == "vault":
        return _vault(number) if number else _ALL["vault"]
    return _ALL["openbao"] + _ALL["vault"]


def _openbao(number: tuple[int, ...]) -> Profile:
    since = (
        ((2, 7, 2), _OPENBAO_2_7), ((2, 7, 0), _OPENBAO_2_7_0), ((2, 6, 2), _OPENBAO_2_6), ((2, 6, 0), _OPENBAO_2_6_0),
        ((2, 5, 3), _OPENBAO_2_5_3),
    )  # fmt: skip
    return next((profile for first, profile in since if number >= first), _OPENBAO_OLD)


def _vault(number: tuple[int, ...]) -> tuple[Profile, ...]:
    if number >= (2, 0, 3):
        return (_VAULT_2_0_3,)
    if number >= (2, 0, 1):
        return (_VAULT_2_0_1,)
    if number >= (2, 0, 0):
        return (_VAULT_2_0_0,)
    # The long-term branches got the fixes of 2.0 in patch releases that are only partly documented, so
    # from the first release with any of them on every combination stays possible.
    patched = {(1, 21): 5, (1, 20): 10, (1, 19): 16}
    branch = (number[0], number[1])
    base = _VAULT_1_21 if branch >= (1, 21) else _VAULT_1_20
    if branch in patched and number[2] >= patched[branch]:
        closed = replace(base, refuses_relative=True, refuses_empty_segments=True, kv_aliases=False)
        failing = replace(closed, wildcards=Special.FAIL)
        return (closed, failing, replace(failing, list_without_slash_first=False))
    return (base,)
