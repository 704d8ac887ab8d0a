"""Sessions and clients: whose credentials are used, where they are sent, and with how much patience."""

import os
import re
from collections.abc import Callable, Mapping
from functools import cache
from threading import Event, Lock
from typing import Any

import boto3
import botocore.session
from botocore import configprovider
from botocore.config import Config
from botocore.credentials import CredentialProvider, CredentialResolver, EnvProvider, RefreshableCredentials
from botocore.exceptions import NoCredentialsError
from botocore.loaders import create_loader

import cred_audit
from cred_audit.collect.aws.live.failures import not_seen
from cred_audit.collect.aws.live.service import Service

CONCURRENCY = 16
"""Calls that are under way at once, at most."""
_ATTEMPTS = 6
_MOST_ATTEMPTS = 20
_READ_TIMEOUT = 30.0
"""Seconds that an answer may take to begin, and to pause."""
_FROM_ENVIRON = (
    "profile", "region", "config_file", "credentials_file", "ca_bundle", "use_fips_endpoint", "use_dualstack_endpoint",
    "sts_regional_endpoints",
)  # fmt: skip
"""Settings that botocore takes from variables, by botocore's names."""


_SHORTEST_HIDDEN = 8
"""Characters; what is shorter is no credential of AWS (a stand-in for an emulator), and part of many words."""


class Hidden:
    """Takes the credentials that are in use out of texts."""

    def __init__(self) -> None:
        self._texts: set[str] = set()

    def add(self, *credentials: str | None) -> None:
        """Take further credentials; those of less than 8 characters stay in the texts."""
        self._texts.update(one for one in credentials if one and len(one) >= _SHORTEST_HIDDEN)

    def __call__(self, text: str) -> str:
        """Return the text without any credential."""
        for one in sorted(self._texts, key=len, reverse=True):
            text = text.replace(one, "(withheld)")
        return text


class Access:
    """Clients of one account, made when they are asked for and once each."""

    def __init__(
        self,
        session: boto3.session.Session,
        *,
        environ: Mapping[str, str],
        endpoint: str,
        hide: Hidden,
        stopped: Event,
    ) -> None:
        self.session = session
        self.stopped = stopped
        """Set when nothing more is to be asked."""
        self.environ = environ
        self.hide = hide
        self._endpoint = endpoint
        self._made: dict[tuple[str, str, bool], Service] = {}
        # Sessions make clients one at a time; clients may be used by many threads.
        self._lock = Lock()

    def service(self, name: str, region: str, *, regional: bool = True, hasty: bool = False) -> Service:
        """Return a service. `regional`: whether the region is to blame for credentials that are not valid there.

        `hasty`: for the first call of all, which shall tell soon that nothing is there.
        """
        with self._lock:
            found = self._made.get((name, region, hasty))
            if found is None:
                try:
                    client = self.session.client(
                        name,
                        region_name=region,
                        endpoint_url=endpoint_of(name, self._endpoint, self.environ),
                        config=_config(self.environ, hasty=hasty),
                    )
                except Exception as error:  # noqa: BLE001  (a broken configuration fails in many ways)
                    raise not_seen(error, name, self.hide) from None
                found = Service(client, hide=self.hide, stopped=self.stopped, region=region if regional else "")
                self._made[name, region, hasty] = found
            return found

    def assuming(self, fetch: Callable[[], Mapping[str, str]], region: str) -> "Access":
        """Return the access of a role. `fetch` assumes it, now and whenever its credentials are about to expire."""
        credentials = RefreshableCredentials.create_from_metadata(
            metadata=fetch(), refresh_using=fetch, method="sts-assume-role"
        )
        core = _core(self.environ, None)
        core.register_component("credential_provider", CredentialResolver(providers=[_Given(credentials)]))
        session = boto3.session.Session(botocore_session=core, region_name=region)
        return Access(session, environ=self.environ, endpoint=self._endpoint, hide=self.hide, stopped=self.stopped)


def base_access(profile: str | None, endpoint: str, environ: Mapping[str, str]) -> Access:
    """Return the access of whoever runs the audit. Raises NotSeen where there are no credentials."""
    hide = Hidden()
    try:
        core = _core(environ, profile)
        resolver = core.get_component("credential_provider")
        methods = [provider.METHOD for provider in resolver.providers]
        if EnvProvider.METHOD in methods:
            resolver.providers[methods.index(EnvProvider.METHOD)] = EnvProvider(environ=dict(environ))
        if environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
            resolver.remove("iam-role")
        session = boto3.session.Session(botocore_session=core)
        credentials = session.get_credentials()
        if credentials is not None:
            frozen = credentials.get_frozen_credentials()
            hide.add(frozen.access_key, frozen.secret_key, frozen.token)
    except Exception as error:  # noqa: BLE001  (files, processes and sign-ins that give credentials fail in many ways)
        raise not_seen(error, "sts:GetCallerIdentity", hide) from None
    if credentials is None:
        raise not_seen(NoCredentialsError(), "sts:GetCallerIdentity", hide)
    return Access(session, environ=environ, endpoint=endpoint, hide=hide, stopped=Event())


def session_region(access: Access) -> str:
    """Return the region that the variables or the profile give, empty for none."""
    return access.environ.get("AWS_REGION") or access.session.region_name or ""


def endpoint_of(service: str, given: str, environ: Mapping[str, str]) -> str | None:
    """Return the endpoint of a service where it is not AWS's own."""
    variable = "SECRETS_MANAGER" if service == "secretsmanager" else service.upper()
    return given or environ.get(f"AWS_ENDPOINT_URL_{variable}") or environ.get("AWS_ENDPOINT_URL") or None


class _Given(CredentialProvider):  # type: ignore[misc]
    """Provides credentials that are there already."""

    METHOD = "cred-audit"
    CANONICAL_NAME = "cred-audit"

    def __init__(self, credentials: Any) -> None:
        super().__init__()
        self._credentials = credentials

    def load(self) -> Any:
        """Return the credentials."""
        return self._credentials


@cache
def _loader() -> Any:
    """Return what reads the descriptions of the services, so that they are read once for all accounts."""
    return create_loader()


def _core(environ: Mapping[str, str], profile: str | None) -> botocore.session.Session:
    """Return a session whose settings come from these variables, and from the files that they name."""
    core = botocore.session.Session()
    core.register_component("data_loader", _loader())
    if environ is not os.environ:
        store = core.get_component("config_store")
        chains = configprovider.ConfigChainFactory(session=core, environ=dict(environ))
        for name in _FROM_ENVIRON:
            key, variables, default, conversion = configprovider.BOTOCORE_DEFAUT_SESSION_VARIABLES[name]
            chain = chains.create_config_chain(
                instance_name=name, env_var_names=variables, config_property_names=key, default=default,
                conversion_func=conversion,
            )  # fmt: skip
            store.set_config_provider(name, chain)
    if profile is not None:
        core.set_config_variable("profile", profile)
    return core


def _config(environ: Mapping[str, str], *, hasty: bool) -> Config:
    given = environ.get("AWS_MAX_ATTEMPTS", "")
    attempts = min(max(int(given), 1), _MOST_ATTEMPTS) if re.fullmatch(r"\d{1,3}", given) else _ATTEMPTS
    return Config(
        retries={"mode": "adaptive", "total_max_attempts": min(attempts, 2) if hasty else attempts},
        connect_timeout=5 if hasty else 10,
        read_timeout=_READ_TIMEOUT,
        max_pool_connections=CONCURRENCY,
        user_agent_extra=f"cred-audit/{cred_audit.__version__}",
    )
