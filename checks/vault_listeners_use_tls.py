"""Every listener that others can reach uses TLS.

Why: without it, whoever is on the way reads tokens and secrets of every tenant.
How: each listener of the server's configuration is read; it fails where TLS is off and the address is not a
loopback address or a socket of the host.
Fix: give the listener tls_cert_file and tls_key_file and remove tls_disable, or bind it to 127.0.0.1.
"""

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

from cred_audit.check import Evidence, Finding, Severity, Snapshot, Verdict
from cred_audit.claims.survey import is_on, listeners, unseen

SEVERITY = Severity.HIGH
NEEDS = ("vault",)
MAPS_TO = ("NIST SC-8", "ISO27001 A.8.24", "SOC2 CC6.7", "PCI 4.2.1", "CWE-319")


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each listener."""
    seen = False
    for where, settings in listeners(snapshot):
        seen = True
        clear = is_on(settings.get("tls_disable"))
        near = _is_near(settings)
        shows = "TLS is on" if not clear else "TLS is off; only this host reaches it" if near else "TLS is off"
        yield Finding(
            verdict=Verdict.FAIL if clear and not near else Verdict.PASS,
            subject=where,
            summary=f"{where}: {shows}.",
            evidence=(Evidence(where=where, shows=shows),),
            fix="give it a certificate and remove tls_disable" if clear and not near else None,
        )
    if not seen:
        yield unseen("sys/config/state/sanitized listeners", snapshot)


def _is_near(settings: Mapping[str, Any]) -> bool:
    address = str(settings.get("address") or "")
    host = address.rsplit(":", 1)[0].strip("[]")
    if host == "localhost" or address.startswith("/"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
