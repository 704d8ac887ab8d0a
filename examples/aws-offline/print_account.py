"""Print what cred-audit reads of one AWS account with the AWS command line: read-only, and no value of any secret.

    python3 print_account.py FOLDER REGION [REGION ...]

Makes FOLDER where there is none, and writes iam.json, secrets.json, parameters.json, keys.json, functions.json,
trails.json and, where the caller may see it, organization.json there. A REGION is a name such as eu-central-1. Name the
files below `aws: files:` of the target, as target.yaml beside this file does. Needs Python 3.11 and `aws` with
credentials of the account; every call to `aws` below is one command.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def aws(*words: str) -> dict[str, Any]:
    """Run one command."""
    command = ["aws", *words, "--output", "json"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603
    return dict(json.loads(printed or "{}"))


def identities() -> dict[str, Any]:
    """Roles, users, groups and policies; how long a role's sessions may be stands elsewhere."""
    found = aws("iam", "get-account-authorization-details")
    longest = {role["Arn"]: role["MaxSessionDuration"] for role in aws("iam", "list-roles")["Roles"]}
    for role in found["RoleDetailList"]:
        role["MaxSessionDuration"] = longest.get(role["Arn"])
    return found


def secrets(region: str) -> Iterator[dict[str, Any]]:
    """Names, tags, keys and policies of secrets."""
    for secret in aws("secretsmanager", "list-secrets", "--region", region)["SecretList"]:
        found = {**secret, "Description": "", "ResourcePolicy": policy(secret, region)}
        if secret.get("PrimaryRegion", region) == region:
            told = aws("secretsmanager", "describe-secret", "--secret-id", secret["ARN"], "--region", region)
            found["ReplicationStatus"] = told.get("ReplicationStatus")
        yield found


def policy(secret: dict[str, Any], region: str) -> str | None:
    """The resource policy of a secret; of a replica that cannot be asked, its primary's."""
    asked, primary = ("secretsmanager", "get-resource-policy"), secret.get("PrimaryRegion", region)
    try:
        found = aws(*asked, "--secret-id", secret["ARN"], "--region", region)
    except subprocess.CalledProcessError:
        if primary == region:
            raise
        found = aws(*asked, "--secret-id", secret["ARN"].replace(f":{region}:", f":{primary}:"), "--region", primary)
    return found.get("ResourcePolicy")


def functions(region: str, found: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Functions that rotate secrets."""
    for name in sorted({secret["RotationLambdaARN"] for secret in found if secret.get("RotationLambdaARN")}):
        if name.split(":")[3] == region:
            yield aws("lambda", "get-function-configuration", "--function-name", name, "--region", region)


def parameters(region: str, partition: str, account: str) -> Iterator[dict[str, Any]]:
    """Names, keys and tags of parameters; older command lines leave out the ARN."""
    start = f"arn:{partition}:ssm:{region}:{account}:parameter/"
    for parameter in aws("ssm", "describe-parameters", "--region", region)["Parameters"]:
        name = ("--resource-type", "Parameter", "--resource-id", parameter["Name"], "--region", region)
        arn = {"ARN": start + parameter["Name"].removeprefix("/")}
        yield {**arn, **parameter, "Description": "", "Tags": aws("ssm", "list-tags-for-resource", *name)["TagList"]}


def keys(region: str) -> Iterator[dict[str, Any]]:
    """Customer keys with policies, grants, tags and aliases."""
    aliases = aws("kms", "list-aliases", "--region", region)["Aliases"]
    for listed in aws("kms", "list-keys", "--region", region)["Keys"]:
        name = ("--key-id", listed["KeyId"], "--region", region)
        key = aws("kms", "describe-key", *name)["KeyMetadata"]
        key["Aliases"] = [alias for alias in aliases if alias.get("TargetKeyId") == listed["KeyId"]]
        if key.get("KeyManager") != "AWS":
            key["KeyPolicy"] = aws("kms", "get-key-policy", *name, "--policy-name", "default")["Policy"]
            key["Grants"] = aws("kms", "list-grants", *name)["Grants"]
            key["Tags"] = aws("kms", "list-resource-tags", *name)["Tags"]
        yield key


def trails(region: str) -> Iterator[dict[str, Any]]:
    """What CloudTrail records, asked where each trail is at home."""
    for trail in aws("cloudtrail", "describe-trails", "--region", region)["trailList"]:
        home = ("--region", trail.get("HomeRegion", region))
        status = aws("cloudtrail", "get-trail-status", "--name", trail["TrailARN"], *home)
        selectors = aws("cloudtrail", "get-event-selectors", "--trail-name", trail["TrailARN"], *home)
        yield {**selectors, **trail, "IsLogging": status["IsLogging"]}


def organization(account: str) -> dict[str, Any]:
    """Service and resource control policies at every level, root first; {} without an organization."""
    try:
        about = aws("organizations", "describe-organization")["Organization"]
    except subprocess.CalledProcessError as error:
        if "AWSOrganizationsNotInUseException" in error.stderr:
            return {}
        raise
    if about["MasterAccountId"] == account:
        return {"management": account}
    roots = aws("organizations", "list-roots")["Roots"]
    on = {kind["Type"] for root in roots for kind in root["PolicyTypes"] if kind["Status"] == "ENABLED"}
    way = [account]
    while not way[0].startswith("r-"):
        way.insert(0, aws("organizations", "list-parents", "--child-id", way[0])["Parents"][0]["Id"])
    found: dict[str, Any] = {"management": about["MasterAccountId"]}
    for name, kind in (("scps", "SERVICE_CONTROL_POLICY"), ("rcps", "RESOURCE_CONTROL_POLICY")):
        if kind in on:
            found[name] = {account: [list(attached(place, kind)) for place in way]}
    return found


def attached(place: str, kind: str) -> Iterator[dict[str, Any]]:
    """Policies of one kind at one level."""
    words = ("--target-id", place, "--filter", kind)
    for policy in aws("organizations", "list-policies-for-target", *words)["Policies"]:
        yield aws("organizations", "describe-policy", "--policy-id", policy["Id"])["Policy"]


def arguments(words: list[str]) -> tuple[Path, list[str]]:
    """Return the folder, made where there is none, and the regions; end with what is wrong before anything is asked."""
    if {"-h", "--help"} & {*words}:
        sys.stdout.write(str(__doc__))
        raise SystemExit
    wrong = [region for region in words[1:] if not re.fullmatch("[a-z]+(-[a-z]+)+-[0-9]+", region)]
    if len(words) < 2 or words[0].startswith("-") or wrong:
        why = f"{wrong[0]!r} is no region such as eu-central-1" if wrong else "a folder and a region are needed"
        raise SystemExit(f"{why}; python3 print_account.py FOLDER REGION [REGION ...], or --help")
    folder = Path(words[0])
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SystemExit(f"{folder}: the folder cannot be made: {error.strerror}") from None
    return folder, words[1:]


def main(folder: Path, regions: list[str]) -> None:
    """Write all files."""
    caller = aws("sts", "get-caller-identity")
    account, partition = caller["Account"], caller["Arn"].split(":")[1]
    found = {region: list(secrets(region)) for region in regions}
    every = {trail["TrailARN"]: trail for region in regions for trail in trails(region)}
    files: dict[str, Any] = {
        "iam": identities(),
        "secrets": {"SecretList": [one for region in regions for one in found[region]]},
        "functions": {"Functions": [one for region in regions for one in functions(region, found[region])]},
        "parameters": {"Parameters": [one for region in regions for one in parameters(region, partition, account)]},
        "keys": {"Keys": [one for region in regions for one in keys(region)]},
        "trails": {"trailList": list(every.values())},
    }
    try:
        files["organization"] = organization(account)
    except subprocess.CalledProcessError as error:
        sys.stderr.write(f"no organization.json: {error.stderr.strip()}\n")
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content, indent=1), encoding="utf-8")


if __name__ == "__main__":
    try:
        main(*arguments(sys.argv[1:]))
    except subprocess.CalledProcessError as refused:
        sys.exit(f"{' '.join(refused.cmd)}: {refused.stderr.strip()}")
    except OSError as error:
        sys.exit(f"{error.filename}: {error.strerror}; `aws` must be installed, and the folder must take files")
