"""Values for template directives that whoever logs in chooses: those that can make a difference.

A value matters by the territory that it leads a clause into and by the other rules that name it. Look-alike
territories need one value, unless a rule names one of them.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from cred_audit.decide.vault.acl import Acl, FreeClause
from cred_audit.decide.vault.profile import Special
from cred_audit.decide.vault.search import usable
from cred_audit.decide.vault.trie import Node

NOBODY = "x-nobody"
"""A value that no territory and no rule names."""
MOST = 512
"""Choices that are tried; with more the answer is unknown."""
_DIRECTIVE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A value for each open directive."""

    values: Mapping[str, str]
    alike: Counter[str] | None = None
    """Owners that other values reach in the same way."""


def choices(acl: Acl, roots: Iterable[Node], own: str) -> Iterator[Choice]:
    """Yield the choices for an access control list's open directives, a value of nobody first."""
    names = sorted(acl.free)
    named = {part for rule in (*acl.exact.values(), *acl.ordered) for part in rule.text.split("/")}
    yield Choice(values=dict.fromkeys(names, NOBODY))
    seen: set[tuple[str, ...]] = set()
    starts = list(roots)
    for clause in acl.open_clauses:
        for picked in _of_clause(clause, starts, own, named):
            values = {name: picked.values.get(name, NOBODY) for name in names}
            key = tuple(values.values())
            if key not in seen and not any(_blocked(acl, value) for value in key):
                seen.add(key)
                yield Choice(values=values, alike=picked.alike)


def _of_clause(clause: FreeClause, roots: list[Node], own: str, named: set[str]) -> Iterator[Choice]:
    path = clause.source.namespace + clause.source.stanza.path.removeprefix("/")
    segments = [_pieces(part) for part in re.split(r"/(?![^{]*\}\})", path.removesuffix("*"))]
    single = len({name for pieces in segments for kind, name in pieces if kind == "directive"}) == 1
    if path.endswith("}}*"):
        yield Choice(values=dict.fromkeys(clause.directives, ""))
    for root in roots:
        stack: list[tuple[int, Node, dict[str, str], Counter[str] | None]] = [(0, root, {}, None)]
        while stack:
            depth, node, values, alike = stack.pop()
            if node.sole in (None, own):
                continue
            if depth == len(segments):
                yield Choice(values=values, alike=alike if single else None)
                continue
            if values and all(kind == "text" for pieces in segments[depth:] for kind, _ in pieces):
                yield Choice(values=values, alike=alike if single else None)
                continue
            ways = _ways(node, segments[depth], values, own, named, single=single)
            stack += [(depth + 1, following, more, group or alike) for following, more, group in ways]


def _pieces(segment: str) -> list[tuple[str, str]]:
    out: list[tuple[str, str]] = []
    position = 0
    for match in _DIRECTIVE.finditer(segment):
        if match.start() > position:
            out.append(("text", segment[position : match.start()]))
        out.append(("directive", match.group(1).strip()))
        position = match.end()
    if position < len(segment):
        out.append(("text", segment[position:]))
    return out


def _ways(  # noqa: PLR0913  (where the walk is and what it must know)
    node: Node, pieces: list[tuple[str, str]], values: dict[str, str], own: str, named: set[str], *, single: bool
) -> Iterator[tuple[Node, dict[str, str], Counter[str] | None]]:
    """Yield where a segment of the clause leads, with the values that lead there."""
    known = [
        ("text", values[text]) if kind == "directive" and text in values else (kind, text) for kind, text in pieces
    ]
    for further in (node.inside, node.plus):
        if further is not None:
            yield further, values, None
    if all(kind == "text" for kind, _ in known):
        yield from ((child, values, None) for child in _literal(node, "".join(text for _, text in known)))
        return
    texts = [re.escape(text) if kind == "text" else "(.*)" for kind, text in known]
    expression = re.compile("".join(texts) + r"\Z", re.DOTALL)
    # A beginning of a segment says nothing of what the clause has behind its last directive.
    beginning = re.compile("".join(texts[: len(texts) - texts[::-1].index("(.*)")]), re.DOTALL)
    open_names = [text for kind, text in known if kind == "directive"]
    for whole, below in ((True, node.children), (False, node.parts)):
        fits = expression if whole else beginning
        for (here, _), members in node.groups.items():
            if here is not whole:
                continue
            fitting = [name for name in members if below[name].sole != own and fits.match(name)]
            common = [name for name in fitting if name not in named]
            alike = Counter(owner for name in common for owner in below[name].everyone()) if single else None
            chosen = common[:1] if single else common
            for name in (*chosen, *(name for name in fitting if name in named)):
                match = fits.match(name)
                if match is not None:
                    more = values | dict(zip(open_names, match.groups(), strict=True))
                    yield below[name], more, alike if name in chosen else None


def _literal(node: Node, text: str) -> Iterator[Node]:
    if text == "+":
        yield from node.children.values()
        yield from node.parts.values()
        return
    if text in node.children:
        yield node.children[text]
    for end in range(1, len(text) + 1):
        if text[:end] in node.parts:
            yield node.parts[text[:end]]


def _blocked(acl: Acl, value: str) -> bool:
    if value and not usable(value):
        return True
    profile = acl.profile
    return (profile.wildcards is not Special.INSERT and ("*" in value or "+" in value)) or (
        profile.slashes is not Special.INSERT and "/" in value
    )
