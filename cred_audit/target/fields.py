"""Every key of a target file: the one table that the loader checks with and the JSON Schema is printed from."""

from cred_audit.target.record import Field, ListOr, Many, Merged, Named, Partial, Record, Row, TextOrSecret
from cred_audit.target.sections import AUTHORIZATION, AWS, DECLARED, LOG, PLATFORM
from cred_audit.target.shape import Flag, Moment, Number, PathText, Text, Version
from cred_audit.target.terms import ACCOUNT, DURATION, ID, MOUNT, NAMESPACE, PATH, PROVIDER, SECRET, TAGS, TEXT, URL

MOST_TENANTS = 1_000_000

_LOGIN = Text(
    pattern=r"auth/[^\s\u0000-\u001f\u007f]+/(?:role|roles|users|groups|certs)/[^/\u0000-\u001f\u007f]+",
    what="auth/<mount>/role/<name> (or roles, users, groups, certs)",
)
_ROLE_ARN = Text(pattern=r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[^\s]+", what="the ARN of an IAM role")
_USER_ARN = Text(pattern=r"arn:aws[a-z-]*:iam::[0-9]{12}:user/[^\s]+", what="the ARN of an IAM user")
_MOUNT = Text(pattern=MOUNT, what="the path of a KV mount such as secret")
_PREFIX = Text(
    pattern=r"(?:[^/*\u0000-\u001f\u007f](?:[^\u0000-\u001f\u007f]*[^*\u0000-\u001f\u007f])?)?",
    what="the literal start of the keys, such as acme/, without a leading '/' or a final '*'",
    empty=True,
)
_API_PATH = Text(
    pattern=r"[^*\u0000-\u001f\u007f]+\*?|\*",
    what="a path in Vault's syntax: '+' is one segment, '*' stands only at the end",
)
_ARN = Text(pattern=r"arn:[^\s]+", what="an ARN, with * and ? where needed")
_VERSION = Text(pattern=r"v?[0-9]+(?:\.[0-9]+)*(?:[-+][0-9A-Za-z.+-]+)?", what="a version such as 2.7.2")

_AGENT_VAULT = Record(
    name="agent-vault",
    says="an agent's principal in Vault",
    fields=(
        Field("role", _LOGIN, "What a login there gets today: auth/<mount>/role|roles|users|groups|certs/<name>."),
        Field("entity", TEXT, "Name of an identity entity."),
        Field(
            "policies",
            Many(TEXT),
            "The token's own policies; alone: exactly these (name `default` if the tokens carry it).",
        ),
        Field("token", SECRET, "A token of the agent, looked up on the server."),
        Field("namespace", NAMESPACE, "Namespace of the role, entity, policies or token; empty for the root."),
    ),
    any_of=("role", "entity", "policies", "token"),
    apart=(("role", "entity"), ("role", "policies"), ("role", "token"), ("entity", "token"), ("policies", "token")),
)
_AGENT_AWS = Record(
    name="agent-aws",
    says="an agent's principal in AWS",
    fields=(
        Field("role", _ROLE_ARN, "ARN of the role that the agent takes."),
        Field("user", _USER_ARN, "ARN of the agent's user."),
        Field("session_tags", TAGS, "Tags of the role's session."),
        Field("session_name", TEXT, "Name of the role's session; left out: free."),
    ),
    any_of=("role", "user"),
    apart=(("role", "user"), ("user", "session_tags"), ("user", "session_name")),
)
_AGENT_PLATFORM = Record(
    name="agent-platform",
    says="an agent's user of the platform",
    fields=(Field("token", SECRET, "Token that the platform's API takes.", required=True),),
)
AGENT = Record(
    name="agent",
    says="an agent",
    fields=(
        Field("id", ID, "Name of the agent, unique in its tenant; left out: the tenant's id."),
        Field("vault", _AGENT_VAULT, "Who the agent is in Vault or OpenBao."),
        Field("aws", _AGENT_AWS, "Who the agent is in AWS."),
        Field("platform", _AGENT_PLATFORM, "Who the agent is on the platform."),
    ),
)

_TERRITORY_VAULT = Record(
    name="territory-vault",
    says="a Vault territory",
    fields=(
        Field("kv", _MOUNT, "Mount of a KV engine: every API path of these secrets, of either version."),
        Field(
            "prefix",
            _PREFIX,
            "Start of the keys, taken literally: `acme` also owns `acme-eu/`. Left out: the whole mount.",
        ),
        Field("paths", Many(_API_PATH, least=1), "API paths in Vault's own syntax, for engines other than KV."),
        Field(
            "namespace",
            NAMESPACE,
            "Alone: everything in the namespace and below it. Beside `kv` or `paths`: where they are.",
        ),
    ),
    any_of=("kv", "paths", "namespace"),
    apart=(("kv", "paths"),),
    needs={"prefix": ("kv",)},
)
_TERRITORY_AWS = Record(
    name="territory-aws",
    says="an AWS territory",
    fields=(
        Field("tags", TAGS, "Secrets, parameters and keys with all of these tags."),
        Field("arns", Many(_ARN, least=1), "Resources by ARN pattern."),
        Field("account", ACCOUNT, "Everything in an account."),
    ),
    any_of=("tags", "arns", "account"),
    apart=(("tags", "arns"), ("tags", "account"), ("arns", "account")),
)
_TERRITORY_PLATFORM = Record(
    name="territory-platform",
    says="a platform territory",
    fields=(
        Field(
            "ids",
            Named(of=TEXT, keys=r"[A-Za-z_][A-Za-z0-9_]*", keys_are="letters, digits and _"),
            "The tenant's own objects for the probes; each name is usable as {name} in requests.",
        ),
        Field(
            "canaries",
            Many(TextOrSecret(TEXT, SECRET)),
            "Texts that only this tenant's data hold; secret ones as references.",
        ),
        Field("own_provider", PROVIDER, "The tenant's own account at a provider."),
    ),
)
TERRITORY = Record(
    name="territory",
    says="a territory",
    fields=(
        Field("vault", Many(_TERRITORY_VAULT), "What belongs to the tenant in Vault or OpenBao."),
        Field("aws", Many(_TERRITORY_AWS), "What belongs to the tenant in AWS."),
        Field("platform", _TERRITORY_PLATFORM, "What belongs to the tenant on the platform."),
        Field(
            "credentials",
            Many(
                Record(
                    name="credential",
                    says="a credential",
                    fields=(
                        Field("provider", TEXT, "Name of the provider.", required=True),
                        Field("id", TEXT, "Id of the credential at the provider, not its value.", required=True),
                    ),
                )
            ),
            "Provider credentials that belong to the tenant.",
        ),
    ),
)
TENANT = Record(
    name="tenant",
    says="a tenant",
    whole=True,
    fields=(
        Field("id", ID, "Name of the tenant, unique in the target.", required=True),
        Field("agents", Many(AGENT, merged=True), "The tenant's acting principals."),
        Field("territory", TERRITORY, "What belongs to the tenant."),
    ),
)
TABLE = Record(
    name="tenant-table",
    says="a table of tenants",
    whole=True,
    fields=(
        Field("from", PathText(), "The table: a .csv file with a header, or an .ndjson file.", required=True),
        Field("each", Row(TENANT), "One tenant per row; `{{ column }}` in a text is filled in.", required=True),
    ),
)
DEFAULTS = Record(
    name="defaults",
    says="the defaults",
    fields=(
        Field(
            "agent",
            Partial(AGENT),
            "Merged into each agent; a tenant without `agents` gets one such agent. The agent's own values win.",
        ),
        Field(
            "territory",
            Partial(TERRITORY),
            "Merged into each territory. The tenant's own values win; a list replaces a list.",
        ),
    ),
)

_MOUNTS = Named(
    of=Record(
        name="mount",
        says="a mount",
        fields=(
            Field("type", TEXT, "Type of the secrets engine: kv, transit, database ...", required=True),
            Field("version", Number(least=1, most=2, whole=True), "Version of a KV engine."),
        ),
    ),
    keys=MOUNT,
    keys_are="the path of a mount such as secret/",
)
VAULT = Record(
    name="vault",
    says="the Vault source",
    fields=(
        Field("address", URL, "Address of the server; left out: VAULT_ADDR."),
        Field("ca_cert", PathText(anywhere=True), "File of the certificate authority; left out: VAULT_CACERT."),
        Field("namespace", NAMESPACE, "Namespace that the audit's token belongs to; left out: VAULT_NAMESPACE."),
        Field("timeout", DURATION, "Time for one request, in seconds or as 30s."),
        Field("token", SECRET, "The audit's token; left out: VAULT_TOKEN."),
        Field(
            "policies",
            Named(of=PATH, keys=NAMESPACE.pattern, keys_are="the path of a namespace", least=1),
            "Offline: namespace -> folder of .hcl and .json files, one policy each.",
        ),
        Field("bundle", PATH, "Offline: what `cred-audit collect` wrote."),
        Field(
            "server",
            Record(
                name="server",
                says="the server",
                fields=(
                    Field("product", Text(choices=("openbao", "vault")), "Which product."),
                    Field("version", _VERSION, "Which version."),
                ),
            ),
            "Offline: product and version of the server that the files stand for.",
        ),
        Field("mounts", _MOUNTS, "Offline: the secrets engines of the root namespace."),
        Field(
            "namespaces",
            Named(
                of=Record(
                    name="namespace",
                    says="a namespace",
                    fields=(Field("mounts", _MOUNTS, "The secrets engines of this namespace."),),
                ),
                keys=NAMESPACE.pattern,
                keys_are="the path of a namespace",
            ),
            "Offline: the other namespaces.",
        ),
    ),
    apart=(("address", "policies"), ("address", "bundle"), ("token", "policies"), ("token", "bundle")),
    needs=dict.fromkeys(("server", "mounts", "namespaces"), ("policies", "bundle")),
)

_ACCEPTED = Record(
    name="accepted",
    says="an accepted risk",
    fields=(
        Field("check", TEXT, "Id of the check.", required=True),
        Field("subject", TEXT, "Subject or id of the finding, as `scan` prints it.", required=True),
        Field("reason", TEXT, "Why the risk is accepted.", required=True),
        Field("ticket", TEXT, "Where it was decided."),
        Field("until", Moment(), "Last day, or time, on which it counts."),
    ),
)
TENANTS = ListOr(Many(TENANT, least=1, most=MOST_TENANTS, merged=True), TABLE)
ROOT = Record(
    name="target",
    says="the target",
    fields=(
        Field("schema", Version(1), "Version of this format.", required=True),
        Field("name", Text(longest=256), "Name of the target, for reports.", required=True),
        Field("tenants", Merged(TENANTS), "The tenants, or a table of them.", required=True),
        Field(
            "others",
            Flag(),
            "Whether what no declared tenant owns is a territory too; default: if there is one tenant.",
        ),
        Field("defaults", DEFAULTS, "What all tenants share, written once."),
        Field("vault", VAULT, "Vault or OpenBao; left out: not audited."),
        Field("aws", AWS, "AWS; left out: not audited."),
        Field("platform", PLATFORM, "The platform's own API; left out: not audited."),
        Field("providers", Many(PROVIDER), "Providers' accounts of the vendor."),
        Field("logs", Many(LOG), "Logs to read."),
        Field("declared", Many(DECLARED), "What the vendor says of each service."),
        Field("authorization", AUTHORIZATION, "Needed for live probes."),
        Field("accepted", Many(_ACCEPTED), "Risks that the owner accepts: shown, never failing."),
    ),
)
SECTIONS = ("platform", "providers", "logs", "declared", "authorization")
