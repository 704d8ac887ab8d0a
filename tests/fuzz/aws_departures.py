"""Where the independent evaluator departs from AWS's documentation, or where that leaves a case open."""

import json
import re
from collections.abc import Iterator

from cred_audit.decide.aws.catalogue import rcps_bind
from tests.fuzz.aws_maker import Case

_VARIABLE = re.compile(r"\$\{([^}*?$][^}]*)\}")


def departures(case: Case) -> frozenset[str]:  # noqa: PLR0912  (a list of points)
    """Return the points of a case in which the evaluator departs from AWS's documentation, or that this leaves open."""
    found: set[str] = set()
    tags = {key.lower() for key in {**(case.get("principal_tags") or {}), **(case.get("session_tags") or {})}}
    if ":user/" in case["principal"]:
        tags.add("username")
    policies = case["policies"]
    text = json.dumps(policies)
    unresolved = any(
        ", '" not in name and name.lower().removeprefix("aws:").removeprefix("principaltag/") not in tags
        for name in _VARIABLE.findall(text)
    )
    for document in documents(policies):
        statements = document["Statement"]
        for statement in statements if isinstance(statements, list) else [statements]:
            written = json.dumps(statement)
            if document.get("Version") != "2012-10-17" and "${" in written:
                found.add("version")
            if unresolved and "${" in written and "Not" in json.dumps(statement.get("Condition", {})):
                found.add("negated-unresolved")
            if unresolved and "${" in json.dumps(statement.get("NotResource", "")):
                found.add("unresolved-in-notresource")
            for operator, block in (statement.get("Condition") or {}).items():
                if "Equals" in operator and any(mark in json.dumps(block) for mark in ("${*}", "${?}", "${$}")):
                    found.add("literal-in-equals")
                if operator.startswith("ForAnyValue") and operator.endswith("IfExists"):
                    found.add("foranyvalue-ifexists")
            if "NotPrincipal" in statement and statement["Effect"] == "Deny":
                found.add("notprincipal-partial")
    if "NotPrincipal" in text and ":role/" in case["principal"] and policies.get("boundary"):
        found.add("notprincipal-past-boundary")
    if case["request"]["action"] in ("kms:ListAliases", "kms:ListKeys") and '"kms:' in text.lower():
        found.add("kms-keys-of-lists")
    if case["principal"] == "accounts.google.com":
        found.add("provider-without-arn")
    if "-provider/" in case["principal"] and ("NotPrincipal" in text or ":root" in text):
        found.add("provider-as-its-account")
    if case["principal"].endswith(":root") and case["request"]["action"].lower() == "sts:assumerole":
        found.add("root-assumes-a-role")
    if ":federated-user/" in case["principal"] and not policies.get("session"):
        found.add("federated-user-without-session-policy")
    if not case["principal"].startswith("arn:") and case["request"]["resource"] == "*":
        found.add("nobody's-account")
    if policies.get("rcps") and not rcps_bind(case["request"]["action"]):
        found.add("rcp-of-unsupported-service")
    if re.search(r'"arn:aws:[a-z]+:\*"', json.dumps(policies.get("rcps", []))):
        found.add("short-arn-in-rcp")
    if ":" in str(case["request"]["context"].get("aws:SourceIp")) and "NotIpAddress" in text:
        found.add("ipv4-address-against-ipv6")
    if policies.get("session") and policies.get("resource"):
        found.add("session-policy-and-resource-policy")
    for tags_of in (
        case.get("principal_tags"),
        case["request"].get("resource_tags"),
        case["request"].get("request_tags"),
    ):
        if len({key.lower() for key in tags_of or {}}) != len(tags_of or {}):
            found.add("tag-keys-by-case")
    return frozenset(found)


def documents(policies: Case) -> Iterator[Case]:
    """Yield every document of a case."""
    yield from policies.get("identity", ())
    yield from (policies[name] for name in ("boundary", "session", "resource", "vpc_endpoint") if policies.get(name))
    for name in ("scps", "rcps"):
        for level in policies.get(name, ()):
            yield from level
