"""What an agent would reach if somebody else had it: names and tags that nothing has yet.

For each action, the names that the policies and the agent's own territory tell apart are found as words (see `words`),
and for each of them all values of the tags that policies look at are searched together with the keys that nobody
knows. The thing has no policy of its own and AWS's own key, so only principals of its account can reach it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from cred_audit.decide import Effect, Reason
from cred_audit.decide.aws.atoms import covers_action, is_principal_key, tag_of
from cred_audit.decide.aws.catalogue import may_carry
from cred_audit.decide.aws.clause import Clause
from cred_audit.decide.aws.condition import filled, resolved
from cred_audit.decide.aws.dependent import Setting
from cred_audit.decide.aws.engine import NO_RESOURCE_SIDE, Evaluator
from cred_audit.decide.aws.estate import ActionClass, Thing, actions_of, requests
from cred_audit.decide.aws.free import Possible, Search
from cred_audit.decide.aws.keys import FREE, Keys
from cred_audit.decide.aws.model import Condition, Document, PrincipalPolicies, Request, ResourcePolicies
from cred_audit.decide.aws.pattern import Variable, arn_expression, compiled, glob_expression, parts_of
from cred_audit.decide.aws.samples import values_of
from cred_audit.decide.aws.words import Pattern, Wanted, pattern, words

LIMIT = 4000
"""States of the product of name patterns that are visited."""
_CLOSEST = 4
_PLAIN = Setting()
_SUFFIX = "xQZ7JqKz0XVWY94568jgyuhkwvbfpdmlniocteasr123ABCDEFGHILMNOPRSTU"
_ANY = "\u00b5"
"""A character that no pattern names."""
_WORDS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/_.-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sort:
    """What could come into being."""

    name: str
    """As a sentence has it."""
    actions: str
    """The sort of things whose actions touch it (see `Thing.sort`)."""
    service: str
    before: str
    """What stands before the name behind the fifth colon."""
    after: str = ""
    """What AWS adds behind it: nobody chooses it, so it is none that a policy names."""
    below: str = ""
    """For a folder, the rest of the name of what is in it."""
    letters: frozenset[str] = _WORDS
    empty: bool = False


SORTS = (
    Sort(name="secret", actions="secretsmanager", service="secretsmanager", before="secret:", after="-" + 6 * _ANY,
         letters=_WORDS | frozenset("+=@")),
    Sort(name="parameter", actions="ssm", service="ssm", before="parameter/"),
    Sort(name="folder", actions="folder of ssm", service="ssm", before="parameter/", below="/" + _ANY, empty=True),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """What is a tenant's own, whether or not it is there."""

    arns: tuple[str, ...] = ()
    accounts: frozenset[str] = frozenset()
    named: Mapping[str, str] = field(default_factory=dict)
    """What a text is to the tenant -> text that marks a thing as the tenant's: its id, the values of its tags."""

    @property
    def marks(self) -> frozenset[str]:
        """The texts alone."""
        return frozenset(self.named.values()) - {""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Coming:
    """A statement that would reach a thing which is not there yet."""

    effect: Effect
    sort: Sort
    actions: tuple[str, ...]
    name: str
    """The thing's name; empty where the answer is UNKNOWN."""
    tags: Mapping[str, str]
    region: str
    because: tuple[Reason, ...]
    assuming: tuple[str, ...] = ()
    witness: Request | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What there is in an agent's account."""

    regions: tuple[str, ...]
    """Those that were read."""
    there: frozenset[str] = frozenset()
    """Names that policies spell out and that something has, as `us-east-1:secret:shared/key`."""
    side: ResourcePolicies = NO_RESOURCE_SIDE
    """What binds everything in the account: its resource control policies."""


class Latent:
    """One agent's policies, asked about what may come."""

    def __init__(self, evaluator: Evaluator, own: Own, around: Around, setting: Setting = _PLAIN) -> None:
        """Take the agent, what is its tenant's, and what there is in its account."""
        self.side = around.side
        self.own = own
        self.evaluator = evaluator
        self.account = evaluator.caller.account
        self.partition = evaluator.caller.arn.split(":")[1] if ":" in evaluator.caller.arn else "aws"
        self.regions = around.regions
        self.there = around.there
        self._setting = setting
        self.marks = own.marks
        self.closest: dict[Reason, None] = {}
        """The statements that keep it from what may come."""

    def coming(self, wanted: ActionClass, told: frozenset[Reason] = frozenset()) -> tuple[Coming, ...]:
        """Return the statements that would reach what may come. `told`: statements that are known to reach."""
        if self.account in self.own.accounts:
            return ()
        found: dict[tuple[object, ...], Coming] = {}
        policies = _without(self.evaluator.policies, told)
        for sort in SORTS:
            for actions in self._groups(wanted, sort, policies):
                for one in self._statements(sort, actions, policies):
                    key = (one.effect, one.because, one.assuming, one.sort.name)
                    known = found.get(key)
                    found[key] = one if known is None else replace(known, actions=(*known.actions, *one.actions))
        return tuple(found.values())

    def _groups(self, wanted: ActionClass, sort: Sort, policies: PrincipalPolicies) -> Iterator[tuple[str, ...]]:
        """Yield the actions that some statement allows, those together that no statement tells apart."""
        evaluator = Evaluator(self.evaluator.principal, policies)
        groups: dict[tuple[object, ...], list[str]] = {}
        for action in actions_of(wanted, sort.actions):
            clauses = evaluator.clauses(action.lower(), self.side)
            keys = dict.fromkeys(one.key.lower() for clause in clauses for one in clause.statement.conditions)
            carried = tuple(may_carry(action, key) for key in keys)
            if policies.unseen or self.side.unseen or not policies.identity or _allowed(policies, action):
                groups.setdefault((clauses, carried), []).append(action)
        yield from map(tuple, groups.values())

    def _statements(self, sort: Sort, actions: tuple[str, ...], policies: PrincipalPolicies) -> Iterator[Coming]:
        """Yield each statement that alone would reach something: what is found is taken away, until nothing is."""
        while True:
            evaluator = Evaluator(self.evaluator.principal, policies)
            one = self._first(sort, actions, evaluator)
            if one is None:
                return
            yield one
            less = _without(policies, frozenset(one.because))
            if one.effect is not Effect.ALLOW or less is policies:
                return
            policies = less

    def _first(self, sort: Sort, actions: tuple[str, ...], evaluator: Evaluator) -> Coming | None:
        unknown: Coming | None = None
        clauses = evaluator.clauses(actions[0].lower(), self.side)
        asked: set[tuple[object, ...]] = set()
        for region in self.regions:
            place = f"arn:{self.partition}:{sort.service}:{region}:{self.account}:"
            names = _Names(self, sort, place, clauses, evaluator)
            if (names.seen, names.region) in asked:
                continue
            asked.add((names.seen, names.region))
            for found, name in self._found(sort, actions, evaluator, names):
                if found.decision.effect is Effect.DENY:
                    if len(self.closest) < _CLOSEST:
                        self.closest.update(dict.fromkeys(found.decision.because[:2]))
                    continue
                one = self._as_coming(sort, actions, region, name, found)
                if one.effect is Effect.ALLOW:
                    return one
                unknown = unknown or one
            if names.missing is not None and unknown is None:
                reason = Reason(policy="", why=f"there are too many ways to match {names.missing!r} to try them all")
                unknown = Coming(
                    effect=Effect.UNKNOWN, sort=sort, actions=actions, name="", tags={}, region=region,
                    because=(reason,),
                )  # fmt: skip
        return unknown

    def _found(
        self, sort: Sort, actions: tuple[str, ...], evaluator: Evaluator, names: "_Names"
    ) -> Iterator[tuple[Possible, str]]:
        search = Search(evaluator, self._setting)
        tags = {} if sort.below else self._tags(actions[0], evaluator)
        for name in names.words:
            thing = Thing(arn=f"{names.place}{sort.before}{name}{sort.after.replace(_ANY, names.random)}")
            if sort.service == "secretsmanager":
                thing = replace(thing, known={"secretsmanager:secretprimaryregion": thing.region})
            ((request, _),) = requests(actions[0], thing)
            if self.is_foreign(sort, thing.arn, name):
                found = search.possible(request, self.side, {tag: values for tag, (values, _) in tags.items()})
                if found.decision.effect is Effect.DENY and not all(whole for _, whole in tags.values()):
                    because = (Reason(policy="", why="not every value of the tags that policies look at was tried"),)
                    decision = replace(found.decision, effect=Effect.UNKNOWN, because=because)
                    found = replace(found, decision=decision)
                yield found, name

    def is_foreign(self, sort: Sort, arn: str, name: str, tags: Iterable[str] = ()) -> bool:
        """Whether a thing would lie outside the tenant's own territory and carry no mark of the tenant."""
        if not self.marks.isdisjoint([*name.split("/"), *tags]):
            return False
        patterns = (arn_expression([(one, True)], short=True) for one in self.own.arns)
        return not any(one is not None and compiled(one).fullmatch(arn + sort.below) for one in patterns)

    def _as_coming(self, sort: Sort, actions: tuple[str, ...], region: str, name: str, found: Possible) -> Coming:
        return Coming(
            effect=found.decision.effect, sort=sort, actions=actions, name=name,
            tags=dict(found.request.resource_tags or {}), region=region, because=found.decision.because,
            assuming=found.decision.assuming, witness=found.request,
        )  # fmt: skip

    def _tags(self, action: str, evaluator: Evaluator) -> dict[str, tuple[tuple[str | None, ...], bool]]:
        """Return the tags that policies look at, with the values to try and whether they are all that matter."""
        keys = evaluator.keys(Request(action=action))
        tests: dict[str, list[tuple[Condition, bool]]] = {}
        written: dict[str, str] = {}
        turned: dict[str, bool] = {}
        for clause in evaluator.clauses(action.lower(), self.side):
            variables = clause.document.variables
            for condition in clause.statement.conditions:
                tag = tag_of(condition.key.lower())
                if tag is not None:
                    tests.setdefault(tag, []).append((condition, variables))
                    written.setdefault(tag, condition.key.partition("/")[2])
                for name, alone in _tag_variables(condition.values, variables=variables):
                    plain = alone and is_principal_key(condition.key.lower()) and "Equals" in condition.operator
                    turned[name] = turned.get(name, True) and plain and condition.operator.startswith("String")
            for name, _ in _tag_variables(clause.statement.resources or (), variables=variables):
                turned[name] = False
        found: dict[str, tuple[tuple[str | None, ...], bool]] = {}
        for tag in dict.fromkeys((*tests, *turned)):
            exact = tuple(Condition(operator=kind, key="", values=tuple(sorted(self.marks)))
                          for kind in ("StringEquals", "StringEqualsIgnoreCase") if self.marks)  # fmt: skip
            values, whole = values_of([*tests.get(tag, ()), *((one, False) for one in exact)], keys)
            kept = tuple(value for value in values if value and value not in self.marks)
            found[written.get(tag, tag)] = ((None, *kept, ""), whole and turned.get(tag, True))
        return found


class _Names:
    """The names that matter for some statements in one place."""

    def __init__(
        self, latent: Latent, sort: Sort, place: str, clauses: tuple[Clause, ...], evaluator: Evaluator
    ) -> None:
        self.place = place
        keys = evaluator.keys(Request(action="x:x"))
        free: list[str] = []
        allows: list[Pattern] = []
        bits: list[Pattern] = []
        for clause in dict.fromkeys(clauses):
            statement = clause.statement
            for text in statement.resources or ("*",):
                found = list(_tails(place, text, clause.document, keys, free))
                patterns = [pattern(runs, before=sort.before, after=sort.after) for runs in found]
                (allows if statement.allow and not statement.not_resource else bits).extend(patterns)
            if statement.allow and statement.not_resource:
                allows.append(pattern([("*", True)]))
        owned = [runs for text in latent.own.arns for runs in _tails(place, text, None, keys, free)]
        none = [pattern(runs, before=sort.before, after=sort.after + sort.below) for runs in owned]
        for mark in sorted(latent.marks):
            forms = ([(mark, False)], [(f"{mark}/", False), ("*", True)], [("*", True), (f"/{mark}", False)],
                     [("*", True), (f"/{mark}/", False), ("*", True)])  # fmt: skip
            none += (pattern(runs) for runs in forms)
        region = place.split(":")[3]
        for name in sorted(latent.there):
            if name.startswith(f"{region}:{sort.before}") and not sort.below:
                none.append(pattern([(name.removeprefix(f"{region}:{sort.before}"), False)]))
        self.seen = (tuple(allows), tuple(bits), tuple(none))
        """What decides on the words: equal in two regions, equal words."""
        regional = any(
            one.key.lower() == "aws:requestedregion" for clause in clauses for one in clause.statement.conditions
        )
        self.region = place if regional else ""
        found_words, complete = words(
            tuple(dict.fromkeys((*allows, *bits))), LIMIT,
            Wanted(some=tuple(dict.fromkeys(allows)) or (pattern([("*", True)]),), none=tuple(dict.fromkeys(none)),
                   letters=sort.letters),
        )  # fmt: skip
        self.words = tuple(
            sorted((word for word in found_words if word or sort.empty), key=lambda word: (len(word), word))
        )
        letters = {token for one in (*allows, *bits, *none) for token, _ in one.tokens}
        self.random = next((one for one in _SUFFIX if one not in letters), "x")
        """A character that none of the patterns names, for the end of a secret's ARN."""
        longest = max((*allows, *bits), key=lambda one: len(one.tokens), default=None)
        self.missing: str | None = None
        """A pattern that there are too many words for, or whose variables nobody knows."""
        if free:
            self.missing = free[0]
        elif not complete and longest is not None:
            self.missing = "".join(token or ("*" if token is None else "?") for token, _ in longest.tokens)


def _tails(
    place: str, text: str, document: Document | None, keys: Keys, free: list[str]
) -> Iterator[tuple[tuple[str, bool], ...]]:
    """Yield what a Resource text asks of the part behind the fifth colon, where its head is the place's."""
    fields = text.split(":", 5)
    if len(fields) < 6:
        expression = arn_expression([(text, True)], short=True, completed=True)
        if not text.strip("*") or (expression is not None and compiled(expression).fullmatch(f"{place}x")):
            yield (("*", True),)
        return
    head = ":".join(fields[:5])
    if not compiled(arn_expression([(f"{head}:*", True)], short=True) or "(?!)").fullmatch(f"{place}x"):
        if "*:" in f"{head}:" and compiled(glob_expression([(f"{head}:*", True)])).fullmatch(f"{place}x"):
            free.append(text)
        return
    parts = parts_of(fields[5], variables=document is not None and document.variables)
    for values in resolved(parts, keys) if any(isinstance(part, Variable) for part in parts) else [()]:
        if values is FREE:
            free.append(text)
            yield tuple(("*", True) if isinstance(part, Variable) else part for part in parts)
        elif values is not None:
            yield filled(parts, values)


def _tag_variables(texts: Iterable[str], *, variables: bool) -> Iterator[tuple[str, bool]]:
    """Yield the tags of the thing that texts name, and whether the text is nothing but that."""
    for text in texts:
        parts = parts_of(text, variables=variables)
        for part in parts:
            if isinstance(part, Variable):
                tag = tag_of(part.key)
                if tag is not None:
                    yield tag, len(parts) == 1 and part.default is None


def _allowed(policies: PrincipalPolicies, action: str) -> bool:
    lowered = action.lower()
    return any(
        statement.allow and covers_action(statement, lowered)
        for document in policies.identity
        for statement in document.statements
    )


def _without(policies: PrincipalPolicies, told: frozenset[Reason]) -> PrincipalPolicies:
    """Return the policies without the identity statements that some reasons name; the same where there are none."""
    named = {(reason.policy, reason.clause) for reason in told if reason.policy}
    identity: list[Document] = []
    for document in policies.identity:
        kept = tuple(one for one in document.statements if not (one.allow and (document.name, one.text) in named))
        same = len(kept) == len(document.statements)
        identity.append(document if same else replace(document, statements=kept))
    if all(one is other for one, other in zip(identity, policies.identity, strict=True)):
        return policies
    return replace(policies, identity=tuple(identity))
