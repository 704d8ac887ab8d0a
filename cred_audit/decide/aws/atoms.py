"""What policies compare: the tests of a document sorted by whether they look at the principal, the thing, or both.

Two things that no test tells apart get the same answer, so few of many things have to be decided.
"""

from dataclasses import dataclass, field, replace
from functools import lru_cache

from cred_audit.decide.aws.condition import Holds, compile_condition
from cred_audit.decide.aws.model import Condition, Document, Statement
from cred_audit.decide.aws.pattern import Part, Variable, action_matcher, parts_of

_PRINCIPAL = ("aws:principaltag/", "aws:principalarn", "aws:principalaccount", "aws:principaltype", "aws:username",
              "aws:principalisawsservice", "kms:calleraccount")  # fmt: skip
_KNOWN = ("aws:principaltag/", "aws:principalarn", "aws:principalaccount", "aws:principaltype", "aws:username",
          "aws:principalisawsservice", "kms:", "aws:resourceaccount", "aws:resourcetag/",
          "aws:requesttag/")  # fmt: skip


def is_principal_key(key: str) -> bool:
    """Whether a lower-case key depends on the principal alone."""
    return key.startswith(_PRINCIPAL)


def is_unknown_variable(key: str) -> bool:
    """Whether nobody knows what a variable (lower case) stands for: `aws:userid`, claims of a login ..."""
    return not key.startswith(_KNOWN) and ":resourcetag/" not in key


@lru_cache(maxsize=65536)
def unknown_variables(statement: Statement, document: Document) -> frozenset[str]:
    """Return the variables (lower case) of a statement whose value nobody knows."""
    if not document.variables:
        return frozenset()
    texts = [*(statement.resources or ())]
    texts += (value for condition in statement.conditions for value in condition.values)
    parts = (part for text in texts for part in parts_of(text, variables=True))
    return frozenset(part.key for part in parts if isinstance(part, Variable) and is_unknown_variable(part.key))


def covers_action(statement: Statement, action: str) -> bool:
    """Whether a statement's Action or NotAction holds a lower-case action."""
    return any(action_matcher(pattern)(action) for pattern in statement.actions) is not statement.not_action


def tag_of(key: str) -> str | None:
    """Return the tag key (lower case) that a lower-case condition key reads from the thing, if it does."""
    service, found, tag = key.partition(":resourcetag/")
    return tag if found and service else None


@dataclass(frozen=True, slots=True)
class TextAtom:
    """One value of a Resource element (`key` is empty) or of a condition on an attribute of the thing."""

    key: str
    """Lower-case tag key, `kms:encryptioncontext:...`, or empty for the ARN's part behind the fifth colon."""
    text: str
    variables: bool
    wild: bool
    fold: bool = False
    past: int = -1
    """For a star that ran past the colon: how many colons a name must have more than; else -1."""

    def parts(self) -> tuple[Part, ...]:
        """Return the runs and variables of what is compared with the attribute."""
        return parts_of(self.text, variables=self.variables)

    @property
    def moving(self) -> bool:
        """Whether the value depends on the principal."""
        return any(isinstance(part, Variable) for part in self.parts())


@dataclass(slots=True)
class Atoms:
    """All that some documents compare."""

    texts: dict[TextAtom, None] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)
    """Lower-case condition keys and variables."""
    tags: set[str] = field(default_factory=set)
    """Lower-case tag keys of things that are looked at."""
    raw: set[str] = field(default_factory=set)
    """Those whose value counts as it is (numbers, dates ...)."""
    principal: list[Holds] = field(default_factory=list)
    """Tests of the principal alone."""
    variables: set[str] = field(default_factory=set)
    """Principal keys whose value, or lack of one, matters."""
    unknown: set[str] = field(default_factory=set)
    """Variables whose value nobody knows."""
    tag_variables: set[str] = field(default_factory=set)
    """Tag keys of things that stand in variables: compared with values of the principal or of the request."""

    def add(self, document: Document) -> None:
        """Add all that a document on the principal's side compares."""
        for statement in document.statements:
            for resource in statement.resources or ():
                self._resource(resource, document)
            for condition in statement.conditions:
                self.add_condition(condition, document)

    def add_moving(self, statement: Statement, document: Document) -> None:
        """Add what a statement of a thing's own policy compares with values of the principal."""
        for resource in statement.resources or ():
            if document.variables and "${" in resource:
                self._resource(resource, document)

    def principal_test(self, condition: Condition, values: tuple[str, ...], document: Document) -> None:
        """Add a test of the principal alone, with some of its values."""
        self.principal.append(compile_condition(replace(condition, values=values), variables=document.variables))

    def _resource(self, resource: str, document: Document) -> None:
        fields = resource.split(":", 5)
        tail = fields[5] if len(fields) == 6 else "*"
        self._text(TextAtom("", tail, document.variables, wild=True))
        head = ":".join(fields[:5])
        if "*:" in f"{head}:":
            # A star that ends an earlier component may run past it, into names that hold more colons.
            self._text(TextAtom("", f"*{tail}", document.variables, wild=True, past=tail.count(":")))

    def add_condition(self, condition: Condition, document: Document) -> None:
        """Add what a condition compares."""
        key = condition.key.lower()
        self.keys.add(key)
        texts = condition.operator.startswith(("String", "Arn"))
        used: set[str] = set()
        if texts:
            for value in condition.values:
                parts = parts_of(value, variables=document.variables)
                used |= {part.key for part in parts if isinstance(part, Variable)}
        self._names(used)
        read = {tag for tag in map(tag_of, used) if tag is not None}
        self.tags |= read
        self.tag_variables |= read
        tag = tag_of(key)
        if tag is not None:
            self.tags.add(tag)
            if not texts and condition.operator != "Null":
                self.raw.add(tag)
        if texts and (tag is not None or key.startswith("kms:encryptioncontext:")):
            self._values(condition, tag if tag is not None else key, document)
        if is_principal_key(key):
            self.variables.add(key)
            if not read:
                self.principal.append(compile_condition(condition, variables=document.variables))

    def _values(self, condition: Condition, key: str, document: Document) -> None:
        wild = condition.operator.startswith("Arn") or "Like" in condition.operator
        fold = "IgnoreCase" in condition.operator
        for value in condition.values:
            text = value
            if key.startswith("kms:") and value.count(":") > 4:
                text = value.split(":", 5)[5]
            elif key.startswith("kms:"):
                text = f"*{value}*" if wild else value
            self._text(TextAtom(key, text, document.variables, wild=wild, fold=fold))

    def _text(self, atom: TextAtom) -> None:
        self.texts[atom] = None
        self._names({part.key for part in atom.parts() if isinstance(part, Variable)})

    def _names(self, names: set[str]) -> None:
        self.keys |= names
        self.variables |= {name for name in names if is_principal_key(name)}
        self.unknown |= {name for name in names if is_unknown_variable(name)}
