"""The template of `list_scan_response_keys_filter_path`, as far as the server refuses it at write time.

The server compiles a Go template and runs it for two keys: what does not compile, fails or comes out the same
is refused. This reads the template without running it; what only a run would show is taken for accepted.
"""

import re

_SAME = frozenset({"len", "eq", "ne", "lt", "le", "gt", "ge", "not"})
"""Functions whose answer is the same for keys of the same length."""
_ONE = frozenset({"uppercase", "lowercase", "sha256", "base64"})
"""Functions of one text."""
_FRESH = frozenset({"random", "uuid"})
"""Functions that answer anew each time."""
_FUNCTIONS = _SAME | _ONE | _FRESH | frozenset({
    "truncate", "truncate_sha256", "replace", "unix_time", "unix_time_millis", "timestamp", "and", "or", "index",
    "slice",
    "print", "printf", "println", "html", "js", "urlquery", "call", "true", "false",
})  # fmt: skip
_OPENS = frozenset({"if", "with", "range", "define", "block"})
_TOKEN = re.compile(
    r"""(?P<string>"(?:[^"\\\n]|\\.)*"|`[^`]*`|'(?:[^'\\\n]|\\.)*')
    |(?P<number>[+-]?\.?[0-9][\w.]*)
    |(?P<field>(?:\$\w*)?(?:\.\w+)+)
    |(?P<variable>\$\w*)
    |(?P<dot>\.(?![.\w]))
    |(?P<word>[A-Za-z_]\w*)
    |(?P<sign>:=|[=|(),])
    |(?P<space>\s+)""",
    re.VERBOSE,
)
_ACTION = re.compile(
    r"\{\{(?:-\s)?(?:\s*/\*(?P<comment>.*?)\*/\s*|(?P<body>(?:[^\"`'}]|\"(?:[^\"\\\n]|\\.)*\"|`[^`]*`|'(?:[^'\\\n]|\\.)*'"
    r"|\}(?!\}))*?))(?:\s-)?\}\}",
    re.DOTALL,
)


class FilterError(ValueError):
    """The server would refuse the template."""


def check_filter(template: str) -> None:
    """Raise FilterError for a template that the server would refuse."""
    state = _State()
    position = 0
    while (start := template.find("{{", position)) >= 0:
        action = _ACTION.match(template, start)
        if action is None:
            raise FilterError("{{ is not closed")
        if action["comment"] is None:
            state.action(action["body"])
        position = action.end()
    if state.open:
        raise FilterError(f"{state.open[-1]} has no end")
    if not state.depends:
        raise FilterError("does not depend on .key")


class _State:
    def __init__(self) -> None:
        self.open: list[str] = []
        self.variables = {"$"}
        self.depends = False

    def action(self, body: str) -> None:
        tokens = self.tokens(body)
        if not tokens:
            raise FilterError("an action is empty")
        word = tokens[0][1] if tokens[0][0] == "word" else ""
        if word in _OPENS:
            self.open.append(word)
            tokens = tokens[1:]
            if not tokens:
                raise FilterError(f"{word} needs a value")
            if word == "range" and tokens[0][0] == "field":
                raise FilterError("range needs more than a text")
        elif word == "end":
            if not self.open:
                raise FilterError("end closes nothing")
            self.open.pop()
            return
        elif word == "else":
            if not self.open:
                raise FilterError("else belongs to nothing")
            tokens = tokens[2:] if len(tokens) > 1 and tokens[1][1] in ("if", "with") else []
        elif word in ("template", "break", "continue"):
            raise FilterError(f"{word} finds nothing to go to")
        if word in ("define", "block"):
            tokens = tokens[1:]
        commands = self.commands(tokens)
        shows = [self.command(command, piped=number > 0) for number, command in enumerate(commands)]
        same = any(text in _SAME for command in commands for _, text in command)
        self.depends = self.depends or (word not in _OPENS and word != "else" and not same and any(shows))

    def tokens(self, body: str) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        position = 0
        while position < len(body):
            match = _TOKEN.match(body, position)
            if match is None or match.lastgroup is None:
                raise FilterError(f"{body[position : position + 1]!r} has no meaning")
            if match.lastgroup != "space":
                found.append((match.lastgroup, match[0]))
            position = match.end()
        return found

    def commands(self, tokens: list[tuple[str, str]]) -> list[list[tuple[str, str]]]:
        """Split a pipeline. A declaration in front is noted; parentheses are looked through."""
        if len(tokens) > 1 and tokens[0][0] == "variable" and tokens[1][1] == ":=":
            self.variables.add(tokens[0][1])
            tokens = tokens[2:]
        found: list[list[tuple[str, str]]] = [[]]
        for token in tokens:
            if token[1] == "|":
                if not found[-1]:
                    raise FilterError("a value is missing before |")
                found.append([])
            elif token[0] != "sign" or token[1] not in "()":
                found[-1].append(token)
        return [command for command in found if command]

    def command(self, tokens: list[tuple[str, str]], *, piped: bool) -> bool:
        """Return whether what comes out depends on the key."""
        first = tokens[0]
        if first[1] == "nil" and len(tokens) == 1:
            raise FilterError("nil is no value")
        if first[0] != "word" and len(tokens) > 1 and tokens[1][0] != "sign":
            raise FilterError(f"{first[1]} takes nothing")
        if first[1] in _ONE and len(tokens) + piped != 2 and all(kind != "word" for kind, _ in tokens[1:]):
            raise FilterError(f"{first[1]} takes one text")
        for number, (kind, text) in enumerate(tokens):
            if kind == "word":
                self.function(text, tokens[number + 1 :])
            elif kind in ("field", "variable"):
                self.value(text)
        if first[1] in ("and", "or") and len(tokens) > 2:
            tokens = tokens[-1:] if first[1] == "and" else tokens[1:2]
        return any(text.endswith(".key") or kind in ("dot", "variable") or text in _FRESH for kind, text in tokens)

    def function(self, name: str, arguments: list[tuple[str, str]]) -> None:
        if name not in _FUNCTIONS and name != "nil":
            raise FilterError(f"there is no function {name}")
        if name == "truncate" and arguments and re.fullmatch(r"0+|-\d+", arguments[0][1]):
            raise FilterError("truncate needs a length above 0")

    def value(self, text: str) -> None:
        name, *rest = text.split(".")
        if name and name not in self.variables:
            raise FilterError(f"there is no variable {name}")
        if len(rest) > 1:
            raise FilterError(f"{text} looks into a text")
