"""The file that says which policies of an organization bind which account.

`{"scps": {account: [[documents of the root], ..., [of the account]]}, "rcps": {...}, "management": account}`. A
document is a policy, as object or text, or what `aws organizations describe-policy` prints.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from cred_audit.collect.aws.files import Notes
from cred_audit.collect.aws.printed.shape import ShapeError, document_of, kind_of
from cred_audit.decide.aws.world import Levels, Organization, PolicyText

_ACCOUNT = re.compile("[0-9]{12}")
_NAMES = {"scps": "service control policies", "rcps": "resource control policies"}


def read_organization(document: Any, file: str, accounts: Iterable[str], notes: Notes) -> Organization | None:
    """Return what binds these accounts; without fields for `{}`, None where the file is none of this form."""
    if not isinstance(document, Mapping) or (document and not set(document) & {*_NAMES, "management"}):
        notes.part("organization", "", "", f"{file}: it must be an object with scps and rcps; {{}} says there is none")
        return None
    management = document.get("management", "")
    if not isinstance(management, str) or not (management == "" or _ACCOUNT.fullmatch(management)):
        notes.detail(file, f"{file}: management", "it must be the 12 digits of the management account")
        management = ""
    if not document:
        return Organization()
    accounts = tuple(accounts)
    scps, rcps = (_bound(document, kind, file, accounts, management, notes) for kind in ("scps", "rcps"))
    return Organization(management=management, scps=scps, rcps=rcps)


def _bound(  # noqa: PLR0913, PLR0917  (where a policy stands, and for whom)
    document: Mapping[str, Any], kind: str, file: str, accounts: tuple[str, ...], management: str, notes: Notes
) -> dict[str, Levels | None]:
    if kind not in document:
        notes.assume(f"No {_NAMES[kind]} bind the accounts: {file} has no `{kind}`")
        return {}
    given = document[kind]
    if not isinstance(given, Mapping):
        notes.detail(file, f"{file}: {kind}", f"it must be an object of accounts, not {kind_of(given)}")
        return dict.fromkeys(accounts)
    names: dict[str, str] = {}
    found: dict[str, Levels | None] = {}
    for account, levels in given.items():
        try:
            found[account] = _levels(levels, f"{kind}.{account}", names)
        except ShapeError as error:
            notes.detail(f"{file}: {kind}", f"{file}: {kind}", str(error))
            found[account] = None
    for account in accounts:
        if given and account not in given and account != management:
            reason = f"the account is not listed, others are; list what binds {account}, [] for nothing"
            notes.detail(f"{file}: {kind}.", f"{file}: {kind}.{account}", reason)
            found[account] = None
    return found


def _levels(given: Any, path: str, names: dict[str, str]) -> Levels:
    if not isinstance(given, list) or not all(isinstance(level, list) for level in given):
        raise ShapeError(f"{path} must be a list of levels, root first, each a list of documents")
    return tuple(
        tuple(_policy(entry, f"{path}[{number}][{index}]", names) for index, entry in enumerate(level))
        for number, level in enumerate(given)
    )


def _policy(entry: Any, path: str, names: dict[str, str]) -> PolicyText:
    name = path
    if isinstance(entry, Mapping) and isinstance(entry.get("Policy"), Mapping):
        entry = entry["Policy"]
    if isinstance(entry, Mapping) and "Content" in entry:
        summary = entry.get("PolicySummary")
        told = (summary if isinstance(summary, Mapping) else entry).get("Id")
        name = told if isinstance(told, str) and told else path
        entry = entry["Content"]
    text = document_of(entry)
    if text is None:
        raise ShapeError(f"{path} must be a policy, as object or text, not {kind_of(entry)}")
    # A policy that binds many accounts is one document, named after the place where it first stands.
    return PolicyText(name=names.setdefault(text, name), text=text)
