"""JSON Schema 2020-12 of the JSON result; `cred-audit schema result` prints it."""

from typing import Any

from cred_audit.finding import Severity, Verdict


def result_schema() -> dict[str, Any]:
    """Return the schema. Objects are open: later versions add keys without changing `schema`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Result of one cred-audit run",
        **_object(
            {
                "schema": {
                    "const": 1,
                    "description": "Version of this format; new keys do not change it.",
                },
                "tool": _object(
                    {
                        "name": {"const": "cred-audit"},
                        "version": _text("Version of the tool."),
                    }
                ),
                "target": _object(
                    {
                        "name": _text("Name of the target."),
                        "tenants": _count("How many tenants the target declares."),
                        "tenant_ids": _texts("Their ids."),
                        "file": _text("The target file as it was named; empty when there was none."),
                        "tenant_lines": _list(
                            "Where that file declares each tenant, in the order of `tenant_ids`; 0 for not known.",
                            {"type": "integer", "minimum": 0},
                        ),
                    }
                ),
                "taken_at": {
                    **_text("When the facts were read."),
                    "format": "date-time",
                },
                "answer": _object(
                    {
                        "word": {
                            "enum": ["BROKEN", "ISOLATED", "UNKNOWN"],
                            "description": "The audit's answer.",
                        },
                        "sentence": _text("For how many tenants, and why."),
                    }
                ),
                "summary": _object(
                    {
                        "fail": _object({each.value: _count("Findings that fail.") for each in reversed(Severity)}),
                        "accepted": _count("Failing findings whose risk the owner accepted; counted in `fail` too."),
                        "unknown": _count("Claims with at least one undecided case, or with no case."),
                        "pass": _count("Claims proved in every case."),
                        "skipped": _count("Claims that this target does not call for."),
                    }
                ),
                "score": _open("The score with its parts; empty when none was computed."),
                "results": _list("One entry per check.", _result()),
                "left_out": _list("The checks that --check or --skip left out.", _result()),
                "gaps": _list(
                    "What was asked for and not seen.",
                    _object(
                        {
                            "source": _text("`vault`, `aws` ..."),
                            "what": _text("What was asked for, as the API names it."),
                            "reason": _text("Why it was not seen and what to grant."),
                            "namespace": _text("Vault namespace; empty for the root namespace."),
                        }
                    ),
                ),
                "coverage": _open("What was read and how much of it."),
                "blast_radius": _open("What one compromised credential reaches; empty when not computed."),
                "separation": _list(
                    "Per store what keeps tenants apart.",
                    _object(
                        {
                            "store": _text("The store."),
                            "enforced_by": _text("`policy only`, `own namespace` ..."),
                            "evidence": _text("Where that is to be seen; empty for not shown."),
                        }
                    ),
                ),
                "warnings": _texts("Things that the reader should know."),
                "snapshot_digest": _text("SHA-256 of the snapshot; empty when none was saved."),
                "command": _text("The command line."),
            }
        ),
        "$defs": {"witness": _witness()},
    }


def _result() -> dict[str, Any]:
    check = _object(
        {
            "id": _text("Id of the check, its file's name."),
            "title": _text("The claim: true when the check passes."),
            "severity": {
                "enum": [each.value for each in Severity],
                "description": "How bad a failure is.",
            },
            "maps_to": _texts("Ids of controls."),
            "needs": _texts("Sources that the check reads."),
            "doc": _text("Why, how and fix."),
            "origin": _text("File of a check that is not bundled; else empty."),
            "sha256": _text("Digest of that file; else empty."),
        }
    )
    skipped = {
        "type": ["string", "null"],
        "description": "Why the claim is not called for; null when judged.",
    }
    return _object(
        {
            "check": check,
            "skipped": skipped,
            "findings": _list("The cases.", _finding()),
        }
    )


def _finding() -> dict[str, Any]:
    all_except = _object({"all_except": _texts("Every declared tenant but these.")})
    return _object(
        {
            "id": _text("`<check>/<hash of the subject>`, stable across runs."),
            "verdict": {
                "enum": [each.value for each in Verdict],
                "description": "Whether the claim holds here.",
            },
            "subject": _text("What was judged."),
            "tenant": {"type": ["string", "null"], "description": "The acting tenant."},
            "agents": _texts("Its agents that hold the grant."),
            "reaches": {
                "description": "Tenants reached.",
                "anyOf": [_texts("Their ids."), all_except],
            },
            "reaches_count": _count("How many tenants are reached."),
            "count": _count("Requests or objects that this finding stands for."),
            "summary": _text("The finding in one sentence."),
            "witness": {
                "description": "A request that goes through; replaying it must succeed.",
                "anyOf": [{"$ref": "#/$defs/witness"}, {"type": "null"}],
            },
            "assuming": _texts("What else must be true for the witness to go through."),
            "evidence": _list(
                "What the verdict rests on.",
                _object(
                    {
                        "where": _text("The place."),
                        "shows": _text("What is to be seen there."),
                        "quote": _text("The text itself."),
                        "line": _count("Line of the quote's first line; 0 for none."),
                    }
                ),
            ),
            "reproduce": {
                "type": ["string", "null"],
                "description": "A command that replays the witness.",
            },
            "fix": {
                "type": ["string", "null"],
                "description": "What to change, a unified diff where possible.",
            },
            "accepted": {
                "description": "The owner's acceptance of the risk.",
                "anyOf": [
                    {"type": "null"},
                    _object(
                        {
                            "reason": _text("Why."),
                            "until": {
                                "type": ["string", "null"],
                                "description": "Last day.",
                            },
                            "ticket": {
                                "type": ["string", "null"],
                                "description": "Where it was decided.",
                            },
                        }
                    ),
                ],
            },
            "confirmed": {
                "type": ["boolean", "null"],
                "description": "Whether the server itself said so.",
            },
            "note": _text("What else to know."),
        }
    )


def _witness() -> dict[str, Any]:
    return {
        "type": "object",
        "description": "One request; its other keys depend on the system.",
        "required": ["system"],
        "properties": {
            "system": _text("`vault`, `aws`, `http`."),
            "operation": _text("vault: name of the capability."),
            "path": _text("vault: path after /v1/, percent-encoded, without the namespace."),
            "namespace": _text("vault: the namespace."),
            "method": _text("vault: the HTTP method."),
            "body": _open("What is sent as JSON."),
            "headers": _open("Headers besides the token's and the namespace's."),
            "action": _text("aws: `service:Action`."),
            "resource": _text("aws: the ARN, or `*` for an action that takes none."),
            "principal": _text("aws: the ARN that signs; a role stands for a session of it."),
            "session_tags": _open("aws: tags of the session."),
            "resource_tags": {
                "type": ["object", "null"],
                "description": "aws: tags of the resource; null when they are not known.",
            },
            "request_tags": _open("aws: tags that the request sends."),
            "context": _open("aws: the condition keys of the request, those that AWS derives included."),
            "also": _list(
                "aws: what the service asks for on the caller's behalf, such as kms:Decrypt of a secret's key.",
                {"type": "object"},
            ),
            "before": _list("Earlier requests of the chain, in order.", {"$ref": "#/$defs/witness"}),
        },
    }


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}


def _open(description: str) -> dict[str, Any]:
    return {"type": "object", "description": description}


def _list(description: str, items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "description": description, "items": items}


def _texts(description: str) -> dict[str, Any]:
    return _list(description, {"type": "string"})


def _text(description: str) -> dict[str, Any]:
    return {"type": "string", "description": description}


def _count(description: str) -> dict[str, Any]:
    return {"type": "integer", "minimum": 0, "description": description}
