"""Wildcards, ARNs and policy variables.

IAM User Guide: "IAM JSON policy elements: Resource" (wildcards within ARN segments), "... Condition operators"
(ArnLike compares six components one by one), "... Variables and tags". A `*` is any run of characters and a `?`
is one; there are no classes. Matching takes time linear in pattern x text, whatever the number of stars.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

NO, MAYBE, YES = 0, 1, 2
"""Three-valued truth: `min` is and, `max` is or, `2 - x` is not."""

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_WITH_DEFAULT = re.compile(r"\s*([^,]*), '(.*)'", re.DOTALL)
_STAR = None
"""A star among the tokens of a pattern; the other tokens are regular expressions of one character."""
_Token = str | None


@dataclass(frozen=True, slots=True)
class Variable:
    """One `${key}` or `${key, 'default'}`."""

    key: str
    """Lower case: key names are compared without case."""
    default: str | None


Part = tuple[str, bool] | Variable
"""A run of text, with whether its `*` and `?` are wildcards, or a variable."""


@lru_cache(maxsize=16384)
def parts_of(text: str, *, variables: bool) -> tuple[Part, ...]:
    """Split a text into runs and variables. `${*}`, `${?}` and `${$}` are the characters themselves."""
    if not variables or "${" not in text:
        return ((text, True),)
    parts: list[Part] = []
    start = 0
    for found in _VARIABLE.finditer(text):
        if found.start() > start:
            parts.append((text[start : found.start()], True))
        start = found.end()
        inner = found[1]
        if inner in ("*", "?", "$"):
            parts.append((inner, False))
            continue
        with_default = _WITH_DEFAULT.fullmatch(inner)
        if with_default is None:
            parts.append(Variable(inner.strip().lower(), None))
        else:
            parts.append(Variable(with_default[1].strip().lower(), with_default[2]))
    if start < len(text):
        parts.append((text[start:], True))
    return tuple(parts)


def _tokens(runs: Iterable[tuple[str, bool]]) -> list[_Token]:
    tokens: list[_Token] = []
    for text, wild in runs:
        for character in text:
            if wild and character == "*":
                tokens.append(_STAR)
            elif wild and character == "?":
                tokens.append("?")
            else:
                tokens.append(re.escape(character))
    return tokens


def _rendered(tokens: list[_Token], anything: str) -> str:
    """Return the expression of tokens. The first place where a middle piece fits is the best one: no backtracking."""
    chunks: list[list[str]] = [[]]
    for token in tokens:
        if token is _STAR:
            chunks.append([])
        else:
            chunks[-1].append(anything if token == "?" else token)  # noqa: S105  (a wildcard, not a secret)
    texts = ["".join(chunk) for chunk in chunks]
    if len(texts) == 1:
        return texts[0]
    middle = "".join(f"(?>{anything}*?{text})" for text in texts[1:-1] if text)
    return f"{texts[0]}{middle}{anything}*{texts[-1]}"


def glob_expression(runs: Iterable[tuple[str, bool]]) -> str:
    """Return the regular expression of a plain wildcard text."""
    return _rendered(_tokens(runs), ".")


def arn_expression(runs: Iterable[tuple[str, bool]], *, short: bool = False, completed: bool = False) -> str | None:
    """Return the regular expression of an ARN pattern, compared component by component; None if none matches.

    `short`: a pattern of fewer than six components that ends in a star covers what follows (Resource elements).
    `completed`: missing components are stars, as AWS completes them in identity-based policies.
    """
    tokens = _tokens(runs)
    segments: list[list[_Token]] = [[]]
    for token in tokens:
        if token == ":" and len(segments) < 6:  # noqa: S105  (a separator, not a secret)
            segments.append([])
        else:
            segments[-1].append(token)
    if completed and segments[-1][-1:] != [_STAR]:
        segments += [[_STAR] for _ in range(6 - len(segments))]
    if len(segments) < 6 and not (short and segments[-1][-1:] == [_STAR]):
        return None
    return ":".join([*(_rendered(segment, "[^:]") for segment in segments[:-1]), _rendered(segments[-1], ".")])


def arn_matcher(
    runs: Iterable[tuple[str, bool]], *, short: bool = False, completed: bool = False
) -> Callable[[str], object] | None:
    """Return the test of an ARN pattern, as `arn_expression` says; None if none matches.

    Most patterns have one star a component at most: these are compared as text, since thousands of tenants' own
    patterns cost more to compile than to test.
    """
    runs = tuple(runs)
    segments = _segments(runs)
    if segments is None or any(len(pieces) > 2 for pieces in segments):
        expression = arn_expression(runs, short=short, completed=completed)
        return None if expression is None else compiled(expression).fullmatch
    ends_open = len(segments[-1]) == 2 and not segments[-1][1]
    if completed and not ends_open:
        segments += [["", ""] for _ in range(6 - len(segments))]
    if len(segments) < 6 and not (short and ends_open):
        return None
    return _plain_matcher(segments)


def _segments(runs: Iterable[tuple[str, bool]]) -> list[list[str]] | None:
    """Return the components of an ARN pattern, each as the texts between its stars; None where it has others."""
    segments: list[list[str]] = [[""]]
    for text, wild in runs:
        if wild and "?" in text:
            return None
        for number, chunk in enumerate(text.split(":", 6 - len(segments))):
            if number:
                segments.append([""])
            first, *rest = chunk.split("*") if wild else (chunk,)
            segments[-1][-1] += first
            segments[-1] += rest
    return segments


def _plain_matcher(segments: list[list[str]]) -> Callable[[str], bool]:
    fixed = [len(pieces) == 1 for pieces in segments]
    literal = fixed.index(False) if False in fixed else len(segments)
    head = ":".join([*(pieces[0] for pieces in segments[:literal]), *(pieces[0] for pieces in segments[literal:][:1])])
    rest = tuple((pieces[0], None if len(pieces) == 1 else pieces[1]) for pieces in segments[literal:])
    most = len(segments) - 1
    if not rest:
        return head.__eq__

    def matches(text: str) -> bool:
        if not text.startswith(head):
            return False
        fields = text.split(":", most)
        if len(fields) <= most:
            return False
        for field, (start, end) in zip(fields[literal:], rest, strict=True):
            if end is None:
                if field != start:
                    return False
            elif len(field) < len(start) + len(end) or not (field.startswith(start) and field.endswith(end)):
                return False
        return True

    return matches


@lru_cache(maxsize=16384)
def compiled(expression: str, *, ignore_case: bool = False) -> re.Pattern[str]:
    """Return a compiled expression; a dot is any character, line breaks included."""
    return re.compile(expression, re.DOTALL | (re.IGNORECASE if ignore_case else 0))


_SEGMENT_END = re.compile(r"\*:")


def runs_past(text: str) -> bool:
    """Whether a star ends one of the first five components: it may run past the colon (not settled by AWS's text)."""
    return _SEGMENT_END.search(":".join(text.split(":", 5)[:5]) + ":") is not None and text.count(":") > 4


@lru_cache(maxsize=16384)
def action_matcher(pattern: str) -> Callable[[str], bool]:
    """Return the test of an action pattern against a lower-case action."""
    lowered = pattern.lower()
    if "*" not in lowered and "?" not in lowered:
        return lowered.__eq__
    expression = compiled(glob_expression([(lowered, True)]))
    return lambda action: expression.fullmatch(action) is not None
