"""Random AWS requests, decided by us and by an independent evaluator: `python -m tests.fuzz.aws --evaluator DIR`.

DIR holds the npm package @cloud-copilot/iam-simulate (`npm install --prefix DIR @cloud-copilot/iam-simulate`), which
runs as a program of its own (`aws_evaluator.mjs`). A difference is a fault unless the case holds one of the points in
`departures`, where AWS's documentation says otherwise or nothing: there ours stands, and the point is counted.
Ends with 1 on the first differences, printed with all that is needed to replay them.
"""

import argparse
import json
import random
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cred_audit.ask_aws import answer_lines
from cred_audit.decide.aws.catalogue import rcps_bind

Case = dict[str, Any]
OURS, THEIRS = "111122223333", "444455556666"
TENANTS = ("acme", "beta", "acme-corp", "ACME", "*", "a")
TAG_KEYS = ("TenantId", "tenantid", "Team")
REGION = "us-east-1"
SECRET, PARAMETER, KEY = "secretsmanager", "ssm", "kms"
ACTIONS = {
    "secretsmanager:GetSecretValue": SECRET, "secretsmanager:PutSecretValue": SECRET,
    "secretsmanager:DescribeSecret": SECRET, "secretsmanager:TagResource": SECRET,
    "secretsmanager:UntagResource": SECRET, "secretsmanager:ListSecrets": "", "ssm:GetParameter": PARAMETER,
    "kms:Decrypt": KEY, "sts:AssumeRole": "role", "sts:TagSession": "role", "s3:GetObject": "s3",
}  # fmt: skip
TAGGED = {"secretsmanager:TagResource", "secretsmanager:UntagResource", "sts:AssumeRole", "sts:TagSession"}
STRINGS = ("StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIgnoreCase",
           "StringNotEqualsIgnoreCase")  # fmt: skip
ARNS = ("ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike")


class Maker:
    """Makes cases near the edges: few names, so that things often match or just fail to."""

    def __init__(self, source: random.Random) -> None:
        """Take the source of chance."""
        self.source = source

    def case(self, number: int) -> Case:
        """Return one line of a batch."""
        pick = self.source.choice
        action = pick(list(ACTIONS))
        owner = pick((OURS, OURS, OURS, THEIRS))
        principal, role = self.principal()
        tenant = pick(TENANTS)
        line: Case = {"id": str(number), "principal": principal}
        if role:
            line["principal_role"] = role
        if self.maybe(0.8):
            line["principal_tags"] = {pick(TAG_KEYS[:2]): pick(TENANTS[:5])}
        if ":assumed-role/" in principal and self.maybe(0.3):
            line["session_tags"] = {pick(TAG_KEYS): pick(TENANTS[:5])}
        request: Case = {"action": self.cased(action), "resource": self.resource(action, owner, tenant)}
        if ACTIONS[action] == "s3":
            request["resource_account"] = owner
        if ACTIONS[action] not in ("", "role", "s3") and self.maybe(0.85):
            request["resource_tags"] = {pick(TAG_KEYS): pick(TENANTS[:5])}
        if action in TAGGED and self.maybe(0.7):
            request["request_tags"] = {pick(TAG_KEYS): pick(TENANTS[:5]) for _ in range(self.source.randint(1, 2))}
        request["context"] = self.context(action)
        line["request"] = request
        line["policies"] = self.policies(action, principal, role)
        return line

    def maybe(self, chance: float) -> bool:
        """Return true with a chance."""
        return self.source.random() < chance

    def cased(self, text: str) -> str:
        """Return the text, sometimes in another case."""
        return text.lower() if self.maybe(0.05) else text

    def principal(self) -> tuple[str, str]:
        """Return who signs, and the full role where it has a path."""
        which = self.source.random()
        if which < 0.6:
            return f"arn:aws:sts::{OURS}:assumed-role/agent/{self.source.choice(('run', 'acme'))}", ""
        if which < 0.7:
            return f"arn:aws:sts::{OURS}:assumed-role/agent/run", f"arn:aws:iam::{OURS}:role/app/agent"
        if which < 0.8:
            return f"arn:aws:iam::{OURS}:role/agent", ""
        if which < 0.95:
            return f"arn:aws:iam::{OURS}:user/{self.source.choice(('acme', 'div/beta'))}", ""
        return self.source.choice(("*", "lambda.amazonaws.com")), ""

    def resource(self, action: str, owner: str, tenant: str) -> str:
        """Return what is asked for."""
        name = tenant.replace("*", "star")
        kind = ACTIONS[action]
        if not kind:
            return "*"
        if kind == "role":
            return f"arn:aws:iam::{owner}:role/{name}"
        if kind == "s3":
            return f"arn:aws:s3:::agents/{name}/key"
        forms = {SECRET: f"secret:{name}/db-AbCdEf", PARAMETER: f"parameter/{name}/db", KEY: f"key/{name}-1"}
        return f"arn:aws:{kind}:{REGION}:{owner}:{forms[kind]}"

    def context(self, action: str) -> Case:
        """Return some condition keys that the action carries."""
        keys: Case = {}
        options: Case = {
            "aws:SourceIp": ("10.0.0.7", "192.0.2.1", "2001:db8::1"),
            "aws:SecureTransport": ("true", "false"),
            "aws:PrincipalOrgID": ("o-ours", "o-other"),
            "aws:SourceVpce": ("vpce-1", "vpce-2"),
            "aws:CurrentTime": ("2026-01-01T00:00:00Z", "2024-05-05T05:05:05Z"),
            "aws:MultiFactorAuthAge": ("60", "3600", "7200.5"),
            "aws:CalledVia": (["athena.amazonaws.com"], ["athena.amazonaws.com", "glue.amazonaws.com"]),
        }
        if action.startswith("sts:Assume"):
            options["sts:ExternalId"] = ("x-1", "x-2")
        if action == "kms:Decrypt":
            options["kms:ViaService"] = ("secretsmanager.us-east-1.amazonaws.com", "ssm.us-east-1.amazonaws.com")
            options["kms:EncryptionContext:SecretARN"] = (
                f"arn:aws:secretsmanager:{REGION}:{OURS}:secret:acme/db-AbCdEf",
            )
        for name, values in options.items():
            if self.maybe(0.35):
                keys[name] = self.source.choice(values)
        return keys

    def policies(self, action: str, principal: str, role: str) -> Case:
        """Return the policies of all types."""
        outside = not principal.startswith("arn:")
        found: Case = {"identity": [] if outside else [
            self.document(action, allow=0.75) for _ in range(self.source.randint(1, 3))
        ]}  # fmt: skip
        if self.maybe(0.25) and not outside:
            found["boundary"] = self.document(action, allow=0.85, wide=0.5)
        if self.maybe(0.2) and (":assumed-role/" in principal or ":role/" in principal):
            found["session"] = self.document(action, allow=0.85, wide=0.5)
        if self.maybe(0.25) and not outside:
            found["scps"] = [[self.document(action, allow=0.8, wide=0.7)] for _ in range(self.source.randint(1, 2))]
        if self.maybe(0.15):
            found["rcps"] = [[self.document(action, allow=0, principals=("*",))]]
        if self.maybe(0.45) or outside or ACTIONS[action] in (KEY, "role"):
            found["resource"] = self.document(
                action, allow=0.8, wide=0.5, principals=self.names(principal, role), trust=ACTIONS[action] == "role"
            )
        if self.maybe(0.1):
            found["vpc_endpoint"] = self.document(action, allow=0.85, wide=0.6, principals=("*",))
        return found

    def names(self, principal: str, role: str) -> tuple[Any, ...]:
        """Return Principal elements, near the one who asks."""
        own = role or (f"arn:aws:iam::{OURS}:role/agent")
        root = f"arn:aws:iam::{OURS}:root"
        if not principal.startswith("arn:"):
            return "*", {"Service": "lambda.amazonaws.com"}, {"AWS": root}
        return (
            {"AWS": root}, {"AWS": OURS}, {"AWS": own}, {"AWS": principal}, "*",
            {"AWS": [f"arn:aws:iam::{OURS}:user/other"]},
            {"AWS": f"arn:aws:sts::{OURS}:assumed-role/agent/other"}, {"Service": "ec2.amazonaws.com"},
            {"AWS": [own, root]},
        )  # fmt: skip

    def document(
        self, action: str, *, allow: float, wide: float = 0.2, principals: tuple[Any, ...] = (), trust: bool = False
    ) -> Case:
        """Return a policy document."""
        statements = [self.statement(action, allow, wide, principals, trust) for _ in range(self.source.randint(1, 3))]
        version = {} if self.maybe(0.04) else {"Version": "2012-10-17"}
        return version | {"Statement": statements[0] if len(statements) == 1 and self.maybe(0.2) else statements}

    def statement(self, action: str, allow: float, wide: float, principals: tuple[Any, ...], trust: bool) -> Case:
        """Return one statement."""
        pick = self.source.choice
        entry: Case = {"Effect": "Allow" if self.maybe(allow) else "Deny"}
        if principals:
            chosen = pick(principals)
            if self.maybe(0.04) and principals != ("*",) and chosen != "*":
                entry["NotPrincipal"] = chosen
            else:
                entry["Principal"] = chosen
        service, _, name = action.partition(":")
        actions: Any = pick((action, action, f"{service}:{name[:3]}*", f"{service}:*", [action, "s3:GetObject"],
                             f"{service}:*{name[-5:]}", self.cased(action), "iam:PassRole"))  # fmt: skip
        if self.maybe(wide) and not principals:
            actions = "*"
        entry["NotAction" if self.maybe(0.06) else "Action"] = actions
        if not trust:
            entry["NotResource" if self.maybe(0.07) else "Resource"] = "*" if self.maybe(wide) else self.pattern(action)
        if self.maybe(0.6 if allow else 0.9):
            entry["Condition"] = self.condition(action)
        return entry

    def pattern(self, action: str) -> Any:
        """Return a Resource element."""
        kind = ACTIONS[action]
        forms = {
            SECRET: ("secret:acme*", "secret:acme/*", "secret:acme-*", "secret:${aws:PrincipalTag/TenantId}/*", "*",
                     "secret:*", "secret:${aws:PrincipalTag/TenantId}*", "secret:${aws:username}/*", "secret:?cme/*",
                     "secret:${aws:PrincipalTag/Team, 'acme'}/*", "secret:*/db-??????", "secret:${*}/*"),
            PARAMETER: ("parameter/acme/*", "parameter/${aws:PrincipalTag/TenantId}/*", "parameter/*"),
            KEY: ("key/*", "key/acme-1", "key/${aws:PrincipalTag/TenantId}-?"),
            "role": ("role/*", "role/acme", "role/${aws:PrincipalTag/TenantId}"),
        }  # fmt: skip
        if kind == "s3":
            return self.source.choice(("arn:aws:s3:::agents/*", "arn:aws:s3:::agents/${aws:PrincipalTag/TenantId}/*",
                                       "arn:aws:s3:::*", "arn:aws:s3:::other/*"))  # fmt: skip
        if not kind:
            return self.source.choice(("*", f"arn:aws:secretsmanager:{REGION}:{OURS}:secret:*", "*"))
        service = "iam" if kind == "role" else kind
        region = "" if kind == "role" else self.source.choice((REGION, "*", "us-*", "eu-west-1"))
        owner = self.source.choice((OURS, OURS, "*", THEIRS))
        heads = [f"arn:aws:{service}:{region}:{owner}:"] * 9 + [f"arn:*:{service}:{region}:{owner}:"]
        texts = [self.source.choice(heads) + self.source.choice(forms[kind]) for _ in range(self.source.randint(1, 2))]
        if self.maybe(0.05):
            texts.append(f"arn:aws:{service}:*")
        return texts[0] if len(texts) == 1 else texts

    def condition(self, action: str) -> Case:
        """Return a Condition element."""
        block: Case = {}
        for _ in range(self.source.randint(1, 2)):
            operator, key, values = self.test(action)
            block.setdefault(operator, {})[key] = values
        return block

    def test(self, action: str) -> tuple[str, str, Any]:
        """Return an operator, a key and values."""
        pick = self.source.choice
        which = self.source.random()
        exists = "IfExists" if self.maybe(0.2) else ""
        if which < 0.55:
            return self.tag_test(action, exists)
        if which < 0.65:
            ranges = pick((["10.0.0.0/8"], ["192.0.2.0/24", "10.0.0.7"], ["2001:db8::/32"]))
            return pick(("IpAddress", "NotIpAddress")) + exists, "aws:SourceIp", ranges
        if which < 0.7:
            return "Bool" + exists, pick(("aws:SecureTransport", "aws:PrincipalIsAWSService")), pick(("true", "false"))
        if which < 0.76:
            role = pick((f"arn:aws:iam::{OURS}:role/agent", "arn:aws:iam::*:role/*", f"arn:aws:iam::{OURS}:*/ac?e",
                         "arn:aws:iam::*:user/${aws:PrincipalTag/TenantId}"))  # fmt: skip
            return pick(ARNS) + exists, "aws:PrincipalArn", role
        if which < 0.82:
            operator = pick(("NumericLessThan", "NumericGreaterThanEquals", "NumericEquals", "NumericNotEquals"))
            return operator + exists, "aws:MultiFactorAuthAge", pick(("3600", "60.0", ["60", "7200.5"]))
        if which < 0.87:
            operator = pick(("DateLessThan", "DateGreaterThan", "DateEquals", "DateNotEquals"))
            return operator + exists, "aws:CurrentTime", pick(("2025-01-01T00:00:00Z", "2026-01-01"))
        if which < 0.92:
            values = pick(("athena.amazonaws.com", ["athena.amazonaws.com", "x.amazonaws.com"]))
            return pick(("ForAnyValue:", "ForAllValues:", "")) + pick(STRINGS[:4]) + exists, "aws:CalledVia", values
        key, values = pick((("aws:PrincipalOrgID", "o-ours"), ("aws:SourceVpce", ["vpce-1", "vpce-3"]),
                            ("aws:PrincipalAccount", OURS), ("aws:ResourceAccount", OURS),
                            ("aws:PrincipalType", "AssumedRole"), ("aws:username", "acme")))  # fmt: skip
        if action.startswith("sts:Assume") and self.maybe(0.5):
            key, values = "sts:ExternalId", pick(("x-1", "*", "x-*", ["x-2", "x-3"]))
        if action == "kms:Decrypt" and self.maybe(0.5):
            key, values = pick((
                ("kms:ViaService", "secretsmanager.*.amazonaws.com"), ("kms:CallerAccount", OURS),
                ("kms:EncryptionContext:SecretARN", f"arn:aws:secretsmanager:*:{OURS}:secret:acme/*"),
            ))  # fmt: skip
        return pick(STRINGS) + exists, key, values

    def tag_test(self, action: str, exists: str) -> tuple[str, str, Any]:
        """Return a test of tags."""
        pick = self.source.choice
        kinds = ["aws:PrincipalTag", "aws:ResourceTag", "aws:ResourceTag"]
        if action in TAGGED:
            kinds.append("aws:RequestTag")
        service = action.partition(":")[0]
        if service in (SECRET, PARAMETER) and self.maybe(0.2):
            kinds.append({SECRET: "secretsmanager:ResourceTag", PARAMETER: "ssm:resourceTag"}[service])
        if ACTIONS[action] in ("", "role", "s3"):
            kinds = [kind for kind in kinds if "esourceTag" not in kind]
        key = f"{pick(kinds)}/{pick(TAG_KEYS)}"
        if action in TAGGED and self.maybe(0.25):
            operator = pick(("ForAllValues:", "ForAnyValue:")) + pick(STRINGS[:4]) + exists
            return operator, "aws:TagKeys", pick((["TenantId"], ["Team", "tenantid"], "T*"))
        if self.maybe(0.12):
            return "Null", key, pick(("true", "false"))
        variable = pick(("${aws:PrincipalTag/TenantId}", "${aws:PrincipalTag/tenantid}", "${aws:PrincipalTag/Team}",
                         "${aws:username}", "${aws:PrincipalTag/Team, 'acme'}", "${*}",
                         "x${aws:PrincipalTag/Team}"))  # fmt: skip
        values = pick((variable, variable, variable, "acme", ["acme", "beta"], "acme*", "*", ["b?ta", variable]))
        prefix = pick(("", "", "", "", "ForAllValues:", "ForAnyValue:"))
        return prefix + pick(STRINGS) + exists, key, values


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
    for document in _documents(policies):
        statements = document["Statement"]
        for statement in statements if isinstance(statements, list) else [statements]:
            written = json.dumps(statement)
            if "Version" not in document and "${" in written:
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


def _documents(policies: Case) -> Iterator[Case]:
    yield from policies.get("identity", ())
    yield from (policies[name] for name in ("boundary", "session", "resource", "vpc_endpoint") if policies.get(name))
    for name in ("scps", "rcps"):
        for level in policies.get(name, ()):
            yield from level


def ours(lines: list[str]) -> list[Case]:
    """Return our answers."""
    found: list[str] = []
    answer_lines(lines, found.append)
    return [json.loads(text) for text in found]


def theirs(lines: list[str], folder: Path) -> list[Case]:
    """Return the evaluator's answers."""
    script = Path(__file__).with_name("aws_evaluator.mjs")
    done = subprocess.run(
        ["node", str(script), str(folder)],  # noqa: S607  (whichever node the developer has)
        input="\n".join(lines), capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [json.loads(text) for text in done.stdout.splitlines()]


def main() -> int:
    """Compare until the count or the time is reached."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    options.add_argument("--evaluator", type=Path, default=Path("/tmp/iamsim"))  # noqa: S108  (a developer's folder)
    options.add_argument("--count", type=int, default=100_000)
    options.add_argument("--seconds", type=float, default=600)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--record", type=Path, help="write the cases on which both agree, with the answer")
    chosen = options.parse_args()
    maker = Maker(random.Random(chosen.seed))  # noqa: S311  (not for secrets)
    counts: Counter[str] = Counter()
    end = time.monotonic() + chosen.seconds
    recorded: list[str] = []
    compared = faults = 0
    while compared < chosen.count and time.monotonic() < end and faults < 5:
        cases = [maker.case(compared + number) for number in range(min(2000, chosen.count - compared))]
        lines = [json.dumps(case) for case in cases]
        for case, mine, their in zip(cases, ours(lines), theirs(lines, chosen.evaluator), strict=True):
            if "error" in their:
                counts["refused by the evaluator"] += 1
                if "error" not in mine and faults < 5 and "policy.errors" not in their["error"]:
                    sys.stdout.write(f"evaluator: {their['error']}\n")
                continue
            counts[f"ours {mine.get('decision', 'error')}"] += 1
            if mine.get("decision") == their["decision"]:
                counts["agreed"] += 1
                recorded.append(json.dumps(case | {"expect": their["decision"]}))
                continue
            points = departures(case)
            if points:
                counts[f"departs: {' + '.join(sorted(points))}"] += 1
                continue
            faults += 1
            sys.stdout.write(f"DIFFERENT ours {json.dumps(mine)}\ntheirs {their}\n{json.dumps(case)}\n")
        compared += len(cases)
    for name, number in counts.most_common():
        sys.stdout.write(f"{number:>8} {name}\n")
    sys.stdout.write(f"{compared} requests compared, {faults} differences\n")
    if chosen.record is not None:
        chosen.record.write_text("\n".join(recorded) + "\n", "utf-8")
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
