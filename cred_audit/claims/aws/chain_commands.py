"""The shell commands that replay a chain of requests to AWS, each with all that its call cannot do without."""

import shlex

from cred_audit.claims.aws.commands import reproduce_of
from cred_audit.decide.aws.chains import Chain
from cred_audit.decide.aws.model import Request
from cred_audit.decide.aws.ways import ADMINISTRATOR, ADMINISTRATOR_ARN, name_of

_DOCUMENT = f"--policy-document {shlex.quote(ADMINISTRATOR)}"
_NAMED = {"role": "--role-name", "user": "--user-name", "group": "--group-name"}
_INLINE = f"--policy-name cred-audit {_DOCUMENT}"
_BOUNDARY = "--permissions-boundary <arn>"
_MORE = {
    "AddUserToGroup": "--user-name <name>",
    "CreatePolicyVersion": f"--set-as-default {_DOCUMENT}",
    "CreateLoginProfile": "--password <password>",
    "CreateServiceSpecificCredential": "--service-name <service>",
    "DeactivateMFADevice": "--serial-number <number>",
    "DeleteAccessKey": "--access-key-id <id>",
    "DeletePolicy": "",
    "DeletePolicyVersion": "--version-id <version>",
    "DeleteSSHPublicKey": "--ssh-public-key-id <id>",
    "DeleteServiceSpecificCredential": "--service-specific-credential-id <id>",
    "DeleteSigningCertificate": "--certificate-id <id>",
    "EnableMFADevice": "--serial-number <number> --authentication-code1 <code> --authentication-code2 <code>",
    "RemoveUserFromGroup": "--user-name <name>",
    "ResetServiceSpecificCredential": "--service-specific-credential-id <id>",
    "SetDefaultPolicyVersion": "--version-id <version>",
    "UpdateAccessKey": "--access-key-id <id> --status Inactive",
    "UpdateAssumeRolePolicy": "--policy-document file://<policy.json>",
    "UpdateGroup": "--new-group-name <name>",
    "UpdateLoginProfile": "--password <password>",
    "UpdateRole": "--description <text>",
    "UpdateSSHPublicKey": "--ssh-public-key-id <id> --status Inactive",
    "UpdateServiceSpecificCredential": "--service-specific-credential-id <id> --status Inactive",
    "UpdateSigningCertificate": "--certificate-id <id> --status Inactive",
    "UpdateUser": "--new-user-name <name>",
    "UploadSSHPublicKey": "--ssh-public-key-body file://<key>",
    "UploadSigningCertificate": "--certificate-body file://<certificate>",
}
"""What else a call of IAM cannot do without; `<...>` is to be filled in."""
_OF_THREE = (
    ("Attach", "Policy", ""),
    ("Detach", "Policy", "--policy-arn <arn>"),
    ("Delete", "PermissionsBoundary", ""),
    ("Delete", "Policy", "--policy-name <name>"),
    ("Put", "PermissionsBoundary", _BOUNDARY),
    ("Put", "Policy", _INLINE),
    ("Untag", "", "--tag-keys <key>"),
    ("Tag", "", "--tags Key=<key>,Value=<value>"),
)
"""The same of calls that there are for roles, users and groups: what they begin and end with."""


def commands_of(chain: Chain, agent: str) -> str:
    """Return the commands, with the agent's credentials in the environment (they need jq). `agent`: TENANT/AGENT."""
    lines = []
    holders = {chain.steps[0].holder if chain.steps else chain.holder: ""}
    for step in chain.steps:
        if not step.command:
            lines.append(f"# {step.shows}, which takes no call of its own")
            continue
        command = _by(_shell(step.command), holders.get(step.holder, ""))
        if step.gives:
            name = f"session{len(holders)}"
            holders[step.gives] = name
            lines.append(f"{name}=$({command})")
        else:
            lines.append(command)
    last = _shell(chain.command) if chain.command else command_of(chain.last[0], agent)
    lines.append(_by(last, holders.get(chain.holder, "")))
    return "\n".join(lines)


def _shell(words: tuple[str, ...]) -> str:
    return " ".join(["aws", *map(shlex.quote, words)])


def _by(command: str, session: str) -> str:
    """Return a command that uses the credentials of a session."""
    if not session:
        return command
    fields = (("AWS_ACCESS_KEY_ID", "AccessKeyId"), ("AWS_SECRET_ACCESS_KEY", "SecretAccessKey"),
              ("AWS_SESSION_TOKEN", "SessionToken"))  # fmt: skip
    given = " ".join(f'{name}=$(echo "${session}" | jq -r .Credentials.{field})' for name, field in fields)
    return f"{given} {command}"


def command_of(request: Request, agent: str) -> str:
    """Return the command that sends a request; what the witness does not say of the call is to be filled in."""
    service, _, name = request.action.partition(":")
    end = request.resource.split(":", 5)[5] if request.resource.count(":") > 4 else ""
    if service != "iam" or not end:
        return reproduce_of(agent, (request,))
    kind, _, _ = end.partition("/")
    option, given = (_NAMED[kind], name_of(end)) if kind in _NAMED else ("--policy-arn", request.resource)
    call = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in _split(name)).lstrip("-")
    return " ".join(filter(None, ("aws", "iam", call, option, shlex.quote(given), _rest(request, name))))


def _split(name: str) -> str:
    """Return the name of a call with its abbreviations written as words."""
    return name.replace("MFADevice", "MfaDevice").replace("SSHPublic", "SshPublic")


def _rest(request: Request, name: str) -> str:
    context = {key.lower(): value for key, value in request.context.items()}
    if name in _MORE:
        return _MORE[name]
    start, end, more = next((one for one in _OF_THREE if name.startswith(one[0]) and name.endswith(one[1])), ("",) * 3)
    if start == "Attach":
        policy = context.get("iam:policyarn", ADMINISTRATOR_ARN)
        return f"--policy-arn {shlex.quote(policy if isinstance(policy, str) else ADMINISTRATOR_ARN)}"
    boundary = context.get("iam:permissionsboundary")
    if more == _BOUNDARY and isinstance(boundary, str):
        return f"--permissions-boundary {shlex.quote(boundary)}"
    tags = tuple(shlex.quote(f"Key={key},Value={value}") for key, value in sorted(request.request_tags.items()))
    if start == "Tag" and not end and tags:
        return f"--tags {' '.join(tags)}"
    keys = context.get("aws:tagkeys")
    if start == "Untag" and keys:
        return f"--tag-keys {' '.join(map(shlex.quote, (keys,) if isinstance(keys, str) else keys))}"
    return more
