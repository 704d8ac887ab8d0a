"""Roles and users from plain policy files, as a repository has them: the target says which file binds whom."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cred_audit.collect.aws.files import Files, Notes, RefusedError
from cred_audit.collect.aws.printed.shape import document_of
from cred_audit.decide.aws.world import PolicyText, Role, User
from cred_audit.target.model import AwsPrincipalFiles


class PolicyFiles:
    """Reads the files of one account's principals."""

    def __init__(self, files: Files, notes: Notes, *, account: str, partition: str) -> None:
        """Take where the files are read and what is said of them."""
        self.files = files
        self.notes = notes
        self._start = f"arn:{partition}:iam::{account}:"
        self.managed: dict[str, PolicyText] = {}
        """The boundaries, by an ARN of our own that says which file each is."""

    def roles(self, given: Mapping[str, AwsPrincipalFiles]) -> Iterator[Role]:
        """Yield the roles."""
        for name, entry in given.items():
            if entry.trust is None:
                self.notes.detail("roles: trust", f"{self._start}role/{name}", "no file gives its trust policy")
            yield Role(
                arn=f"{self._start}role/{name}",
                tags=dict(entry.tags),
                trust=self._text(entry.trust) if entry.trust is not None else None,
                inline=self._inline(entry),
                boundary=self._boundary(entry),
            )

    def users(self, given: Mapping[str, AwsPrincipalFiles]) -> Iterator[User]:
        """Yield the users."""
        for name, entry in given.items():
            yield User(
                arn=f"{self._start}user/{name}",
                tags=dict(entry.tags),
                inline=self._inline(entry),
                boundary=self._boundary(entry),
            )

    def _inline(self, entry: AwsPrincipalFiles) -> tuple[PolicyText, ...]:
        return tuple(PolicyText(name=self.files.shown(path), text=self._text(path)) for path in entry.policies)

    def _boundary(self, entry: AwsPrincipalFiles) -> str:
        if entry.boundary is None:
            return ""
        arn = f"{self._start}policy/{self.files.shown(entry.boundary)}"
        if arn not in self.managed:
            self.managed[arn] = PolicyText(name=arn, text=self._text(entry.boundary))
        return arn

    def _text(self, path: Path) -> str | None:
        try:
            return _unwrapped(self.files.text(path))
        except RefusedError as error:
            self.notes.detail("policy files", self.files.shown(path), str(error))
            return None


def _unwrapped(text: str) -> str | None:
    """Return the document where a file holds what `get-role-policy` or `get-policy-version` prints around it."""
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if isinstance(found, Mapping) and "Statement" not in found:
        version = found.get("PolicyVersion")
        if "PolicyDocument" in found:
            return document_of(found["PolicyDocument"])
        if isinstance(version, Mapping) and "Document" in version:
            return document_of(version["Document"])
    return text
