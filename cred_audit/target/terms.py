"""The kinds of values that several parts of a target file share."""

from cred_audit.target.record import Field, Many, Named, Record, Secret
from cred_audit.target.shape import Number, NumberOr, PathText, Text

TEXT = Text()
ID = Text(
    pattern=r"[^\s\u0000-\u001f\u007f-\u009f](?:[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f])?",
    what="a name without control characters or spaces around it",
    longest=256,
)
PATH = PathText()
NAMESPACE = Text(
    pattern=r"/?(?:[^/\s*+\u0000-\u001f\u007f]+(?:/[^/\s*+\u0000-\u001f\u007f]+)*)?/?",
    what="the path of a namespace such as tenants/acme (empty: the root)",
    empty=True,
)
MOUNT = r"/?[^/*+\u0000-\u001f\u007f]+(?:/[^/*+\u0000-\u001f\u007f]+)*/?"
"""Pattern of the path of a mount."""
URL = Text(
    pattern=r"https?://[^\s@/?#]+(?:[/?#][^\s]*)?",
    what="an address such as https://host:8200, without user or password",
    secret=True,
)
HOST = Text(
    pattern=r"(?:\[[0-9a-fA-F:.]+\]|[^\s/@:\[\]]+):[0-9]{1,5}", what="a host with its port: agents.example.test:443"
)
DURATION = NumberOr(
    Number(most=86_400),
    Text(pattern=r"[0-9]{1,9}(?:\.[0-9]{1,3})?(?:ms|s|m|h)", what="a number of seconds or a duration such as 30s"),
)
ACCOUNT = Text(pattern=r"[0-9]{12}", what="the 12 digits of an AWS account")
TAGS = Named(of=Text(empty=True), least=1)

_VARIABLE = Text(pattern=r"[A-Za-z_][A-Za-z0-9_]*", what="the name of an environment variable", secret=True)
_ARGUMENT = Text(pattern=r"[^\u0000]+", what="a text without NUL", secret=True)
SECRET = Secret(
    Record(
        name="secret",
        says="a secret reference",
        whole=True,
        fields=(
            Field("env", _VARIABLE, "Name of the environment variable that holds the secret."),
            Field("file", PathText(anywhere=True), "File that holds the secret; relative to the target file."),
            Field(
                "command",
                Many(_ARGUMENT, least=1, most=100, secret=True),
                "Program and arguments that print the secret; no shell; needs --allow-commands.",
            ),
        ),
        any_of=("env", "file", "command"),
        apart=(("env", "file"), ("env", "command"), ("file", "command")),
    )
)

PROVIDER = Record(
    name="provider",
    says="a provider's account",
    fields=(
        Field("vendor", TEXT, "Name of the provider: openai, anthropic ...", required=True),
        Field("base_url", URL, "Address of its API."),
        Field("admin_key", SECRET, "Key that may read usage and keys."),
    ),
)
