"""How to reach the server: the target's words first, then the variables that Vault's own command line reads.

`BAO_*` is OpenBao's name of each `VAULT_*`; where both are set the target's product does not matter and
`VAULT_*` wins, as the documented name. The token never leaves these types: their repr does not show it.
"""

import ssl
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from cred_audit.errors import CollectError
from cred_audit.target.model import SecretRef, Target, VaultSource

_DEFAULT_TIMEOUT = VaultSource.__dataclass_fields__["timeout"].default
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_TRUE = ("1", "t", "true")
_LOOPBACK = ("localhost", "127.", "::1")
_TOKEN_LIMIT = 64 * 1024
"""Bytes; a token is a few hundred at most, whatever file it is read from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where the server is and how to talk to it."""

    url: SplitResult
    """Scheme, host and port; the path is a prefix of every call, mostly empty."""
    token: str = field(repr=False)
    namespace: str = ""
    """With its trailing slash; empty for the root namespace."""
    timeout: float = 30.0
    """Seconds that one answer may take to begin, and to pause."""
    tls: ssl.SSLContext | None = None
    server_name: str = ""
    """Name in the server's certificate where it is not the host's."""
    proxy: SplitResult | None = None

    @property
    def address(self) -> str:
        """The address as shown, without user name or password."""
        return f"{self.url.scheme}://{self.url.netloc.rpartition('@')[2]}{self.url.path}"


def setting(environ: Mapping[str, str], name: str) -> str:
    """Return the value of `VAULT_<name>` or else of `BAO_<name>`, empty when neither is set."""
    return environ.get(f"VAULT_{name}") or environ.get(f"BAO_{name}") or ""


def settings_of(source: VaultSource, target: Target, environ: Mapping[str, str], *, allow_commands: bool) -> Settings:
    """Return how to reach the server of a target. Raises CollectError where that is not to be told."""
    url = _url(source.address or setting(environ, "ADDR"))
    namespace = source.namespace or setting(environ, "NAMESPACE")
    path = namespace.strip("/")
    return Settings(
        url=url,
        token=_token(source, target, environ, allow_commands=allow_commands),
        namespace=f"{path}/" if path and path != "root" else "",
        timeout=_timeout(source, environ),
        tls=_tls(source, environ) if url.scheme == "https" else None,
        server_name=setting(environ, "TLS_SERVER_NAME"),
        proxy=_proxy(url, environ),
    )


def server_url(address: str) -> SplitResult | None:
    """Return scheme, host and port of a URL that a server names; None when it is none."""
    try:
        return _url(address)._replace(path="")
    except CollectError:
        return None


def _url(address: str) -> SplitResult:
    if not address:
        message = "vault: no address; set vault.address in the target or VAULT_ADDR"
        raise CollectError(message)
    shown = address.rpartition("@")[2][:200]
    try:
        url = urlsplit(address if "://" in address else f"https://{address}")
        port = url.port
    except ValueError:
        raise CollectError(f"vault: the address {shown!r} is no URL; write https://host:8200") from None
    if url.scheme not in ("http", "https") or not url.hostname:
        message = f"vault: the address {shown!r} is neither http nor https; write https://host:8200"
        raise CollectError(message)
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    return url._replace(netloc=host if port is None else f"{host}:{port}", path=url.path.rstrip("/"), query="")


def _token(source: VaultSource, target: Target, environ: Mapping[str, str], *, allow_commands: bool) -> str:
    if source.token is not None:
        found = secret_of(source.token, target, environ, allow_commands=allow_commands)
    else:
        found = setting(environ, "TOKEN") or _token_file(environ)
    token = found.strip()
    if not token:
        message = (
            "vault: no token; set VAULT_TOKEN, or vault.token in the target to a secret reference such as {env: NAME}"
        )
        raise CollectError(message)
    if not usable(token):
        message = "vault: the token holds characters that no token has; check what VAULT_TOKEN or vault.token gives"
        raise CollectError(message)
    return token


def usable(token: str) -> bool:
    """Whether a text can be a token: it goes into a header."""
    return bool(token) and token.isascii() and token.isprintable() and " " not in token


def secret_of(reference: SecretRef, target: Target, environ: Mapping[str, str], *, allow_commands: bool) -> str:
    """Return a secret of the target by its reference. Raises TargetError."""
    from cred_audit.target.secret import read_secret  # noqa: PLC0415  (needed only where a target names secrets)

    base = target.path.parent if target.path is not None else Path()
    return read_secret(reference, base=base, allow_commands=allow_commands, environ=environ)


def _token_file(environ: Mapping[str, str]) -> str:
    home = environ.get("HOME") or environ.get("USERPROFILE")
    if not home:
        return ""
    try:
        with Path(home, ".vault-token").open("rb") as file:
            return file.read(_TOKEN_LIMIT).decode("ascii", "replace")
    except OSError:
        return ""


def _timeout(source: VaultSource, environ: Mapping[str, str]) -> float:
    text = setting(environ, "CLIENT_TIMEOUT").strip()
    if not text or source.timeout != _DEFAULT_TIMEOUT:
        return source.timeout
    number = text.rstrip("msh")
    try:
        seconds = float(number) * (_UNITS[text.removeprefix(number)] if text != number else 1.0)
    except (ValueError, KeyError):
        seconds = 0.0
    if not 0 < seconds < 24 * 3600:
        message = f"vault: VAULT_CLIENT_TIMEOUT is {text[:40]!r}; write seconds, such as 60 or 60s"
        raise CollectError(message)
    return seconds


def _tls(source: VaultSource, environ: Mapping[str, str]) -> ssl.SSLContext:
    own = source.ca_cert or ""
    file = own or setting(environ, "CACERT")
    folder = "" if own else setting(environ, "CAPATH")
    context = _trusting(file, folder)
    certificate, key = setting(environ, "CLIENT_CERT"), setting(environ, "CLIENT_KEY")
    if certificate:
        try:
            context.load_cert_chain(certificate, key or None, password=b"")
        except (OSError, ValueError) as error:
            message = f"vault: the client certificate {certificate[:200]!r} cannot be used: {_cause(error)}"
            raise CollectError(message) from None
    if setting(environ, "SKIP_VERIFY").lower() in _TRUE:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _trusting(file: str, folder: str) -> ssl.SSLContext:
    try:
        if not file and not folder:
            return ssl.create_default_context()
        context = ssl.create_default_context(cafile=file or None, capath=folder or None)
    except (OSError, ValueError) as error:
        message = f"vault: the CA certificates in {(file or folder)[:200]!r} cannot be read: {_cause(error)}"
        raise CollectError(message) from None
    return context


def _cause(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)[:200]


def _proxy(url: SplitResult, environ: Mapping[str, str]) -> SplitResult | None:
    """Return the proxy that the environment asks for; a server on this machine needs none."""
    host = url.hostname or ""
    if host.startswith(_LOOPBACK):
        return None
    excluded = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    found = setting(environ, "PROXY_ADDR") or setting(environ, "HTTP_PROXY")
    if not found:
        names = (f"{url.scheme}_proxy", f"{url.scheme}_proxy".upper())
        found = next((environ[name] for name in names if environ.get(name)), "")
        # proxy_bypass_environment reads nothing but the mapping that it is given.
        if excluded and urllib.request.proxy_bypass_environment(host, {"no": excluded}):  # type: ignore[attr-defined]
            return None
    if not found:
        return None
    return urlsplit(found if "://" in found else f"http://{found}")
