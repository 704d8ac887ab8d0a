"""Reads HCL 1 and its JSON twin into one tree, exactly as the Go library of the servers does.

Exact includes the library's oddities, because a policy that the server stores is a policy that counts: an
assignment without a value at the end of the text is dropped, JSON may lack its closing braces and ignores what
follows the root object. Each oddity is named where it is built.

Text that came from bytes that are not UTF-8 carries them as lone surrogates (`surrogateescape`).
"""

import re
import unicodedata
from dataclasses import dataclass
from enum import Enum

MAXIMUM_LENGTH = 2 * 1024 * 1024
"""Characters in one policy; an integrated-storage server refuses entries above 1 MiB."""
MAXIMUM_DEPTH = 100
"""Levels of nesting; no policy needs more than six. The servers have no limit of their own."""


class PolicySyntaxError(ValueError):
    """The text is not a policy that the server would store."""

    def __init__(self, message: str, line: int, column: int) -> None:
        """Place `message` at `line` and `column`, both from 1, the column in characters."""
        super().__init__(f"line {line}, column {column}: {message}")
        self.message = message
        self.line = line
        self.column = column


class Kind(Enum):
    """Kinds of tokens, and of literals."""

    IDENT = "a name"
    NUMBER = "a number"
    FLOAT = "a decimal number"
    BOOL = "true or false"
    STRING = "a string"
    HEREDOC = "a heredoc"
    NULL = "null"
    LEFT_BRACKET = "["
    RIGHT_BRACKET = "]"
    LEFT_BRACE = "{"
    RIGHT_BRACE = "}"
    COMMA = ","
    ASSIGN = "="
    COLON = ":"
    OTHER = "a stray sign"
    END = "the end of the text"


@dataclass(slots=True)
class Token:
    """One token and where it stands. Mutable, because two of the library's oddities change its kind."""

    kind: Kind
    start: int
    end: int
    text: str = ""


@dataclass(slots=True)
class Literal:
    """A scalar. `text` is the source form, `value` the string that it denotes."""

    kind: Kind
    start: int
    text: str
    value: str


@dataclass(slots=True)
class ListNode:
    """A bracketed list."""

    start: int
    elements: "list[Node]"


@dataclass(slots=True)
class ObjectNode:
    """A braced object; order and repetitions of its items are kept. `end` stands after the brace."""

    start: int
    end: int
    items: "list[Item]"


@dataclass(slots=True)
class Item:
    """One assignment or block: its keys (several for a block with labels) and its value."""

    keys: tuple[str, ...]
    start: int
    value: "Node"


Node = Literal | ListNode | ObjectNode

_FORBIDDEN = re.compile("[\x00\ue123\ud800-\udfff]")
_TOKEN = re.compile(
    r"""[ \t\r\n]*(?:
    (?P<string>"[^"\\$\n]*+")
    |(?P<ident>[A-Za-z_][A-Za-z0-9_.\-]*+(?![^\x00-\x7f]))
    |(?P<sign>[\[\]{},=:])
    |(?P<number>-?(?:0|[1-9][0-9]*+)(?![0-9.eExX]))
    |(?P<comment>\#[^\n]*+|//[^\n]*+|/\*.*?\*/)
    |(?P<end>\Z)
    |(?P<other>.)
    )""",
    re.DOTALL | re.VERBOSE,
)
_JSON_TOKEN = re.compile(
    r"""[ \t\r\n]*(?:
    (?P<string>"[^"\\\n\0\ud800-\udfff]*+")
    |(?P<ident>[A-Za-z_][A-Za-z0-9_\-]*+(?![^\x00-\x7f]))
    |(?P<sign>[\[\]{},:])
    |(?P<number>-?(?:0|[1-9][0-9]*+)(?![0-9.eE]))
    |(?P<end>\Z|\0)
    |(?P<other>.)
    )""",
    re.DOTALL | re.VERBOSE,
)
_SIGNS = {
    "[": Kind.LEFT_BRACKET, "]": Kind.RIGHT_BRACKET, "{": Kind.LEFT_BRACE, "}": Kind.RIGHT_BRACE,
    ",": Kind.COMMA, "=": Kind.ASSIGN, ":": Kind.COLON,
}  # fmt: skip
_LITERALS = frozenset({Kind.NUMBER, Kind.FLOAT, Kind.BOOL, Kind.STRING, Kind.HEREDOC})
_ESCAPE = re.compile(r'\\(?:[abfnrtv\\"]|[0-7]{3}|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8})')
_PLAIN_ESCAPES = {
    "a": b"\a", "b": b"\b", "f": b"\f", "n": b"\n", "r": b"\r", "t": b"\t", "v": b"\v", "\\": b"\\", '"': b'"',
}  # fmt: skip
GO_SPACE = "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
"""What Go trims as white space."""
_MAXIMUM_RUNE = 0x10FFFF
_MAXIMUM_BYTE = 255


class _UnreadableError(PolicySyntaxError):
    """A sign that is no token; nothing cures it."""


class _EndOfText(Exception):
    """The text ended where an item or a value was due; at the top level that is no error."""


def parse(text: str) -> ObjectNode:
    """Read a document, JSON when its first sign is a brace. Raises PolicySyntaxError."""
    if len(text) > MAXIMUM_LENGTH:
        message = f"the policy is longer than {MAXIMUM_LENGTH} characters"
        raise PolicySyntaxError(message, 1, 1)
    if text.strip(GO_SPACE).startswith("{"):
        return _JsonParser(text).document()
    return _HclParser(text.replace("\r\n", "\n")).document()


def place(text: str, offset: int) -> tuple[int, int]:
    """Line and column, from 1, of a character of `text`."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def _is_letter(sign: str) -> bool:
    return sign == "_" or (sign.isascii() and sign.isalpha()) or unicodedata.category(sign)[0] == "L"


def _is_letter_or_digit(sign: str) -> bool:
    return _is_letter(sign) or unicodedata.category(sign) == "Nd"


class _Cursor:
    """Steps through a number sign by sign; an empty sign is the end."""

    def __init__(self, text: str, position: int) -> None:
        self.text = text
        self.position = position

    def next(self) -> str:
        sign = self.text[self.position : self.position + 1]
        self.position += len(sign)
        return sign

    def peek(self) -> str:
        return self.text[self.position : self.position + 1]

    def digits(self, sign: str) -> str:
        """Read on from the digit `sign`, and stay before the first sign that is none, which is returned."""
        scanned = False
        while sign and sign in "0123456789":
            sign = self.next()
            scanned = True
        if scanned and sign:
            self.position -= 1
        return sign

    def exponent(self, sign: str) -> None:
        if sign and sign in "eE":
            sign = self.next()
            if sign and sign in "+-":
                sign = self.next()
            self.digits(sign)

    def fraction(self) -> None:
        if (sign := self.digits(self.peek())) and sign in "eE":
            self.exponent(self.next())


class _Parser:
    """What the two notations share."""

    pattern: re.Pattern[str]

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.token = Token(Kind.END, 0, 0)
        self.held = False
        self.depth = 0

    def error(self, message: str, offset: int) -> PolicySyntaxError:
        return PolicySyntaxError(message, *place(self.text, offset))

    def scan(self) -> Token:
        if self.held:
            self.held = False
            return self.token
        try:
            return self.next_token()
        except PolicySyntaxError as error:
            raise _UnreadableError(error.message, error.line, error.column) from None

    def next_token(self) -> Token:
        while True:
            match = self.pattern.match(self.text, self.position)
            group = match and match.lastgroup
            if match is None or group is None:  # pragma: no cover - the last alternative takes every sign
                raise self.error("illegal character", self.position)
            self.position = match.end()
            if group != "comment":
                break
        start = match.start(group)
        text = match[group]
        if group == "sign":
            kind = _SIGNS[text]
        elif group == "ident":
            kind = self.word(text, start)
        elif group == "string":
            kind = Kind.STRING
        elif group == "number":
            kind = Kind.NUMBER
        elif group == "end":
            kind = Kind.END
        else:
            self.position = start
            kind = self.odd(text, start)
            text = self.text[start : self.position]
        self.token = Token(kind, start, self.position, text)
        return self.token

    def word(self, text: str, start: int) -> Kind:
        raise NotImplementedError

    def odd(self, sign: str, start: int) -> Kind:
        """Read a token that the pattern leaves alone; `position` ends behind it."""
        raise NotImplementedError

    def enter(self, offset: int) -> None:
        self.depth += 1
        if self.depth > MAXIMUM_DEPTH:
            message = f"nested more than {MAXIMUM_DEPTH} levels deep"
            raise self.error(message, offset)

    def skip_escape(self, position: int) -> int:
        match = _ESCAPE.match(self.text, position)
        if match is None:
            raise self.error("illegal escape", position)
        return match.end()


class _HclParser(_Parser):
    pattern = _TOKEN

    def document(self) -> ObjectNode:
        if forbidden := _FORBIDDEN.search(self.text):
            raise self.error("forbidden character, or bytes that are not UTF-8", forbidden.start())
        items: list[Item] = []
        self.items(items, nested=False)
        return ObjectNode(0, len(self.text), items)

    def word(self, text: str, start: int) -> Kind:
        del start
        return Kind.BOOL if text in ("true", "false") else Kind.IDENT

    def items(self, found: list[Item], *, nested: bool) -> None:
        while True:
            if nested:
                closing = self.scan().kind is Kind.RIGHT_BRACE
                self.held = True
                if closing:
                    return
            try:
                found.append(self.item())
            except _EndOfText:
                # An item cut off by the end of the text is dropped without a word.
                return
            # A comma between items is allowed and means nothing.
            self.held = self.scan().kind is not Kind.COMMA

    def item(self) -> Item:
        keys: list[Token] = []
        while (token := self.scan()).kind in (Kind.IDENT, Kind.STRING):
            keys.append(token)
        if token.kind is Kind.END and not keys:
            raise _EndOfText
        if not keys:
            raise self.error(f"a key is expected, not {token.kind.value}", token.start)
        if token.kind is Kind.ASSIGN:
            if len(keys) > 1:
                raise self.error("a block is expected after several keys, not =", token.start)
            value = self.value()
        elif token.kind is Kind.LEFT_BRACE:
            value = self.object()
        else:
            raise self.error("a key needs = or a block", token.start)
        return Item(tuple(self.string(key) for key in keys), keys[0].start, value)

    def value(self) -> Node:
        token = self.scan()
        if token.kind in _LITERALS:
            return self.literal(token)
        if token.kind is Kind.LEFT_BRACE:
            return self.object()
        if token.kind is Kind.LEFT_BRACKET:
            return self.list()
        if token.kind is Kind.END:
            raise _EndOfText
        raise self.error(f"a value is expected, not {token.kind.value}", token.start)

    def object(self) -> ObjectNode:
        start = self.token.start
        self.enter(start)
        found: list[Item] = []
        self.items(found, nested=True)
        if self.scan().kind is not Kind.RIGHT_BRACE:
            raise self.error("a closing } is expected", self.token.start)
        self.depth -= 1
        return ObjectNode(start, self.token.end, found)

    def list(self) -> ListNode:
        start = self.token.start
        self.enter(start)
        elements: list[Node] = []
        comma_due = False
        while True:
            token = self.scan()
            if token.kind is Kind.RIGHT_BRACKET:
                self.depth -= 1
                return ListNode(start, elements)
            if token.kind is Kind.COMMA:
                # Commas may lead, trail and repeat.
                comma_due = False
                continue
            if comma_due:
                raise self.error("a comma or ] is expected", token.start)
            comma_due = True
            if token.kind in _LITERALS:
                elements.append(self.literal(token))
            elif token.kind in (Kind.LEFT_BRACE, Kind.LEFT_BRACKET):
                elements.append(self.element(token))
                # After an inner list no comma is due.
                comma_due = token.kind is Kind.LEFT_BRACE
            else:
                raise self.error(
                    f"a value is expected in a list, not {token.kind.value}",
                    token.start,
                )

    def element(self, token: Token) -> Node:
        try:
            return self.object() if token.kind is Kind.LEFT_BRACE else self.list()
        except _EndOfText:  # pragma: no cover - both turn the end of the text into an error
            raise self.error("the text ends within a list", token.start) from None

    def literal(self, token: Token) -> Literal:
        value = token.text
        if token.kind is Kind.STRING:
            value = self.string(token)
        elif token.kind is Kind.HEREDOC:
            value = self.heredoc_value(token)
        return Literal(token.kind, token.start, token.text, value)

    def string(self, token: Token) -> str:
        text = token.text
        if token.kind is not Kind.STRING:
            return text
        inner = text[1:-1]
        if "\\" not in inner and "$" not in inner:
            return inner
        return self.unquote(inner, token.start)

    def unquote(self, inner: str, offset: int) -> str:
        """Resolve escapes; what stands within `${` and its brace is taken as written."""
        parts: list[bytes] = []
        position = 0
        while position < len(inner):
            if inner.startswith("${", position):
                end = self.interpolation_end(inner, position + 2, offset)
                parts.append(inner[position:end].encode())
                position = end
            elif inner[position] == "\\":
                match = _ESCAPE.match(inner, position)
                if match is None:
                    raise self.error("illegal escape", offset)
                parts.append(_escaped(match[0], strict=False) or b"")
                if _escaped(match[0], strict=False) is None:
                    raise self.error("this escape denotes no character", offset)
                position = match.end()
            elif inner[position] == "\n":
                raise self.error("a string goes over the end of its line", offset)
            else:
                parts.append(inner[position].encode())
                position += 1
        return b"".join(parts).decode("utf-8", "surrogateescape")

    def interpolation_end(self, inner: str, position: int, offset: int) -> int:
        braces = 1
        while position < len(inner) and braces:
            braces += {"{": 1, "}": -1}.get(inner[position], 0)
            if inner[position] == "\ufffd":
                raise self.error("U+FFFD within ${}", offset)
            position += 1
        if braces:
            raise self.error("${ is not closed", offset)
        return position

    def odd(self, sign: str, start: int) -> Kind:
        if sign == '"':
            return self.odd_string(start)
        if sign == "<":
            return self.heredoc(start)
        if sign == "-" and self.text[start + 1 : start + 2] not in set("0123456789"):
            self.position = start + 1
            return Kind.OTHER
        if sign in "-0123456789":
            return self.odd_number(start + (sign == "-"))
        if sign == ".":
            cursor = _Cursor(self.text, start + 1)
            kind = Kind.OTHER
            if cursor.peek() and cursor.peek() in "0123456789":
                kind = Kind.FLOAT
                if (after := cursor.digits(cursor.peek())) and after in "eE":
                    # The exponent's letter is read, its digits become a token of their own.
                    cursor.next()
            self.position = cursor.position
            return kind
        if sign == "+":
            self.position = start + 1
            return Kind.OTHER
        if _is_letter(sign):
            position = start + 1
            while position < len(self.text) and (
                self.text[position] in "-." or _is_letter_or_digit(self.text[position])
            ):
                position += 1
            self.position = position
            return Kind.IDENT
        raise self.error("illegal character", start)

    def odd_number(self, start: int) -> Kind:
        cursor = _Cursor(self.text, start)
        first = cursor.next()
        illegal_octal = False
        if first == "0":
            sign = cursor.next()
            if sign and sign in "xX":
                sign = cursor.next()
                if not sign or sign not in "0123456789abcdefABCDEF":
                    raise self.error("illegal hexadecimal number", start)
                while sign and sign in "0123456789abcdefABCDEF":
                    sign = cursor.next()
                self.position = cursor.position - len(sign)
                return Kind.NUMBER
            while sign and sign in "0123456789":
                sign = cursor.next()
                illegal_octal = illegal_octal or sign in ("8", "9")
        else:
            cursor.digits(first)
            sign = cursor.next()
        kind = Kind.FLOAT
        if sign and sign in "eE":
            cursor.exponent(sign)
        elif sign == ".":
            cursor.fraction()
        elif illegal_octal:
            raise self.error("illegal octal number", start)
        else:
            kind = Kind.NUMBER
            cursor.position -= len(sign)
        self.position = cursor.position
        return kind

    def odd_string(self, start: int) -> Kind:
        position = start + 1
        braces = 0
        text = self.text
        while position < len(text):
            sign = text[position]
            if sign == "\n" and not braces:
                break
            if sign == '"' and not braces:
                self.position = position + 1
                return Kind.STRING
            if sign == "\\":
                position = self.skip_escape(position)
                continue
            position += 1
            if sign == "$" and not braces and text[position : position + 1] == "{":
                braces = 1
                position += 1
            elif braces:
                braces += {"{": 1, "}": -1}.get(sign, 0)
        raise self.error("a string is not closed", start)

    def heredoc(self, start: int) -> Kind:
        text = self.text
        if text[start + 1 : start + 2] != "<":
            raise self.error("a heredoc starts with <<", start)
        anchor_start = position = start + 2
        if text[position : position + 1] == "-":
            position += 1
        while position < len(text) and _is_letter_or_digit(text[position]):
            position += 1
        if text[position : position + 1] != "\n":
            raise self.error(
                "a heredoc's name is not letters and digits and then a new line",
                position,
            )
        anchor = text[anchor_start:position]
        if not anchor:
            raise self.error("a heredoc needs a name", position)
        # The length that the library compares includes the dash of the indented form.
        shortest = len(anchor.encode())
        closing = re.compile(r"[ \t\n\v\f\r]*" + anchor.removeprefix("-") + r"\r*")
        line_start = position + 1
        while (line_end := text.find("\n", line_start)) >= 0:
            line = text[line_start:line_end]
            if len(line.encode()) >= shortest and closing.fullmatch(line):
                self.position = line_end + 1
                return Kind.HEREDOC
            line_start = line_end + 1
        raise self.error("a heredoc is not closed", start)

    def heredoc_value(self, token: Token) -> str:
        """Cut name and terminator off by counting bytes as the library does, then take the indentation away."""
        data = token.text.encode()
        first = data.index(b"\n")
        if data[2:3] != b"-":
            return data[first + 1 : len(data) - first + 1].decode("utf-8", "surrogateescape")
        lines = data[first + 1 : len(data) - first + 2].split(b"\n")
        indentation = lines[-1]
        if all(line.startswith(indentation) for line in lines):
            body = b"\n".join([*(line.removeprefix(indentation) for line in lines[:-1]), b""])
        else:
            body = data[first + 1 : len(data) - first + 1].rstrip(b" \t")
        return body.decode("utf-8", "surrogateescape")


class _JsonParser(_Parser):
    pattern = _JSON_TOKEN

    def document(self) -> ObjectNode:
        if self.scan().kind is not Kind.LEFT_BRACE:
            raise self.error("a { is expected", self.token.start)
        # What follows the root object is never read.
        root = self.object()
        return _flattened(root)

    def word(self, text: str, start: int) -> Kind:
        if text in ("true", "false"):
            return Kind.BOOL
        if text == "null":
            return Kind.NULL
        raise self.error("illegal word", start)

    def object(self) -> ObjectNode:
        """Read items as long as commas follow. What ends the list is taken for the brace, whatever it is."""
        start = self.token.start
        self.enter(start)
        found: list[Item] = []
        try:
            while True:
                found.append(self.item())
                if self.scan().kind is not Kind.COMMA:
                    break
        except _EndOfText:
            # An item cut off by the end of the text is dropped without a word.
            pass
        except _UnreadableError:
            raise
        except PolicySyntaxError:
            # A broken item directly before the brace is dropped; so is a trailing comma.
            if self.token.kind is not Kind.RIGHT_BRACE or self.position != self.token.end:
                raise
        self.depth -= 1
        return ObjectNode(start, self.token.end, found)

    def item(self) -> Item:
        keys: list[Token] = []
        while (token := self.scan()).kind is Kind.STRING:
            keys.append(token)
        if token.kind is Kind.END:
            raise _EndOfText
        if token.kind is not Kind.COLON or not keys:
            raise self.error(f"a key is expected, not {token.kind.value}", token.start)
        value = self.value()
        return Item(tuple(self.string(key) for key in keys), keys[0].start, value)

    def value(self) -> Node:
        token = self.scan()
        if token.kind is Kind.LEFT_BRACE:
            return self.object()
        if token.kind is Kind.LEFT_BRACKET:
            return self.list()
        if token.kind in _LITERALS or token.kind is Kind.NULL:
            return self.literal(token)
        if token.kind is Kind.END:
            raise _EndOfText
        raise self.error(f"a value is expected, not {token.kind.value}", token.start)

    def list(self) -> ListNode:
        start = self.token.start
        self.enter(start)
        elements: list[Node] = []
        while True:
            token = self.scan()
            if token.kind is Kind.RIGHT_BRACKET:
                self.depth -= 1
                return ListNode(start, elements)
            if token.kind is Kind.LEFT_BRACE:
                elements.append(self.object())
            elif token.kind in (Kind.NUMBER, Kind.FLOAT, Kind.STRING):
                elements.append(self.literal(token))
            elif token.kind not in (Kind.COMMA, Kind.BOOL, Kind.LEFT_BRACKET):
                # Commas are optional; true, false and inner brackets are passed over.
                raise self.error(
                    f"a value is expected in a list, not {token.kind.value}",
                    token.start,
                )

    def literal(self, token: Token) -> Literal:
        if token.kind is Kind.NULL:
            return Literal(Kind.STRING, token.start, "", "")
        value = self.string(token) if token.kind is Kind.STRING else token.text
        return Literal(token.kind, token.start, token.text, value)

    def string(self, token: Token) -> str:
        inner = token.text[1:-1]
        if "\\" not in inner:
            return inner
        parts: list[bytes] = []
        position = 0
        while position < len(inner):
            match = _ESCAPE.match(inner, position)
            if match is None:
                parts.append(inner[position].encode())
                position += 1
                continue
            if (character := _escaped(match[0], strict=True)) is None:
                raise self.error("this escape denotes no character", token.start)
            parts.append(character)
            position = match.end()
        return b"".join(parts).decode("utf-8", "surrogateescape")

    def odd(self, sign: str, start: int) -> Kind:
        text = self.text
        if sign == '"':
            position = start + 1
            while position < len(text) and not _FORBIDDEN.match(text[position]) and text[position] != "\n":
                if text[position] == '"':
                    self.position = position + 1
                    return Kind.STRING
                position = self.skip_escape(position) if text[position] == "\\" else position + 1
            raise self.error("a string is not closed", start)
        if sign in "-0123456789" and text[start + (sign == "-") :][:1] in set("0123456789"):
            cursor = _Cursor(text, start + (sign == "-"))
            first = cursor.next()
            cursor.digits(first)
            after = cursor.next()
            kind = Kind.FLOAT
            if after and after in "eE":
                cursor.exponent(after)
            elif after == ".":
                cursor.fraction()
            else:
                cursor.position -= len(after)
                kind = Kind.NUMBER
                if first == "0":
                    raise self.error("a number may not start with 0", start)
            self.position = cursor.position
            return kind
        if sign == ".":
            self.position = start + 1
            return Kind.OTHER
        raise self.error("illegal character", start)


def _escaped(escape: str, *, strict: bool) -> bytes | None:
    """Bytes that an escape denotes; None when it denotes none. Strict is Go's own reading, for JSON."""
    letter = escape[1]
    if letter in _PLAIN_ESCAPES:
        return _PLAIN_ESCAPES[letter]
    if letter in "01234567":
        number = int(escape[1:], 8)
        return bytes([number]) if number <= _MAXIMUM_BYTE else None
    number = int(escape[2:], 16)  # noqa: FURB166  (base 0 would also take 0o17)
    if letter == "x":
        return bytes([number])
    surrogate = 0xD800 <= number <= 0xDFFF
    if number > _MAXIMUM_RUNE or (surrogate and strict):
        return None
    return "\ufffd".encode() if surrogate else chr(number).encode()


def _flattened(node: ObjectNode) -> ObjectNode:
    """Turn objects of objects, and lists of objects, into blocks with several keys, at every level."""
    items: list[Item] = []
    for item in node.items:
        _flatten_item(item, items)
    for item in items:
        item.value = _flattened_value(item.value)
    return ObjectNode(node.start, node.end, items)


def _flattened_value(value: Node) -> Node:
    if isinstance(value, ObjectNode):
        return _flattened(value)
    if isinstance(value, ListNode):
        return ListNode(value.start, [_flattened_value(element) for element in value.elements])
    return value


def _flatten_item(item: Item, found: list[Item]) -> None:
    value = item.value
    if isinstance(value, ObjectNode) and value.items and all(isinstance(i.value, ObjectNode) for i in value.items):
        for inner in value.items:
            _flatten_item(Item(item.keys + inner.keys, inner.start, inner.value), found)
    elif isinstance(value, ListNode) and value.elements and all(isinstance(e, ObjectNode) for e in value.elements):
        for element in value.elements:
            _flatten_item(Item(item.keys, item.start, element), found)
    else:
        found.append(item)
