"""Checked values of a target file, made into the types of the model. Nothing here can fail but what it reports."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from cred_audit.target.model import (
    Accepted,
    Agent,
    AwsFiles,
    AwsPrincipal,
    AwsPrincipalFiles,
    AwsSource,
    AwsTerritory,
    KvTerritory,
    NamespaceTerritory,
    PathTerritory,
    PlatformPrincipal,
    PrincipalKind,
    Tenant,
    Territory,
    VaultPrincipal,
    VaultSource,
    VaultTerritory,
)
from cred_audit.target.node import plain
from cred_audit.target.problem import Place, RowPoint, quoted
from cred_audit.target.record import Values

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_WARNINGS = 20


class Warnings:
    """What the reader should know though nothing is wrong, with its place; the rest is counted."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.texts: list[str] = []
        self.dropped = 0

    def add(self, place: Place, text: str) -> None:
        """Note one warning."""
        if len(self.texts) < _WARNINGS:
            where = place.table if isinstance(place, RowPoint) else self.file
            self.texts.append(f"{where}:{place.line + 1}: {text}")
        else:
            self.dropped += 1

    def all(self) -> tuple[str, ...]:
        """Return them."""
        more = f"and {self.dropped:,} more warnings of this kind in {self.file}"
        return (*self.texts, more) if self.dropped else tuple(self.texts)


def namespace_of(text: str) -> str:
    """Return the path of a namespace with its trailing slash; empty for the root."""
    bare = text.strip("/")
    return f"{bare}/" if bare else ""


def mount_of(text: str) -> str:
    """Return the path of a mount with its trailing slash."""
    return text.strip("/") + "/"


def moment_of(text: str) -> datetime:
    """Return a time; a day without a time counts to its end (UTC)."""
    if len(text) == len("2027-01-31"):
        return datetime.combine(date.fromisoformat(text), time.max, UTC)
    return datetime.fromisoformat(text)


def seconds_of(value: float | str) -> float:
    """Return a duration in seconds."""
    if not isinstance(value, str):
        return float(value)
    number = value.rstrip("hms")
    return float(number) * _UNITS[value[len(number) :]]


def tenant_of(values: Values, place: Place, warnings: Warnings) -> Tenant:
    """Return one tenant."""
    return Tenant(
        id=values["id"],
        agents=tuple(_agent(agent, values["id"]) for agent in values.get("agents", ())),
        territory=_territory(values.get("territory", {}), warnings),
        line=place.line + 1,
    )


def _agent(values: Values, tenant: str) -> Agent:
    vault, aws, platform = values.get("vault"), values.get("aws"), values.get("platform")
    return Agent(
        id=values.get("id", tenant),
        vault=_vault_principal(vault) if vault is not None else None,
        aws=AwsPrincipal(
            role=aws.get("role", ""),
            user=aws.get("user", ""),
            session_tags=aws.get("session_tags", {}),
            session_name=aws.get("session_name"),
        )
        if aws is not None
        else None,
        platform=PlatformPrincipal(token=platform["token"]) if platform is not None else None,
    )


def _vault_principal(values: Values) -> VaultPrincipal:
    kind = next(kind for kind in PrincipalKind if kind.value in values)
    policies = values.get("policies")
    return VaultPrincipal(
        kind=kind,
        namespace=namespace_of(values.get("namespace", "")),
        role=values.get("role", ""),
        entity=values.get("entity", ""),
        policies=tuple(policies) if policies is not None else None,
        token=values.get("token"),
    )


def _territory(values: Mapping[str, Any], warnings: Warnings) -> Territory:
    platform = values.get("platform")
    return Territory(
        vault=tuple(part for entry in values.get("vault", ()) for part in _vault_territory(entry, warnings)),
        aws=tuple(
            AwsTerritory(
                tags=entry.get("tags"),
                arns=tuple(entry["arns"]) if "arns" in entry else None,
                account=entry.get("account"),
            )
            for entry in values.get("aws", ())
        ),
        platform=plain(platform) if platform is not None else None,
        credentials=tuple(plain(entry) for entry in values.get("credentials", ())),
    )


def _vault_territory(values: Values, warnings: Warnings) -> Sequence[VaultTerritory]:
    namespace = namespace_of(values.get("namespace", ""))
    if "paths" in values:
        return tuple(PathTerritory(path=path.removeprefix("/"), namespace=namespace) for path in values["paths"])
    if "kv" not in values:
        return (NamespaceTerritory(namespace=namespace),)
    prefix = values.get("prefix", "")
    if prefix and not prefix.endswith("/"):
        warnings.add(
            values.node.at("prefix"),
            f"`prefix` is literal: {quoted(prefix)} also owns {quoted(prefix + '-eu/')}; end it with '/' for a folder",
        )
    if prefix.startswith(("data/", "metadata/")):
        folder = prefix.partition("/")[0]
        warnings.add(
            values.node.at("prefix"),
            f"`prefix` is the start of keys, and these begin with {folder}/ themselves; "
            f"leave {folder}/ out if it comes from an API path",
        )
    return (KvTerritory(mount=mount_of(values["kv"]), prefix=prefix, namespace=namespace),)


def vault_of(values: Values, base: Path) -> VaultSource:
    """Return the Vault source; relative paths are taken from the target's folder."""
    server = values.get("server", {})
    namespaces = values.get("namespaces", {})
    mounts = {namespace_of(name): entry["mounts"] for name, entry in namespaces.items() if "mounts" in entry}
    if "mounts" in values:
        mounts[""] = values["mounts"]
    policies = values.get("policies")
    return VaultSource(
        address=values.get("address"),
        ca_cert=str(base / values["ca_cert"]) if "ca_cert" in values else None,
        namespace=namespace_of(values.get("namespace", "")),
        timeout=seconds_of(values.get("timeout", 30)),
        token=values.get("token"),
        policies={namespace_of(name): base / folder for name, folder in policies.items()} if policies else None,
        bundle=base / values["bundle"] if "bundle" in values else None,
        product=server.get("product"),
        version=server.get("version"),
        mounts={name: {mount_of(path): dict(mount) for path, mount in entry.items()} for name, entry in mounts.items()}
        or None,
        namespaces=tuple(sorted(namespace_of(name) for name in namespaces)),
    )


def aws_of(values: Values, base: Path) -> AwsSource:
    """Return the AWS source; relative paths are taken from the target's folder."""
    accounts = values.get("accounts", ())
    files = values.get("files")
    organization = files.get("organization") if files is not None else None
    return AwsSource(
        profile=values.get("profile"),
        regions=tuple(values.get("regions", ())),
        role_arn=values.get("role_arn"),
        endpoint_url=values.get("endpoint_url"),
        accounts=tuple(dict.fromkeys(accounts.values() if isinstance(accounts, Mapping) else accounts)),
        files={account: _aws_files(entry, base) for account, entry in files.items() if account != "organization"}
        if files is not None
        else None,
        organization=base / organization if organization is not None else None,
    )


def _aws_files(values: Values, base: Path) -> AwsFiles:
    parts: dict[str, Any] = {
        key: {name: _principal_files(entry, base) for name, entry in given.items()}
        if key in {"roles", "users"}
        else _paths(given, base)
        for key, given in values.items()
    }
    return AwsFiles(**parts)


def _principal_files(values: Values, base: Path) -> AwsPrincipalFiles:
    return AwsPrincipalFiles(
        policies=_paths(values.get("policies", ()), base),
        trust=base / values["trust"] if "trust" in values else None,
        boundary=base / values["boundary"] if "boundary" in values else None,
        tags=values.get("tags", {}),
    )


def _paths(given: str | Sequence[str], base: Path) -> tuple[Path, ...]:
    return tuple(base / path for path in ([given] if isinstance(given, str) else given))


def accepted_of(values: Values, place: Place) -> Accepted:
    """Return one accepted risk."""
    return Accepted(
        check=values["check"],
        subject=values["subject"],
        reason=values["reason"],
        ticket=values.get("ticket"),
        until=moment_of(values["until"]) if "until" in values else None,
        line=place.line + 1,
    )
