"""Reads HCL 1 as written by hand."""

import re

from cred_audit.decide.vault.hcl_scan import (
    ESCAPE,
    FORBIDDEN,
    LITERALS,
    Cursor,
    EndOfText,
    Item,
    Kind,
    ListNode,
    Literal,
    Node,
    ObjectNode,
    Parser,
    Token,
    escaped,
    is_letter,
    is_letter_or_digit,
)

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


class TextParser(Parser):
    """Reads one document of HCL."""

    pattern = _TOKEN

    def document(self) -> ObjectNode:
        """Return the root object."""
        if forbidden := FORBIDDEN.search(self.text):
            raise self.error("forbidden character, or bytes that are not UTF-8", forbidden.start())
        items: list[Item] = []
        self.items(items, nested=False)
        return ObjectNode(0, len(self.text), items)

    def word(self, text: str, start: int) -> Kind:
        """Tell true and false from names."""
        del start
        return Kind.BOOL if text in ("true", "false") else Kind.IDENT

    def items(self, found: list[Item], *, nested: bool) -> None:
        """Collect the items of an object, or of the whole text."""
        while True:
            if nested:
                closing = self.scan().kind is Kind.RIGHT_BRACE
                self.held = True
                if closing:
                    return
            try:
                found.append(self.item())
            except EndOfText:
                # An item cut off by the end of the text is dropped without a word.
                return
            # A comma between items is allowed and means nothing.
            self.held = self.scan().kind is not Kind.COMMA

    def item(self) -> Item:
        """Read one assignment or block."""
        keys: list[Token] = []
        while (token := self.scan()).kind in (Kind.IDENT, Kind.STRING):
            keys.append(token)
        if token.kind is Kind.END and not keys:
            raise EndOfText
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
        """Read what follows an equals sign."""
        token = self.scan()
        if token.kind in LITERALS:
            return self.literal(token)
        if token.kind is Kind.LEFT_BRACE:
            return self.object()
        if token.kind is Kind.LEFT_BRACKET:
            return self.list()
        if token.kind is Kind.END:
            raise EndOfText
        raise self.error(f"a value is expected, not {token.kind.value}", token.start)

    def object(self) -> ObjectNode:
        """Read a block behind its brace."""
        start = self.token.start
        self.enter(start)
        found: list[Item] = []
        self.items(found, nested=True)
        if self.scan().kind is not Kind.RIGHT_BRACE:
            raise self.error("a closing } is expected", self.token.start)
        self.depth -= 1
        return ObjectNode(start, self.token.end, found)

    def list(self) -> ListNode:
        """Read a list behind its bracket."""
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
            if token.kind in LITERALS:
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
        """Read an object or a list that stands in a list."""
        try:
            return self.object() if token.kind is Kind.LEFT_BRACE else self.list()
        except EndOfText:  # pragma: no cover - both turn the end of the text into an error
            raise self.error("the text ends within a list", token.start) from None

    def literal(self, token: Token) -> Literal:
        """Return a scalar."""
        value = token.text
        if token.kind is Kind.STRING:
            value = self.string(token)
        elif token.kind is Kind.HEREDOC:
            value = self.heredoc_value(token)
        return Literal(token.kind, token.start, token.text, value)

    def string(self, token: Token) -> str:
        """Return the text that a token denotes."""
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
                match = ESCAPE.match(inner, position)
                if match is None:
                    raise self.error("illegal escape", offset)
                parts.append(escaped(match[0], strict=False) or b"")
                if escaped(match[0], strict=False) is None:
                    raise self.error("this escape denotes no character", offset)
                position = match.end()
            elif inner[position] == "\n":
                raise self.error("a string goes over the end of its line", offset)
            else:
                parts.append(inner[position].encode())
                position += 1
        return b"".join(parts).decode("utf-8", "surrogateescape")

    def interpolation_end(self, inner: str, position: int, offset: int) -> int:
        """Return where the brace of a `${` closes."""
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
        """Read what the pattern leaves to the slow path."""
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
            cursor = Cursor(self.text, start + 1)
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
        if is_letter(sign):
            position = start + 1
            while position < len(self.text) and (
                self.text[position] in "-." or is_letter_or_digit(self.text[position])
            ):
                position += 1
            self.position = position
            return Kind.IDENT
        raise self.error("illegal character", start)

    def odd_number(self, start: int) -> Kind:
        """Read a number in one of the rarer notations."""
        cursor = Cursor(self.text, start)
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
        """Read a string with escapes or `${`."""
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
        """Read a heredoc to the end of its last line."""
        text = self.text
        if text[start + 1 : start + 2] != "<":
            raise self.error("a heredoc starts with <<", start)
        anchor_start = position = start + 2
        if text[position : position + 1] == "-":
            position += 1
        while position < len(text) and is_letter_or_digit(text[position]):
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
