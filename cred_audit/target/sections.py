"""The keys of the parts that other sources than Vault have: aws, platform, logs, declared, authorization."""

from cred_audit.target.record import Field, ListOr, Many, Named, Record
from cred_audit.target.shape import Anything, Flag, Moment, Number, PathText, Text
from cred_audit.target.terms import ACCOUNT, DURATION, HOST, PATH, TAGS, TEXT, URL

_READER_ARN = Text(
    pattern=r"arn:aws[a-z-]*:iam::(?:[0-9]{12}|\{account\}):role/[^\s]+",
    what="the ARN of a role, {account} in it where there are several accounts",
)
_AT_BASE = Text(pattern=r"/[^\s]*", what="a path at base_url that begins with '/'")
_HEADER = Text(pattern=r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", what="the name of a header")
_TOKEN_FORMAT = Text(pattern=r"[^\r\n]*\{token\}[^\r\n]*", what="a text with {token} in it", secret=True)
_SKIPPED = Text(pattern=r"[A-Z*]+ /[^\s]*", what="a method and a path such as `DELETE /v2/*`")
_RATE = Text(pattern=r"[0-9]{1,6}(?:\.[0-9]{1,3})?/(?:s|m|h)", what="a rate such as 5/s")
_HOURS = Text(
    pattern=r"(?:[01][0-9]|2[0-3]):[0-5][0-9]-(?:[01][0-9]|2[0-4]):[0-5][0-9]", what="hours such as 22:00-06:00"
)
_LOG_FORMAT = Text(choices=("vault-audit", "cloudtrail", "litellm", "openai-usage", "anthropic-usage", "generic"))

_FILES = ListOr(Many(PATH, most=1_000), PATH)
"""One file, or several: one a region, one a plan. An empty list says that there is nothing of the kind."""
_NAME = Text(pattern=r"[A-Za-z0-9+=,.@_/-]{1,512}", what="the name of a role or user, with its path: teams/a/agent")
_PRINCIPAL_FILES = Record(
    name="aws-principal-files",
    says="a principal's files",
    fields=(
        Field("policies", ListOr(Many(PATH, most=1_000), PATH), "Its policy documents, one a file."),
        Field("trust", PATH, "A role's trust policy; left out: not known."),
        Field("boundary", PATH, "Its permissions boundary; left out: none."),
        Field("tags", TAGS, "Its tags; left out: none."),
    ),
)
_ACCOUNT_FILES = Record(
    name="aws-account-files",
    says="an account's files",
    fields=(
        Field("authorization_details", _FILES, "iam get-account-authorization-details."),
        Field("secrets", _FILES, '{"SecretList": [...]}: describe-secret answers with their ResourcePolicy.'),
        Field("keys", _FILES, '{"Keys": [{"Arn", "KeyPolicy", "Grants", "Tags"}]}.'),
        Field("parameters", _FILES, "ssm describe-parameters, each with its Tags."),
        Field("functions", _FILES, '{"Functions": [lambda get-function-configuration answers]}, of those that rotate.'),
        Field("trails", _FILES, '{"trailList": [...]}: describe-trails, each with IsLogging and its event selectors.'),
        Field("terraform", _FILES, "terraform show -json: a plan's IAM, secrets, parameters and keys."),
        Field(
            "roles",
            Named(of=_PRINCIPAL_FILES, keys=_NAME.pattern, keys_are=_NAME.what),
            "Roles by name, from plain policy files.",
        ),
        Field(
            "users",
            Named(of=_PRINCIPAL_FILES, keys=_NAME.pattern, keys_are=_NAME.what),
            "Users by name, from plain policy files.",
        ),
    ),
)
AWS = Record(
    name="aws",
    says="the AWS source",
    fields=(
        Field("profile", TEXT, "Profile of the AWS configuration; left out: boto3's own chain."),
        Field("regions", Many(TEXT, least=1), "Regions to read."),
        Field("role_arn", _READER_ARN, "Role to read with; {account} is replaced by each of `accounts`."),
        Field("endpoint_url", URL, "Address of an emulator."),
        Field(
            "accounts",
            ListOr(Many(ACCOUNT, least=1), Named(of=ACCOUNT, least=1)),
            "Ids of the accounts to read, as a list or by name.",
        ),
        Field(
            "files",
            Record(
                name="aws-files",
                says="AWS files",
                fields=(Field("organization", PATH, '{"scps": {...}, "rcps": {...}}; left out: not known.'),),
                rest_is="the 12 digits of an account in quotes",
                rest=Field(
                    r"[0-9]{12}", _ACCOUNT_FILES, "The JSON that `aws ... --output json` printed for this account."
                ),
            ),
            "Offline: files by account.",
        ),
    ),
    apart=(("profile", "files"), ("role_arn", "files"), ("endpoint_url", "files")),
)

_METHOD = Text(pattern=r"[A-Za-z]{1,20}", what="an HTTP method")
_REQUEST_FIELDS = (
    Field("json", Anything(), "The body. A text that is one placeholder only takes the value with its type."),
    Field("headers", Named(of=Text(empty=True)), "More headers."),
    Field("query", Named(of=Text(empty=True)), "The query."),
)
_REQUEST = Record(
    name="request",
    says="a request",
    fields=(
        Field("method", _METHOD, "HTTP method.", required=True),
        Field("path", _AT_BASE, "Path at base_url; {name} is filled in.", required=True),
        *_REQUEST_FIELDS,
    ),
)
_FIELDS = Named(of=TEXT, least=1)
PLATFORM = Record(
    name="platform",
    says="the platform source",
    fields=(
        Field("base_url", URL, "Address of the platform's API.", required=True),
        Field(
            "auth",
            Record(
                name="platform-auth",
                says="the platform's authentication",
                fields=(
                    Field("header", _HEADER, "Header that carries an agent's token."),
                    Field("format", _TOKEN_FORMAT, "Its value: `Bearer {token}`."),
                ),
            ),
            "How an agent's token is sent.",
        ),
        Field(
            "openapi", PathText(url_path=True), "OpenAPI document: a path at base_url (it begins with '/') or a file."
        ),
        Field("har", PATH, "Recorded traffic (HAR file) instead."),
        Field("endpoints", Many(_REQUEST, least=1), "The endpoints, written out, instead."),
        Field(
            "parameters", Named(of=TEXT), "Which parameter carries which kind of id; guessed from names where left out."
        ),
        Field("skip", Many(_SKIPPED), "Requests never sent."),
        Field(
            "call",
            Record(
                name="platform-call",
                says="the model call",
                fields=(
                    Field("request", _REQUEST, "One cheap model call.", required=True),
                    Field(
                        "provider_headers",
                        Text(null=True, empty=True),
                        "Prefix under which the provider's headers come back; null: they do not.",
                    ),
                ),
            ),
            "One cheap model call; {prompt} and {marker} come from the probe.",
        ),
        Field(
            "usage",
            Record(
                name="platform-usage",
                says="the usage",
                fields=(
                    Field("request", _REQUEST, "Reads the tenant's usage.", required=True),
                    Field("records", TEXT, "Where the list is in the answer: data, data.items."),
                    Field("fields", _FIELDS, "Which field of a record holds marker, credential and time."),
                    Field("lag", DURATION, "How late a call appears."),
                ),
            ),
            "How usage is read.",
        ),
        Field(
            "rotation",
            Record(
                name="platform-rotation",
                says="the rotation",
                fields=(
                    Field("request", _REQUEST, "Rotates the tenant's credential.", required=True),
                    Field("state", _REQUEST, "Reads the credential's state.", required=True),
                    Field("version", TEXT, "Field of the state that names the version."),
                    Field(
                        "use_version",
                        Record(
                            name="platform-use-version", says="the way to ask for a version", fields=_REQUEST_FIELDS
                        ),
                        "Merged into `call` to ask for an old version; {version} is filled in.",
                    ),
                    Field("grace", DURATION, "How long an old version stays valid."),
                ),
            ),
            "How a credential is rotated.",
        ),
        Field(
            "byoc",
            Record(
                name="platform-byoc",
                says="bring your own credentials",
                fields=(
                    Field("set_endpoint", _REQUEST, "Sets the credential's provider address; {url} is filled in."),
                    Field("set_key", _REQUEST, "Sets the credential's key; {key} is filled in."),
                    Field("features", Named(of=_REQUEST, least=1), "Requests of each feature that calls a model."),
                    Field("background_wait", DURATION, "How long background calls may take."),
                    Field(
                        "canary",
                        Record(
                            name="platform-canary",
                            says="the canary endpoint",
                            fields=(
                                Field("listen", HOST, "Address to listen on: 127.0.0.1:0.", required=True),
                                Field("public_url", URL, "Address under which the platform reaches it.", required=True),
                            ),
                        ),
                        "The endpoint that stands for the tenant's own provider.",
                    ),
                ),
            ),
            "How a tenant brings its own credentials.",
        ),
    ),
    apart=(("openapi", "har"), ("openapi", "endpoints"), ("har", "endpoints")),
)
LOG = Record(
    name="log",
    says="a log",
    fields=(
        Field("format", _LOG_FORMAT, "Format of the files.", required=True),
        Field("path", PathText(glob=True), "Files; * and ** are patterns.", required=True),
        Field("mapping", Named(of=TEXT, least=1), "generic: which field of a record holds what."),
    ),
)
DECLARED = Record(
    name="declared",
    says="a declaration",
    fields=(
        Field("service", TEXT, "Service that agents use: openai, vault ...", required=True),
        Field(
            "isolation",
            Text(choices=("shared", "per-tenant")),
            "What the vendor says of its credentials.",
            required=True,
        ),
        Field("justification", TEXT, "Why they are shared."),
        Field("mitigations", Many(TEXT), "What limits the sharing."),
        Field("mechanism", TEXT, "What keeps tenants apart: namespace, account, byoc ..."),
    ),
)
AUTHORIZATION = Record(
    name="authorization",
    says="the authorization",
    fields=(
        Field("by", TEXT, "Who allowed live probes, in free text.", required=True),
        Field("until", Moment(), "Until when; a day counts to its end (UTC).", required=True),
        Field("hosts", Many(HOST, least=1), "Hosts in scope with their ports, provider hosts included.", required=True),
        Field("tenants", Many(TEXT, least=1), "Test tenants, by id.", required=True),
        Field("max_requests", Number(least=1, whole=True), "Most requests of one run."),
        Field("max_rate", _RATE, "Most requests per time."),
        Field("writes", Flag(), "Whether requests may change something; default: no."),
        Field("methods", Many(_METHOD), "HTTP methods that may be sent."),
        Field("hours", _HOURS, "Hours of the day (UTC) in which probes may run."),
        Field("stop_file", PathText(anywhere=True), "Probes stop when this file exists."),
    ),
)
