"""Reads HCL 1 and its JSON twin into one tree, exactly as the Go library of the servers does.

Exact includes the library's oddities, because a policy that the server stores is a policy that counts: an
assignment without a value at the end of the text is dropped, JSON may lack its closing braces and ignores what
follows the root object. Each oddity is named where it is built.

Text that came from bytes that are not UTF-8 carries them as lone surrogates (`surrogateescape`).
"""

from cred_audit.decide.vault.hcl_json import JsonParser
from cred_audit.decide.vault.hcl_scan import (
    GO_SPACE,
    Item,
    Kind,
    ListNode,
    Literal,
    Node,
    ObjectNode,
    PolicySyntaxError,
    place,
)
from cred_audit.decide.vault.hcl_text import TextParser

__all__ = [
    "GO_SPACE", "MAXIMUM_LENGTH", "Item", "Kind", "ListNode", "Literal", "Node", "ObjectNode", "PolicySyntaxError",
    "parse", "place",
]  # fmt: skip

MAXIMUM_LENGTH = 2 * 1024 * 1024
"""Characters in one policy; an integrated-storage server refuses entries above 1 MiB."""


def parse(text: str) -> ObjectNode:
    """Read a document, JSON when its first sign is a brace. Raises PolicySyntaxError."""
    if len(text) > MAXIMUM_LENGTH:
        message = f"the policy is longer than {MAXIMUM_LENGTH} characters"
        raise PolicySyntaxError(message, 1, 1)
    if text.strip(GO_SPACE).startswith("{"):
        return JsonParser(text).document()
    return TextParser(text.replace("\r\n", "\n")).document()
