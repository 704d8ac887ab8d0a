"""Read a live Vault or OpenBao: read-only, every namespace, nothing secret."""

from collections.abc import Mapping
from datetime import datetime

from cred_audit.collect.vault.client import Answer, Call, Client
from cred_audit.collect.vault.gaps import Gaps
from cred_audit.collect.vault.public_fields import token_fields
from cred_audit.collect.vault.reader import Progress, Reader
from cred_audit.collect.vault.server import check_token, clock_of, greet, namespaces, server_facts
from cred_audit.collect.vault.settings import secret_of, settings_of, usable
from cred_audit.decide.vault.model import Namespace, TokenFacts, World
from cred_audit.errors import CollectError, TargetError
from cred_audit.facts import Gap, VaultFacts
from cred_audit.target.model import Target, VaultSource


def connect(
    source: VaultSource, target: Target, *, environ: Mapping[str, str], allow_commands: bool, concurrency: int = 16
) -> Client:
    """Return a client of the target's server; close it after use. Raises CollectError and TargetError."""
    settings = settings_of(source, target, environ, allow_commands=allow_commands)
    return Client(settings, concurrency=concurrency)


def collect_vault(
    client: Client, target: Target, *, environ: Mapping[str, str], allow_commands: bool, progress: Progress
) -> tuple[VaultFacts, tuple[Gap, ...], datetime]:
    """Return what the server holds, what was not seen, and the server's time.

    Raises CollectError where nothing can be read at all: unreachable, not Vault, sealed, token not valid.
    """
    progress("the server", 0, None)
    seal = greet(client)
    check_token(client)
    taken_at, skew = clock_of(client)
    gaps = Gaps()
    about = server_facts(client, seal, gaps)
    reader = Reader(client, gaps, progress, detailed=about.server.product != "vault")
    found = reader.read(about.spaces)
    _refuse_nothing(client, found, gaps)
    complete = about.complete and _same_namespaces(client, about.spaces, gaps, scan=about.server.product != "vault")
    tokens = _agent_tokens(client, gaps, _secrets(target, environ, allow_commands=allow_commands))
    if client.denied:
        _check_again(client, gaps)
    facts = VaultFacts(
        address=client.settings.address,
        world=World(server=about.server, namespaces=found, namespaces_complete=complete),
        audit_devices=about.audit_devices,
        seal=about.seal,
        agent_tokens=tokens,
        coverage=_coverage(found),
        assumed=(skew,) if skew else (),
        quotas=about.quotas,
        audited_headers=about.audited_headers,
    )
    return facts, gaps.all(), taken_at


def _refuse_nothing(client: Client, found: tuple[Namespace, ...], gaps: Gaps) -> None:
    for space in found:
        parts = (
            space.policies, space.mounts, space.auth_mounts, space.token_roles, space.entities, space.groups,
            space.tokens, space.lease_prefixes, space.mfa_enforcements,
        )  # fmt: skip
        if any(part is not None for part in parts):
            return
    first = next((gap for gap in gaps.found if "sys/policies" in gap.what), gaps.found[0])
    where = f"vault: {client.settings.address}"
    if client.denied:
        hint = "`cred-audit collect --print-policy`, run with an administrator's token, prints the policy that it needs"
        raise CollectError(f"{where}: the token may read nothing; {hint}")
    raise CollectError(f"{where}: nothing could be read; {first.what}: {first.reason}")


def _same_namespaces(client: Client, before: list[tuple[str, str, bool]], gaps: Gaps, *, scan: bool) -> bool:
    later, _ = namespaces(client, Gaps(), scan=scan)
    new = sorted({path for path, _, _ in later} - {path for path, _, _ in before})
    for path in new:
        gaps.add(
            f"LIST {path}sys/policies/acl/", "the namespace appeared while the server was being read; collect again"
        )
    return not new


def _check_again(client: Client, gaps: Gaps) -> None:
    """A token that expires on the way makes every later refusal look like a missing permission."""
    try:
        check_token(client)
    except CollectError:
        gaps.add("GET auth/token/lookup-self", "the token expired or was revoked while the server was being read")


def _secrets(
    target: Target, environ: Mapping[str, str], *, allow_commands: bool
) -> list[tuple[str, str, str | TargetError]]:
    """Return tenant/agent, namespace and token (or why there is none) of every agent whose token the target gives."""
    found: list[tuple[str, str, str | TargetError]] = []
    for tenant in target.tenants:
        for agent in tenant.agents:
            if agent.vault is None or agent.vault.token is None:
                continue
            secret: str | TargetError
            try:
                secret = secret_of(agent.vault.token, target, environ, allow_commands=allow_commands).strip()
            except TargetError as error:
                secret = error
            found.append((f"{tenant.id}/{agent.id}", agent.vault.namespace, secret))
    return found


def _agent_tokens(
    client: Client, gaps: Gaps, secrets: list[tuple[str, str, str | TargetError]]
) -> dict[str, TokenFacts]:
    answers = client.each(secrets, lambda entry: _look_up(client, entry[1], entry[2]))
    found: dict[str, TokenFacts] = {}
    for (name, _, _), answer in zip(secrets, answers, strict=True):
        if answer.data is None:
            gaps.add(f"GET auth/token/lookup-self (token of {name})", answer.reason)
        else:
            data = token_fields(answer.data)
            found[name] = TokenFacts(accessor=str(data.get("accessor") or ""), data=data)
    return found


def _look_up(client: Client, namespace: str, token: str | TargetError) -> Answer:
    if isinstance(token, TargetError):
        return Answer(status=0, reason=str(token))
    if not usable(token):
        return Answer(status=0, reason="the secret reference gives no token: it is empty or has characters of none")
    answer = client.ask(Call(namespace, "GET", "auth/token/lookup-self", token=token))
    if answer.status == 403:
        return Answer(status=403, reason="the token is not valid, or its policies do not let it look itself up")
    return answer


def _coverage(found: tuple[Namespace, ...]) -> dict[str, int]:
    mounts = [mount for space in found for mount in space.mounts or ()]
    methods = [method for space in found for method in space.auth_mounts or ()]
    return {
        "namespaces": len(found),
        "policies": sum(policy.text is not None for space in found for policy in space.policies or ()),
        "mounts": len(mounts),
        "auth mounts": len(methods),
        "auth roles": sum(role.data is not None for method in methods for role in method.roles or ()),
        "token roles": sum(len(space.token_roles or ()) for space in found),
        "entities": sum(len(space.entities or ()) for space in found),
        "groups": sum(len(space.groups or ()) for space in found),
        "tokens": sum(len(space.tokens or ()) for space in found),
        "engine objects": sum(len(mount.objects or ()) for mount in mounts),
    }
