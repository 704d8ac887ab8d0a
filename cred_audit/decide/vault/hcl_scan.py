"""What the two notations of HCL 1 share: the tree, tokens, and the scanner's frame."""

import re
import unicodedata
from dataclasses import dataclass
from enum import Enum

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

FORBIDDEN = re.compile("[\x00\ue123\ud800-\udfff]")
_SIGNS = {
    "[": Kind.LEFT_BRACKET, "]": Kind.RIGHT_BRACKET, "{": Kind.LEFT_BRACE, "}": Kind.RIGHT_BRACE,
    ",": Kind.COMMA, "=": Kind.ASSIGN, ":": Kind.COLON,
}  # fmt: skip
LITERALS = frozenset({Kind.NUMBER, Kind.FLOAT, Kind.BOOL, Kind.STRING, Kind.HEREDOC})
ESCAPE = re.compile(r'\\(?:[abfnrtv\\"]|[0-7]{3}|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8})')
_PLAIN_ESCAPES = {
    "a": b"\a", "b": b"\b", "f": b"\f", "n": b"\n", "r": b"\r", "t": b"\t", "v": b"\v", "\\": b"\\", '"': b'"',
}  # fmt: skip
GO_SPACE = "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
"""What Go trims as white space."""
_MAXIMUM_RUNE = 0x10FFFF
_MAXIMUM_BYTE = 255


class UnreadableError(PolicySyntaxError):
    """A sign that is no token; nothing cures it."""


class EndOfText(Exception):
    """The text ended where an item or a value was due; at the top level that is no error."""


def place(text: str, offset: int) -> tuple[int, int]:
    """Line and column, from 1, of a character of `text`."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def is_letter(sign: str) -> bool:
    """Whether a sign may start a name."""
    return sign == "_" or (sign.isascii() and sign.isalpha()) or unicodedata.category(sign)[0] == "L"


def is_letter_or_digit(sign: str) -> bool:
    """Whether a sign may go on a name."""
    return is_letter(sign) or unicodedata.category(sign) == "Nd"


class Cursor:
    """Steps through a number sign by sign; an empty sign is the end."""

    def __init__(self, text: str, position: int) -> None:
        self.text = text
        self.position = position

    def next(self) -> str:
        """Return the sign and step over it."""
        sign = self.text[self.position : self.position + 1]
        self.position += len(sign)
        return sign

    def peek(self) -> str:
        """Return the sign without stepping."""
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
        """Read the exponent that `sign` starts, if it does."""
        if sign and sign in "eE":
            sign = self.next()
            if sign and sign in "+-":
                sign = self.next()
            self.digits(sign)

    def fraction(self) -> None:
        """Read digits behind a point, and an exponent."""
        if (sign := self.digits(self.peek())) and sign in "eE":
            self.exponent(self.next())


class Parser:
    """What the two notations share."""

    pattern: re.Pattern[str]

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.token = Token(Kind.END, 0, 0)
        self.held = False
        self.depth = 0

    def error(self, message: str, offset: int) -> PolicySyntaxError:
        """Return an error at a place of the text."""
        return PolicySyntaxError(message, *place(self.text, offset))

    def scan(self) -> Token:
        """Return the next token, or the one that was held back."""
        if self.held:
            self.held = False
            return self.token
        try:
            return self.next_token()
        except PolicySyntaxError as error:
            raise UnreadableError(error.message, error.line, error.column) from None

    def next_token(self) -> Token:
        """Read one token; comments are passed over."""
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
        """Tell what a name is."""
        raise NotImplementedError

    def odd(self, sign: str, start: int) -> Kind:
        """Read a token that the pattern leaves alone; `position` ends behind it."""
        raise NotImplementedError

    def enter(self, offset: int) -> None:
        """Count one more level of nesting."""
        self.depth += 1
        if self.depth > MAXIMUM_DEPTH:
            message = f"nested more than {MAXIMUM_DEPTH} levels deep"
            raise self.error(message, offset)

    def skip_escape(self, position: int) -> int:
        """Return where an escape ends."""
        match = ESCAPE.match(self.text, position)
        if match is None:
            raise self.error("illegal escape", position)
        return match.end()


def escaped(escape: str, *, strict: bool) -> bytes | None:
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
