"""From AWS into Vault: agents log in to Vault with their AWS role and act with the token.

The doors are the roles of Vault's AWS auth methods; what opens one is its bound. Behind it the agent is whoever
logs in through the role, decided over everybody's holdings in Vault.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from cred_audit.check import Skip
from cred_audit.claims.aws.isolation import AwsIsolation, aws_isolation
from cred_audit.claims.isolation import Isolation, clause_evidence, isolation, witness_of
from cred_audit.claims.joint.judge import Judge, Owned, Reached, Walker, Way, names_of
from cred_audit.claims.survey import namespaces_unseen, unseen
from cred_audit.decide import Effect, Unknown
from cred_audit.decide.joint import Admissions, Admitted
from cred_audit.decide.vault.choose import NOBODY
from cred_audit.decide.vault.identity import subject_of
from cred_audit.decide.vault.model import AuthRole, Request, Subject
from cred_audit.decide.vault.reach import Answer, Owners
from cred_audit.decide.vault.territory import OperationClass
from cred_audit.decide.vault.witness import wire_path
from cred_audit.facts import Snapshot
from cred_audit.finding import Evidence, Finding, Witness

_ASKED = ((OperationClass.READ, "read"), (OperationClass.WRITE, "change"))
_FIX = "bind the auth role to the full ARN of its own tenant's AWS role"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Door:
    """One auth role."""

    namespace: str
    mount: str
    role: AuthRole
    subject: Subject | Unknown
    """Who a login through it is."""


def judge_reach_through_aws(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield the findings of the claim "no agent reaches another tenant's secrets in Vault by an AWS login".

    Raises Skip where a full reading shows no AWS auth method, and where no agent has an AWS principal.
    """
    aws = aws_isolation(snapshot)
    if not aws.acting:
        raise Skip("no agent of the target has an AWS principal")
    vault = isolation(snapshot)
    blind = tuple(namespaces_unseen(snapshot))
    doors: dict[str, _Door] = {}
    found = False
    for namespace in vault.world.namespaces:
        if namespace.auth_mounts is None:
            blind += (unseen(f"{namespace.path}sys/auth", snapshot),)
        for mount in namespace.auth_mounts or ():
            if mount.type != "aws":
                continue
            found = True
            if mount.roles is None:
                blind += (unseen(f"{namespace.path}auth/{mount.path}role", snapshot),)
            for role in mount.roles or ():
                path = f"auth/{mount.path}{role.kind}/{role.name}"
                # The server always gives some field: none at all is an answer that was not understood.
                subject = subject_of(vault.world, namespace=namespace.path, role=path) if role.data else Unknown(
                    reason="the role's fields were not seen", where=namespace.path + path
                )  # fmt: skip
                doors[namespace.path + path] = _Door(
                    namespace=namespace.path, mount=mount.path, role=role, subject=subject
                )
    if not found and not blind:
        raise Skip("no auth method of type aws; sys/auth read in full")
    yield from blind
    judge = Judge(_Vault(vault, aws, doors), through="Vault's AWS logins", into="in Vault", fix=_FIX)
    evidence = tuple(one for finding in blind for one in finding.evidence)
    yield from judge.findings(_walkers(aws, doors), evidence)


def _walkers(aws: AwsIsolation, doors: Mapping[str, _Door]) -> Iterator[Walker]:
    admissions = Admissions((path, door.role) for path, door in doors.items())
    for acting in aws.acting:
        ways = (_way(acting.arn, one) for one in admissions.of(acting.arn, aws.principals.found(acting.arn)))
        yield Walker(tenant=acting.tenant, agent=acting.agent, ways=tuple(ways))


def _way(arn: str, admitted: Admitted) -> Way:
    first, *more = admitted.roles
    others = f" and {len(more)} more" if more else ""
    return Way(
        subject=f"{admitted.bound or 'no bound'}: {first}{others}",
        doors=admitted.roles,
        sure=admitted.sure,
        evidence=(Evidence(where=first + others, shows=f"{admitted.why}: {arn}", quote=admitted.bound),),
    )


class _Vault:
    """What lies behind the roles of Vault's AWS auth methods."""

    def __init__(self, vault: Isolation, aws: AwsIsolation, doors: Mapping[str, _Door]) -> None:
        self._vault = vault
        self._doors = doors
        self._principals = {(one.tenant, one.agent): one.arn for one in aws.acting}
        self.owners = vault.index.owners
        self.tenants = vault.tenants
        self.unseen: tuple[Evidence, ...] = ()
        """Nothing: a part of Vault that was not seen is a grant of its own, and not known."""
        self._names: dict[Owners, frozenset[str]] = {}

    def _answers(self, subject: Subject, own: str) -> Iterator[tuple[Answer, str]]:
        for wanted, verb in _ASKED:
            yield self._vault.index.reach(self._vault.engine, subject, wanted, own=own), verb

    def owned(self, door: str) -> Owned:
        """Return whose secrets a login through a role reaches."""
        subject = self._doors[door].subject
        if isinstance(subject, Unknown):
            return Owned(unknown=subject)
        sure: frozenset[str] = frozenset()
        maybe: frozenset[str] = frozenset()
        for answer, _ in self._answers(subject, NOBODY):
            for grant in answer.grants:
                names = self._in_full(grant.owners)
                if grant.effect is Effect.ALLOW:
                    sure = sure | names if sure else names
                else:
                    maybe = maybe | names if maybe else names
        return Owned(sure=sure, maybe=maybe)

    def _in_full(self, owners: Owners) -> frozenset[str]:
        known = self._names.get(owners)
        if known is None:
            known = self._names[owners] = names_of(owners.names, owners.all_except, self.owners)
        return known

    def reached(self, walker: Walker, door: str) -> Iterator[Reached]:
        """Yield what an agent reaches with a token of a role."""
        subject = self._doors[door].subject
        if isinstance(subject, Unknown):
            return
        arn = self._principals[walker.tenant, walker.agent]
        for answer, verb in self._answers(subject, walker.tenant):
            for grant in answer.grants:
                yield Reached(
                    sure=grant.effect is Effect.ALLOW,
                    does=f"can log in to Vault through {door} as {arn} and can {verb}",
                    witness=self._witness(grant.operation, grant.witness, door, arn) if grant.witness else None,
                    evidence=tuple(clause_evidence(reason) for reason in grant.because),
                    assuming=grant.assuming,
                )

    def _witness(self, operation: str, request: Request, door: str, arn: str) -> Witness:
        found = self._doors[door]
        identity = Witness(
            system="aws", fields={"action": "sts:GetCallerIdentity", "resource": "*", "principal": arn}
        )  # fmt: skip
        login = witness_of("update", Request(
            method="POST", path=wire_path(f"auth/{found.mount}login"), namespace=found.namespace,
            body={"role": found.role.name, "iam_http_request_method": "POST",
                  "iam_request_headers": "${signed sts:GetCallerIdentity}"},
        ))  # fmt: skip
        login = replace(login, fields={**login.fields, "token": "none", "takes": {"gained": "auth.client_token"}})
        last = witness_of(operation, request)
        return replace(last, fields={**last.fields, "token": "${gained}"}, before=(identity, login))

    def closest(self, walker: Walker, door: str) -> tuple[Evidence, ...]:
        """Return the clauses that come closest."""
        subject = self._doors[door].subject
        if isinstance(subject, Unknown):
            return ()
        answers = self._answers(subject, walker.tenant)
        return tuple(clause_evidence(reason) for answer, _ in answers for reason in answer.closest)
