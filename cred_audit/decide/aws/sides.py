"""The policies on the side of what may be reached: whose tags they look at, and which principals they let in."""

from collections.abc import Iterable, Iterator

from cred_audit.decide.aws.estate import Thing
from cred_audit.decide.aws.model import Document
from cred_audit.decide.aws.trusts import Trusts


class Sides:
    """The policies of all things and of the keys that encrypt them."""

    def __init__(self, things: Iterable[Thing]) -> None:
        """Take what is owned."""
        both = (one for thing in things for one in (thing, thing.key) if one is not None)
        self._policies = tuple({id(one.policies): one.policies for one in both}.values())
        self.documents = frozenset(self._documents())

    def _documents(self) -> Iterator[Document]:
        for policies in self._policies:
            if policies.policy is not None:
                yield policies.policy
            yield from (document for level in policies.rcps for document in level)

    def crossing(self, trusts: Trusts) -> frozenset[str] | None:
        """Return the roles that policies of other accounts let in; None where a deny may leave out any role."""
        named = dict(trusts.named())
        for policies in self._policies:
            if policies.unseen:
                return None
            named |= dict.fromkeys(grant.grantee for grant in policies.grants)
        for document in self.documents:
            for statement in document.statements:
                if not statement.allow or statement.not_principal or statement.conditions:
                    return None
                named |= dict.fromkeys(one.value for one in statement.principals or ())
        return None if trusts.by_value else frozenset(named)
