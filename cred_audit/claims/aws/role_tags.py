"""How far the tags of roles tell them apart to agents that would assume them."""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from cred_audit.decide.aws.clause import compile_document
from cred_audit.decide.aws.model import Condition, Document, Principal
from cred_audit.decide.aws.world import Role

ASSUME = "sts:AssumeRole"
_OF_PRINCIPAL = re.compile(r"\$\{aws:principaltag/[^},]*\}", re.IGNORECASE)


@lru_cache(maxsize=65536)
def condition_keys(document: Document) -> str:
    """Return the lower-case condition keys of what a document says on AssumeRole, with variables, as one text."""
    return " ".join(
        text.lower()
        for condition in _conditions(document)
        for text in (condition.key, *(value for value in condition.values if "${" in value))
    )


def _conditions(document: Document) -> Iterator[Condition]:
    """Yield the conditions of the statements that apply to AssumeRole."""
    for clause in compile_document(document).for_action(ASSUME.lower()):
        yield from clause.statement.conditions


class RoleTags:
    """How far the tags of roles tell them apart."""

    def __init__(self) -> None:
        self._keys: set[str] = set()
        """Lower-case tag keys that are compared."""
        self._literals: set[str] = set()
        self._plain = True
        """Whether tags are only compared with whole literals and whole tags of the principal."""
        self._by_value: dict[str, list[Role]] = {}

    def add(self, document: Document) -> None:
        """Note what a document compares tags of roles with."""
        if "resourcetag/" not in condition_keys(document):
            return
        for condition in _conditions(document):
            key = condition.key.lower()
            self._plain = self._plain and "resourcetag/" not in " ".join(condition.values).lower()
            if "resourcetag/" in key:
                self._keys.add(key.partition("resourcetag/")[2])
                fixed = {value for value in condition.values if "${" not in value}
                moving = all(_OF_PRINCIPAL.fullmatch(value) for value in condition.values if value not in fixed)
                self._literals |= fixed
                exact = condition.operator in {"StringEquals", "StringNotEquals", "Null"}
                self._plain = self._plain and exact and moving

    def index(self, roles: Iterable[Role]) -> None:
        """Find the roles that have a value, so that those with an agent's own values are decided by themselves."""
        for role in roles if self._plain else ():
            for key, value in (role.tags or {}).items():
                if key.lower() in self._keys:
                    self._by_value.setdefault(value, []).append(role)

    def with_values_of(self, principal: Principal) -> Iterator[Role]:
        """Yield the roles of which a compared tag has the value of one of the principal's."""
        for value in {*(principal.tags or {}).values(), *principal.session_tags.values()}:
            yield from self._by_value.get(value, ())

    def state(self, role: Role) -> object:
        """Return what of a role's tags can matter to principals without its values."""
        if role.tags is None or not self._keys:
            return role.tags is None
        compared = {key.lower(): value for key, value in role.tags.items() if key.lower() in self._keys}
        if not self._plain or len(compared) < sum(key.lower() in self._keys for key in role.tags):
            return tuple(sorted(role.tags.items()))
        return tuple(
            sorted((key, value if value in self._literals or not value else "\0") for key, value in compared.items())
        )
