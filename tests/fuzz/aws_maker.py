"""Random AWS requests with policies of all types, near the edges."""

import random
from typing import Any

Case = dict[str, Any]
OURS, THEIRS = "111122223333", "444455556666"
TENANTS = ("acme", "beta", "acme-corp", "ACME", "*", "a")
TAG_KEYS = ("TenantId", "tenantid", "Team")
REGION = "us-east-1"
SECRET, PARAMETER, KEY = "secretsmanager", "ssm", "kms"
ACTIONS = {
    "secretsmanager:GetSecretValue": SECRET, "secretsmanager:PutSecretValue": SECRET,
    "secretsmanager:DescribeSecret": SECRET, "secretsmanager:TagResource": SECRET,
    "secretsmanager:UntagResource": SECRET, "secretsmanager:PutResourcePolicy": SECRET,
    "secretsmanager:CreateSecret": SECRET, "secretsmanager:ListSecrets": "", "secretsmanager:GetRandomPassword": "",
    "ssm:GetParameter": PARAMETER, "ssm:DeleteParameter": PARAMETER, "kms:Decrypt": KEY, "kms:GenerateDataKey": KEY,
    "kms:PutKeyPolicy": KEY, "kms:ListKeys": "", "sts:AssumeRole": "role", "sts:TagSession": "role",
    "sts:AssumeRoleWithWebIdentity": "role", "sts:AssumeRoleWithSAML": "role", "iam:TagRole": "role",
    "iam:PassRole": "role", "s3:GetObject": "s3",
}  # fmt: skip
"""Action -> what it acts on; nothing for an action without a resource."""
TRUST = {action for action in ACTIONS if action.startswith("sts:")}
"""Actions that the trust policy of a role decides."""
TAGGED = {"secretsmanager:TagResource", "secretsmanager:UntagResource", "secretsmanager:CreateSecret",
          "iam:TagRole"} | TRUST  # fmt: skip
"""Actions that send tags."""
PROVIDERS = {
    "sts:AssumeRoleWithWebIdentity": (
        f"arn:aws:iam::{OURS}:oidc-provider/token.actions.githubusercontent.com", "accounts.google.com",
        f"arn:aws:iam::{THEIRS}:oidc-provider/token.actions.githubusercontent.com",
    ),
    "sts:AssumeRoleWithSAML": (f"arn:aws:iam::{OURS}:saml-provider/corp",),
}  # fmt: skip
SERVICES = ("lambda.amazonaws.com", "ec2.amazonaws.com")
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
        principal, role = self.principal(action)
        tenant = pick(TENANTS)
        line: Case = {"id": str(number), "principal": principal}
        if role:
            line["principal_role"] = role
        if self.maybe(0.8) and ":root" not in principal:
            line["principal_tags"] = {pick(TAG_KEYS[:2]): pick(TENANTS[:5])}
        if ":assumed-role/" in principal and self.maybe(0.3):
            line["session_tags"] = {pick(TAG_KEYS): pick(TENANTS[:5])}
        request: Case = {"action": self.cased(action), "resource": self.resource(action, owner, tenant)}
        if ACTIONS[action] == "s3":
            request["resource_account"] = owner
        if ACTIONS[action] not in ("", "role", "s3") and action != "secretsmanager:CreateSecret" and self.maybe(0.85):
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

    def principal(self, action: str) -> tuple[str, str]:
        """Return who signs, and the full role where it has a path."""
        if action in PROVIDERS:
            return self.source.choice(PROVIDERS[action]), ""
        which = self.source.random()
        if which < 0.6:
            return f"arn:aws:sts::{OURS}:assumed-role/agent/{self.source.choice(('run', 'acme'))}", ""
        if which < 0.7:
            return f"arn:aws:sts::{OURS}:assumed-role/agent/run", f"arn:aws:iam::{OURS}:role/app/agent"
        if which < 0.8:
            return f"arn:aws:iam::{OURS}:role/agent", ""
        if which < 0.9:
            return f"arn:aws:iam::{OURS}:user/{self.source.choice(('acme', 'div/beta'))}", ""
        if which < 0.94:
            return f"arn:aws:sts::{OURS}:federated-user/acme", ""
        if which < 0.96:
            return f"arn:aws:iam::{OURS}:root", ""
        return self.source.choice(("*", *SERVICES)), ""

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
            "aws:SourceArn": ("arn:aws:s3:::acme", f"arn:aws:sns:{REGION}:{OURS}:acme:1", "arn:aws:s3:::b"),
            "aws:PrincipalOrgPaths": (["o-ours/r-1/ou-1/"], ["o-ours/r-1/ou-2/", "o-other/r-1/"], []),
            "aws:userid": ("AROAEXAMPLE:run", "AIDAEXAMPLE"),
            "aws:EpochTime": ("1767225600", "1714885505"),
            "aws:MultiFactorAuthPresent": ("true", "false"),
            "aws:SecureTransport": ("true", "false"),
            "aws:PrincipalOrgID": ("o-ours", "o-other"),
            "aws:SourceVpce": ("vpce-1", "vpce-2"),
            "aws:CurrentTime": ("2026-01-01T00:00:00Z", "2024-05-05T05:05:05Z"),
            "aws:MultiFactorAuthAge": ("60", "3600", "7200.5"),
            "aws:CalledVia": (["athena.amazonaws.com"], ["athena.amazonaws.com", "glue.amazonaws.com"]),
        }
        if action == "sts:AssumeRole":
            options["sts:ExternalId"] = ("x-1", "x-2")
            options["sts:RoleSessionName"] = ("run", "acme")
            options["sts:TransitiveTagKeys"] = (["TenantId"], ["Team", "tenantid"])
        if action == "sts:AssumeRoleWithWebIdentity":
            options["token.actions.githubusercontent.com:sub"] = ("repo:acme/agents:ref:main", "repo:beta/x:ref:main")
            options["token.actions.githubusercontent.com:aud"] = ("sts.amazonaws.com", "other")
            options["accounts.google.com:oaud"] = ("app-1", "app-2")
        if action == "sts:AssumeRoleWithSAML":
            options["saml:aud"] = ("https://signin.aws.amazon.com/saml", "other")
            options["saml:iss"] = ("https://idp.example.test/acme", "x")
        if action == "iam:PassRole":
            options["iam:PassedToService"] = SERVICES
        if action in ("kms:Decrypt", "kms:GenerateDataKey"):
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
        outside = not principal.startswith("arn:") or "-provider/" in principal
        found: Case = {"identity": [] if outside else [
            self.document(action, allow=0.75) for _ in range(self.source.randint(1, 3))
        ]}  # fmt: skip
        if self.maybe(0.25) and not outside and not principal.endswith(":root"):
            found["boundary"] = self.document(action, allow=0.85, wide=0.5)
        if self.maybe(0.7 if ":federated-user/" in principal else 0.2) and (
            ":assumed-role/" in principal or ":role/" in principal or ":federated-user/" in principal
        ):
            found["session"] = self.document(action, allow=0.85, wide=0.5)
        if self.maybe(0.25) and not outside:
            found["scps"] = [
                [self.document(action, allow=0.8, wide=0.7) for _ in range(self.source.choice((1, 1, 1, 1, 2, 2, 0)))]
                for _ in range(self.source.randint(1, 3))
            ]
        if self.maybe(0.15):
            found["rcps"] = [[self.limit(action)] for _ in range(self.source.randint(1, 2))]
        if self.maybe(0.45) or outside or ACTIONS[action] == KEY or action in TRUST:
            found["resource"] = self.document(
                action, allow=0.8, wide=0.5, principals=self.names(principal, role), trust=action in TRUST
            )
        if self.maybe(0.1):
            found["vpc_endpoint"] = self.document(action, allow=0.85, wide=0.6, principals=("*",))
        return found

    def names(self, principal: str, role: str) -> tuple[Any, ...]:
        """Return Principal elements, near the one who asks."""
        own = role or (f"arn:aws:iam::{OURS}:role/agent")
        root = f"arn:aws:iam::{OURS}:root"
        if principal in SERVICES:
            return "*", {"Service": "lambda.amazonaws.com"}, {"Service": list(SERVICES)}, {"AWS": root}
        if "provider/" in principal or principal == "accounts.google.com":
            federated = {"Federated": principal}
            return "*", federated, federated, {"Federated": "arn:aws:iam::111122223333:saml-provider/x"}, {"AWS": root}
        if not principal.startswith("arn:"):
            return "*", {"AWS": "*"}, {"Service": "lambda.amazonaws.com"}, {"AWS": root}
        return (
            {"AWS": root}, {"AWS": OURS}, {"AWS": own}, {"AWS": principal}, "*",
            {"AWS": [f"arn:aws:iam::{OURS}:user/other"]},
            {"AWS": f"arn:aws:sts::{OURS}:assumed-role/agent/other"}, {"Service": "ec2.amazonaws.com"},
            {"AWS": [own, root]}, {"AWS": [own, principal, root]}, {"AWS": "*"},
            {"AWS": root, "Service": "ec2.amazonaws.com"}, {"AWS": f"arn:aws:iam::{THEIRS}:root"},
        )  # fmt: skip

    def document(
        self, action: str, *, allow: float, wide: float = 0.2, principals: tuple[Any, ...] = (), trust: bool = False
    ) -> Case:
        """Return a policy document."""
        statements = [self.statement(action, allow, wide, principals, trust) for _ in range(self.source.randint(1, 3))]
        version = {} if self.maybe(0.03) else {"Version": "2008-10-17" if self.maybe(0.02) else "2012-10-17"}
        return version | {"Statement": statements[0] if len(statements) == 1 and self.maybe(0.2) else statements}

    def limit(self, action: str) -> Case:
        """Return a resource control policy, in which AWS takes fewer elements."""
        document = {**self.document(action, allow=0, principals=("*",)), "Version": "2012-10-17"}
        statements = document["Statement"]
        for statement in statements if isinstance(statements, list) else [statements]:
            if "NotAction" in statement:
                statement["Action"] = statement.pop("NotAction")
        return document

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
            "role": ("role/*", "role/acme", "role/${aws:PrincipalTag/TenantId}", "role/a*", "role/acm?"),
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
        if which < 0.5:
            return self.tag_test(action, exists)
        if which < 0.55:
            return self.odd_test(exists)
        if which < 0.62:
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
        own = self.own_tests(action)
        if own and self.maybe(0.5):
            key, values = pick(own)
        if action in ("kms:Decrypt", "kms:GenerateDataKey") and self.maybe(0.5):
            key, values = pick((
                ("kms:ViaService", "secretsmanager.*.amazonaws.com"), ("kms:CallerAccount", OURS),
                ("kms:EncryptionContext:SecretARN", f"arn:aws:secretsmanager:*:{OURS}:secret:acme/*"),
            ))  # fmt: skip
        return pick(STRINGS) + exists, key, values

    def own_tests(self, action: str) -> tuple[tuple[str, Any], ...]:
        """Return keys that only this action carries, with values."""
        if action == "sts:AssumeRole":
            return (
                ("sts:ExternalId", self.source.choice(("x-1", "*", "x-*", ["x-2", "x-3"]))),
                ("sts:RoleSessionName", self.source.choice(("run", "${aws:username}", "${aws:PrincipalTag/TenantId}"))),
            )
        if action == "sts:AssumeRoleWithWebIdentity":
            issuer = "token.actions.githubusercontent.com"
            return ((f"{issuer}:sub", "repo:acme/*"), (f"{issuer}:aud", "sts.amazonaws.com"),
                    ("accounts.google.com:oaud", ["app-1", "app-3"]))  # fmt: skip
        if action == "sts:AssumeRoleWithSAML":
            return ("saml:aud", "https://signin.aws.amazon.com/saml"), ("saml:iss", "https://idp.example.test/*")
        return (("iam:PassedToService", ["lambda.amazonaws.com", "x"]),) if action == "iam:PassRole" else ()

    def odd_test(self, exists: str) -> tuple[str, str, Any]:
        """Return a test of a key that has many values, or values of another type."""
        pick = self.source.choice
        sets = pick(("", "ForAnyValue:", "ForAllValues:"))
        return pick((
            (f"{sets}{pick(STRINGS)}{exists}", "aws:PrincipalOrgPaths", pick((["o-ours/*"], "o-ours/r-1/ou-1/", "*"))),
            (f"{sets}{pick(ARNS)}{exists}", "aws:SourceArn", pick(("arn:aws:s3:::a*", "arn:aws:*:*:*:acme*"))),
            (f"{sets}Bool{exists}", "aws:MultiFactorAuthPresent", pick(("true", "false", ["true", "false"]))),
            (f"{pick(('NumericLessThanEquals', 'NumericGreaterThan'))}{exists}", "aws:EpochTime", "1767225600"),
            (f"{pick(('DateGreaterThanEquals', 'DateLessThanEquals'))}{exists}", "aws:EpochTime", "1767225600"),
            (f"{pick(STRINGS)}{exists}", "aws:userid", pick(("AROAEXAMPLE:*", "*:${aws:username}", "AIDAEXAMPLE"))),
            ("Null", pick(("aws:PrincipalOrgPaths", "aws:CalledVia", "aws:SourceVpce")), pick(("true", "false"))),
            (f"{sets}IpAddress{exists}", "aws:SourceIp", ["10.0.0.7/32", "2001:db8::/48"]),
        ))  # fmt: skip

    def tag_test(self, action: str, exists: str) -> tuple[str, str, Any]:
        """Return a test of tags."""
        pick = self.source.choice
        kinds = ["aws:PrincipalTag", "aws:ResourceTag", "aws:ResourceTag"]
        if action in TAGGED:
            kinds.append("aws:RequestTag")
        service = action.partition(":")[0]
        if service in (SECRET, PARAMETER) and self.maybe(0.2):
            kinds.append({SECRET: "secretsmanager:ResourceTag", PARAMETER: "ssm:resourceTag"}[service])
        if ACTIONS[action] in ("", "role", "s3") or action == "secretsmanager:CreateSecret":
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
