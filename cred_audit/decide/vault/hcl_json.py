"""Reads the JSON form of HCL 1."""

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
    PolicySyntaxError,
    Token,
    UnreadableError,
    escaped,
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


class JsonParser(Parser):
    """Reads one document in JSON."""

    pattern = _JSON_TOKEN

    def document(self) -> ObjectNode:
        """Return the root object."""
        if self.scan().kind is not Kind.LEFT_BRACE:
            raise self.error("a { is expected", self.token.start)
        # What follows the root object is never read.
        root = self.object()
        return _flattened(root)

    def word(self, text: str, start: int) -> Kind:
        """Tell true, false and null; there are no other words."""
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
        except EndOfText:
            # An item cut off by the end of the text is dropped without a word.
            pass
        except UnreadableError:
            raise
        except PolicySyntaxError:
            # A broken item directly before the brace is dropped; so is a trailing comma.
            if self.token.kind is not Kind.RIGHT_BRACE or self.position != self.token.end:
                raise
        self.depth -= 1
        return ObjectNode(start, self.token.end, found)

    def item(self) -> Item:
        """Read one key and its value."""
        keys: list[Token] = []
        while (token := self.scan()).kind is Kind.STRING:
            keys.append(token)
        if token.kind is Kind.END:
            raise EndOfText
        if token.kind is not Kind.COLON or not keys:
            raise self.error(f"a key is expected, not {token.kind.value}", token.start)
        value = self.value()
        return Item(tuple(self.string(key) for key in keys), keys[0].start, value)

    def value(self) -> Node:
        """Read the value of a key."""
        token = self.scan()
        if token.kind is Kind.LEFT_BRACE:
            return self.object()
        if token.kind is Kind.LEFT_BRACKET:
            return self.list()
        if token.kind in LITERALS or token.kind is Kind.NULL:
            return self.literal(token)
        if token.kind is Kind.END:
            raise EndOfText
        raise self.error(f"a value is expected, not {token.kind.value}", token.start)

    def list(self) -> ListNode:
        """Read a list behind its bracket."""
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
        """Return a scalar; null is an empty text."""
        if token.kind is Kind.NULL:
            return Literal(Kind.STRING, token.start, "", "")
        value = self.string(token) if token.kind is Kind.STRING else token.text
        return Literal(token.kind, token.start, token.text, value)

    def string(self, token: Token) -> str:
        """Return the text of a key or value, its escapes resolved."""
        inner = token.text[1:-1]
        if "\\" not in inner:
            return inner
        parts: list[bytes] = []
        position = 0
        while position < len(inner):
            match = ESCAPE.match(inner, position)
            if match is None:
                parts.append(inner[position].encode())
                position += 1
                continue
            if (character := escaped(match[0], strict=True)) is None:
                raise self.error("this escape denotes no character", token.start)
            parts.append(character)
            position = match.end()
        return b"".join(parts).decode("utf-8", "surrogateescape")

    def odd(self, sign: str, start: int) -> Kind:
        """Read what the pattern leaves: strings with escapes, numbers with fractions."""
        text = self.text
        if sign == '"':
            position = start + 1
            while position < len(text) and not FORBIDDEN.match(text[position]) and text[position] != "\n":
                if text[position] == '"':
                    self.position = position + 1
                    return Kind.STRING
                position = self.skip_escape(position) if text[position] == "\\" else position + 1
            raise self.error("a string is not closed", start)
        if sign in "-0123456789" and text[start + (sign == "-") :][:1] in set("0123456789"):
            cursor = Cursor(text, start + (sign == "-"))
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
