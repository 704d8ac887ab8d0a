"""The commands that show a grant with AWS's own command line, each with all that its call cannot do without."""

import re
import shlex
from collections.abc import Iterator, Mapping

from cred_audit.decide.aws.model import Request, Value

_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_POLICY = "file://<policy.json>"
_BLOB = "fileb://<file>"
_PATH = "ssm:GetParametersByPath"
_CALLS = {"kms:ReEncryptFrom": "re-encrypt", "kms:ReEncryptTo": "re-encrypt"}
"""Action -> the call that asks for it, where it is not called by its own name."""
_NO_CALL = frozenset({"kms:SynchronizeMultiRegionKey"})
"""Actions that AWS itself asks for."""
_OPTIONS = {
    "secretsmanager": "--secret-id",
    "ssm": "--name",
    _PATH: "--path",
    "ssm:GetParameters": "--names",
    "ssm:DeleteParameters": "--names",
    "ssm:GetResourcePolicies": "--resource-arn",
    "ssm:PutResourcePolicy": "--resource-arn",
    "ssm:DeleteResourcePolicy": "--resource-arn",
    "ssm:ListTagsForResource": "--resource-type Parameter --resource-id",
    "ssm:AddTagsToResource": "--resource-type Parameter --resource-id",
    "ssm:RemoveTagsFromResource": "--resource-type Parameter --resource-id",
    "kms": "--key-id",
    "kms:ReEncryptFrom": "--source-key-id",
    "kms:ReEncryptTo": "--destination-key-id",
    "kms:CreateAlias": "--target-key-id",
    "kms:UpdateAlias": "--target-key-id",
    "sts:AssumeRole": "--role-arn",
}
"""Service or action -> the options that name the thing."""
_MORE = {
    "secretsmanager:PutResourcePolicy": f"--resource-policy {_POLICY}",
    "secretsmanager:PutSecretValue": "--secret-string <value>",
    "secretsmanager:RemoveRegionsFromReplication": "--remove-replica-regions <region>",
    "secretsmanager:ReplicateSecretToRegions": "--add-replica-regions Region=<region>",
    "secretsmanager:UpdateSecret": "--description <text>",
    "secretsmanager:UpdateSecretVersionStage": "--version-stage <label> --move-to-version-id <version>",
    "secretsmanager:ValidateResourcePolicy": f"--resource-policy {_POLICY}",
    "ssm:DeleteResourcePolicy": "--policy-id <id> --policy-hash <hash>",
    "ssm:GetParameter": "--with-decryption",
    "ssm:GetParameterHistory": "--with-decryption",
    "ssm:GetParameters": "--with-decryption",
    _PATH: "--recursive --with-decryption",
    "ssm:LabelParameterVersion": "--labels <label>",
    "ssm:PutParameter": "--value <value> --overwrite",
    "ssm:PutResourcePolicy": f"--policy {_POLICY}",
    "ssm:UnlabelParameterVersion": "--parameter-version <version> --labels <label>",
    "kms:CreateAlias": "--alias-name alias/<name>",
    "kms:CreateGrant": "--grantee-principal <arn> --operations Decrypt",
    "kms:Decapsulate": f"--shared-secret-ciphertext-blob {_BLOB} --encapsulation-algorithm <algorithm>",
    "kms:Decrypt": f"--ciphertext-blob {_BLOB}",
    "kms:DeriveSharedSecret": f"--key-agreement-algorithm ECDH --public-key {_BLOB}",
    "kms:Encapsulate": "--encapsulation-algorithm <algorithm>",
    "kms:Encrypt": f"--plaintext {_BLOB}",
    "kms:GenerateDataKey": "--key-spec AES_256",
    "kms:GenerateDataKeyPair": "--key-pair-spec RSA_2048",
    "kms:GenerateDataKeyPairWithoutPlaintext": "--key-pair-spec RSA_2048",
    "kms:GenerateDataKeyWithoutPlaintext": "--key-spec AES_256",
    "kms:GenerateMac": f"--message {_BLOB} --mac-algorithm HMAC_SHA_256",
    "kms:GetParametersForImport": "--wrapping-algorithm RSAES_OAEP_SHA_256 --wrapping-key-spec RSA_2048",
    "kms:ImportKeyMaterial": f"--import-token {_BLOB} --encrypted-key-material {_BLOB}",
    "kms:PutKeyPolicy": f"--policy {_POLICY}",
    "kms:ReEncryptFrom": f"--destination-key-id <key> --ciphertext-blob {_BLOB}",
    "kms:ReEncryptTo": f"--ciphertext-blob {_BLOB}",
    "kms:ReplicateKey": "--replica-region <region>",
    "kms:RevokeGrant": "--grant-id <id>",
    "kms:ScheduleKeyDeletion": "--pending-window-in-days 30",
    "kms:Sign": f"--message {_BLOB} --signing-algorithm <algorithm>",
    "kms:UpdateAlias": "--alias-name alias/<name>",
    "kms:UpdateKeyDescription": "--description <text>",
    "kms:UpdatePrimaryRegion": "--primary-region <region>",
    "kms:Verify": f"--message {_BLOB} --signature {_BLOB} --signing-algorithm <algorithm>",
    "kms:VerifyMac": f"--message {_BLOB} --mac {_BLOB} --mac-algorithm HMAC_SHA_256",
    "sts:AssumeRole": "--role-session-name <name>",
}
"""What else a call cannot do without; `<...>` is to be filled in, and no shell takes it as it stands."""
_WITHOUT_THE_THING = {"kms:DeleteAlias": "--alias-name alias/<name>"}
"""Calls that do not name the thing."""
_TAGS = {
    "secretsmanager:TagResource": ("--tags", "Key", "Value"),
    "ssm:AddTagsToResource": ("--tags", "Key", "Value"),
    "kms:TagResource": ("--tags", "TagKey", "TagValue"),
    "sts:AssumeRole": ("--tags", "Key", "Value"),
}
"""Calls that set tags -> the option, and how it spells a tag."""
_TAG_KEYS = frozenset({"secretsmanager:UntagResource", "ssm:RemoveTagsFromResource", "kms:UntagResource"})
_CONTEXT = "kms:encryptioncontext:"
_SOURCE = frozenset({"kms:ReEncryptFrom"})
_ENCRYPTED = frozenset({
    "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext",
    "kms:GenerateDataKeyPair", "kms:GenerateDataKeyPairWithoutPlaintext",
})  # fmt: skip
"""Calls that take an encryption context as such."""


def reproduce_of(agent: str, requests: tuple[Request, ...]) -> str:
    """Return a command that sends the first request, with the agent's own credentials. `agent`: TENANT/AGENT.

    Without a call of AWS's command line that fits it is the question to this tool.
    """
    request = requests[0]
    service, _, name = request.action.partition(":")
    region = str(request.context.get("aws:RequestedRegion", ""))
    at = ("--region", shlex.quote(region)) if region else ()
    if request.resource == "*":
        words = "resourcegroupstaggingapi" if service == "tag" else service
        return " ".join(("aws", words, _kebab(name), *at))
    call = ("aws", service, _CALLS.get(request.action) or _kebab(name))
    if request.action in _WITHOUT_THE_THING:
        return " ".join((*call, _WITHOUT_THE_THING[request.action], *at))
    option = _OPTIONS.get(request.action) or _OPTIONS.get(service)
    if option is None or request.action in _NO_CALL:
        asked = ("cred-audit", "ask", "aws", "TARGET", "--agent", agent, request.action, request.resource)
        return " ".join(map(shlex.quote, asked))
    more = _MORE.get(request.action, "")
    return " ".join(filter(None, (*call, option, shlex.quote(_named(request, option)), more, *_given(request), *at)))


def _kebab(name: str) -> str:
    return _CAPITAL.sub("-", name).lower()


def _named(request: Request, option: str) -> str:
    """Return how the call names the thing; a parameter's name begins with a slash where it holds another."""
    if not request.action.startswith("ssm:") or option == "--resource-arn":
        return request.resource
    name = request.resource.partition(":parameter/")[2]
    return f"/{name}" if "/" in name or request.action == _PATH else name


def _given(request: Request) -> Iterator[str]:
    """Yield what the witness says of the request: tags, encryption context, external id."""
    if request.action in _TAGS:
        option, key, value = _TAGS[request.action]
        tags = [shlex.quote(f"{key}={tag},{value}={text}") for tag, text in request.request_tags.items()]
        if tags or request.action != "sts:AssumeRole":
            yield " ".join((option, *(tags or (f"{key}=<key>,{value}=<value>",))))
    if request.action in _TAG_KEYS:
        keys = _texts(_value(request.context, "aws:tagkeys"))
        yield " ".join(("--tag-keys", *(map(shlex.quote, keys) if keys else ("<key>",))))
    pairs = {
        name[len(_CONTEXT) :]: text
        for name, value in request.context.items()
        if name.lower().startswith(_CONTEXT)
        for text in _texts(value)
    }
    if pairs and request.action in _ENCRYPTED | _SOURCE:
        option = "--source-encryption-context" if request.action in _SOURCE else "--encryption-context"
        yield " ".join((option, *(shlex.quote(f"{name}={text}") for name, text in pairs.items())))
    external = _texts(_value(request.context, "sts:externalid")) if request.action == "sts:AssumeRole" else ()
    if external:
        yield f"--external-id {shlex.quote(external[0])}"


def _value(context: Mapping[str, Value], key: str) -> Value:
    return next((value for name, value in context.items() if name.lower() == key), ())


def _texts(value: Value) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)
