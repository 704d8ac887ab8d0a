"""Which agents cannot be told apart by requests for a few sample things, up to the names of their tenants."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from cred_audit.claims.aws.texts import NOBODY, Actor, Texts
from cred_audit.decide.aws.atoms import is_principal_key, tag_of
from cred_audit.decide.aws.cells import documents_of
from cred_audit.decide.aws.condition import Holds
from cred_audit.decide.aws.estate import Thing
from cred_audit.decide.aws.keys import Either
from cred_audit.decide.aws.likeness import Blocks, atoms_of, document_shape, folds
from cred_audit.decide.aws.model import Document, Request
from cred_audit.decide.aws.pattern import Variable, parts_of


@dataclass(frozen=True, slots=True, kw_only=True)
class _Compared:
    """What some documents compare of the principal."""

    variables: tuple[str, ...]
    tests: tuple[Holds, ...]
    """Tests of the principal alone."""
    fold: bool
    """Whether some test ignores case."""
    apart: bool
    """Whether more counts than how texts contain each other."""


class Kin:
    """Agents by what their requests for the samples can depend on."""

    def __init__(self, texts: Texts, samples: tuple[Thing, ...]) -> None:
        """Take the snapshot's texts and the things that are tried."""
        self.texts = texts
        self._samples = samples
        both = [one for thing in samples for one in (thing, thing.key) if one is not None]
        policies = [one.policies for one in both]
        on_things = (one for side in policies for one in (side.policy, *(one for level in side.rcps for one in level)))
        self._documents = tuple(dict.fromkeys(one for one in on_things if one is not None))
        self._named = {grant.grantee for side in policies for grant in side.grants} | {
            named.value
            for document in self._documents
            for statement in document.statements
            for named in statement.principals or ()
        }
        carried = [value for one in both for value in (one.tags or {}).values()]
        names = [one.arn.split(":", 5)[5] for one in both]
        self._known: dict[tuple[Document, ...], _Compared] = {}
        self._texts = tuple(dict.fromkeys((*names, *carried, NOBODY)))

    def of(self, actor: Actor) -> tuple[object, ...]:
        """Return what two agents share of which one is decided for both."""
        policies, caller = actor.policies, actor.evaluator.caller
        documents = (*documents_of(policies), *self._documents)
        tags = sorted((key.lower(), value) for key, value in actor.tags.items())
        own = sorted(self.texts.own.get(actor.tenant, ()))
        blocks = Blocks((actor.tenant, *own, *(value for _, value in tags)))
        shapes, pieces = [], set[str]()
        for document in documents:
            shape, found = document_shape(document, blocks)
            shapes.append(shape)
            pieces |= found
        compared = self._compared_in(documents)
        keys = actor.evaluator.keys(Request(action="x:x"))
        seen = {caller.arn, caller.role} & self._named
        return (
            tuple(shapes), tuple(map(len, policies.scps)), policies.unseen, caller.type, caller.account,
            caller.service_linked, actor.principal.tags is None,
            tuple((key, blocks.numbers.get(value, value)) for key, value in tags),
            tuple((name, _state(keys[name], blocks)) for name in compared.variables),
            tuple(holds(keys) for holds in compared.tests),
            frozenset(blocks.numbers[value] for value in own if value),
            blocks.shape(pieces, fold=compared.fold, letters=()),
            tuple(self._places(blocks, fold=compared.fold)),
            tuple(actor.tenant in thing.owners for thing in self._samples),
            (actor.tenant, actor.principal.arn) if compared.apart or seen else "",
        )  # fmt: skip

    def _compared_in(self, documents: tuple[Document, ...]) -> _Compared:
        known = self._known.get(documents)
        if known is None:
            atoms = [atoms_of(document) for document in documents]
            known = self._known[documents] = _Compared(
                variables=tuple(sorted({name for one in atoms for name in one.variables})),
                tests=tuple(holds for one in atoms for holds in one.principal),
                fold=folds(documents),
                apart=any(one.raw for one in atoms) or any(map(_joins_tags, documents)),
            )
        return known

    def _places(self, blocks: Blocks, *, fold: bool) -> Iterator[tuple[int, int, int]]:
        """Yield where an agent's values stand in the samples' texts, or the texts in a value."""
        for spelled in (str, str.lower) if fold else (str,):
            texts = [spelled(text) for text in self._texts]
            for number, value in enumerate(map(spelled, blocks.values)):
                for place, text in enumerate(texts):
                    if value in text or (text and text in value):
                        yield from ((place, number, start) for start in _starts(text, value))
                        yield from ((place, number, -1 - start) for start in _starts(value, text))


def _starts(text: str, part: str) -> Iterable[int]:
    start = text.find(part)
    while start >= 0 and part:
        yield start
        start = text.find(part, start + 1)


@lru_cache(maxsize=16384)
def _joins_tags(document: Document) -> bool:
    """Whether a value of the principal is compared with a tag of the thing and more, in one text."""
    return any(
        is_principal_key(condition.key.lower()) and len(parts) > 1
        and any(isinstance(part, Variable) and tag_of(part.key) is not None for part in parts)
        for statement in document.statements
        for condition in statement.conditions
        for parts in (parts_of(value, variables=document.variables) for value in condition.values)
    )  # fmt: skip


def _state(value: object, blocks: Blocks) -> object:
    if isinstance(value, str):
        return blocks.numbers.get(value, value)
    if isinstance(value, Either):
        return tuple(blocks.numbers.get(one, one) for one in value.values)
    return repr(value)
