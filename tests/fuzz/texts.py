"""Random policy texts: does the server store them, and do they mean the same? Mutations of valid HCL and JSON."""

import json
import random
import re
import sys
import time
from typing import Any

from cred_audit.ask import answer_lines
from cred_audit.demo.server import RunningServer, running_server
from tests.fuzz import rules
from tests.fuzz.wire_client import Sent, WireClient

_PIECES = (
    "path",
    '"', "{", "}", "[", "]", ",", "=", ":", "\n", " ", "#", "//", "/*", "*/", "\\", "\\n", "\\u0041", "${", "}}", "{{",
    "<<X\n", "\nX\n", "<<-X\n", "1", "-1", "1.5", "1e3", "0x1", "007", "true", "false", "null", "name", "policy",
    "read",
    "capabilities", "deny", '"deny"', '"read"', "expiration", '"1"', "comment", "+", "*", "é", "\t", "\r\n", "\0",
    "\ufeff",
    '"x"', "min_wrapping_ttl", "allowed_parameters", "control_group", "factor", "'", "@", ".", "-", "_", "\u00a0",
    ";", "(", "$",
)  # fmt: skip


def as_json(source: random.Random) -> str:
    """A policy in JSON, from the same parts."""
    paths: dict[str, object] = {}
    for _ in range(source.randint(1, 3)):
        stanza: dict[str, object] = {"capabilities": source.sample(rules.CAPABILITIES, source.randint(0, 3))}
        if source.random() < 0.3:
            stanza["allowed_parameters"] = {"a": [source.choice(rules.FIELD_VALUES) for _ in range(2)]}
        if source.random() < 0.2:
            stanza["expiration"] = source.choice(("2020-01-01T00:00:00Z", 1, "2099-01-01T00:00:00Z"))
        if source.random() < 0.2:
            stanza["pagination_limit"] = source.choice((1, "1", 1.5, None))
        paths[rules.path(source)] = stanza if source.random() < 0.9 else [stanza, {"policy": "read"}]
    document: dict[str, object] = {"path": paths if source.random() < 0.8 else [paths]}
    return json.dumps(document, indent=source.choice((None, 1)))


def text(source: random.Random) -> str:
    """A valid text, mostly with a few random changes."""
    made = as_json(source) if source.random() < 0.4 else rules.policy(source, templated=True, restricted=True)
    for _ in range(source.choice((0, 1, 1, 2, 3))):
        start = source.randrange(len(made) + 1)
        end = min(len(made), start + source.choice((0, 0, 1, 1, 2, 10)))
        made = made[:start] + source.choice((source.choice(_PIECES), "", made[start:end] * 2)) + made[end:]
    return made[: source.randrange(len(made) + 1)] if source.random() < 0.1 else made


def paths_of(source: random.Random, given: str) -> list[str]:
    """Paths that a text may be about, as far as its quoted parts tell."""
    found = {rules.near(source, re.findall(r'"([^"\\n]*)"', given)) for _ in range(6)}
    return sorted(path for path in found if path.strip() and path.isprintable())


def compare(server: RunningServer, seconds: float, seed: int, version: str = "2.7.2") -> tuple[int, list[str]]:
    """Write texts for some seconds; return how many, and those on which we and the server differ.

    They differ where one of them stores a text and the other does not, and where one that both store gives
    other capabilities.
    """
    source = random.Random(seed)  # noqa: S311  (no secret)
    client = WireClient(server)
    body = {"policies": ["t"], "no_default_policy": True}
    token = client.ask("POST", "auth/token/create", body).json()["auth"]["client_token"]
    until = time.monotonic() + seconds
    compared = 0
    wrong: list[str] = []
    while time.monotonic() < until and len(wrong) < 20:
        texts = [text(source) for _ in range(32)]
        asked = [paths_of(source, one) or ["x"] for one in texts]
        sent = []
        for one, paths in zip(texts, asked, strict=True):
            sent.append(Sent(method="POST", path="sys/policies/acl/t", body={"policy": one}))
            sent.append(Sent(method="POST", path="sys/capabilities", body={"token": token, "paths": paths}))
        got = client.send(sent)
        for number, (one, paths) in enumerate(zip(texts, asked, strict=True)):
            compared += 1
            stored, held = got[2 * number], got[2 * number + 1]
            ours = answer(one, paths, version)
            theirs = {"decision": "invalid_policy"}
            if stored.status in (200, 204):
                theirs = {path: held.json()["data"].get(path.strip()) for path in paths}
            if ours != theirs:
                wrong.append(json.dumps({"text": one, "ours": ours, "theirs": theirs, "says": stored.text[:200]}))
    client.close()
    return compared, wrong


def answer(given: str, paths: list[str], version: str) -> dict[str, Any]:
    """What `ask vault` says of a token with this text as its policy."""
    line = {
        "server": {"product": "openbao", "version": version},
        "policies": [{"name": "t", "text": given}],
        "subject": {"policies": ["t"]},
        "capabilities": paths,
    }
    found: list[str] = []
    answer_lines([json.dumps(line)], found.append)
    value: dict[str, Any] = json.loads(found[0])
    return {"decision": value["decision"]} if "decision" in value else value["capabilities"]


def main() -> int:
    with running_server() as server:
        compared, wrong = compare(server, float(sys.argv[1]), int(sys.argv[2]))
    print(f"{compared} texts compared, {len(wrong)} mismatches", *wrong, sep="\n")  # noqa: T201  (the result)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
