"""JSON Schema 2020-12 of a target file; `cred-audit schema target` prints it for editors.

It states what can be stated of the file alone. The loader also refuses ids that are given twice, paths that leave
the folder and, where `defaults` are given, what is incomplete after merging.
"""

from typing import Any

from cred_audit.target.fields import ROOT, TENANTS
from cred_audit.target.shape import Writing


def target_schema() -> dict[str, Any]:
    """Return the schema, made from the table that the loader checks with."""
    writing = Writing()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Target of cred-audit",
        **ROOT.body(writing),
        "if": {"not": {"required": ["defaults"]}},
        "then": {"properties": {"tenants": TENANTS.schema(writing)}},
        "$defs": writing.definitions,
    }
