"""Ask the live server itself about each witness, and compare its answer with our model of the same call.

`sys/capabilities` is not the server's real decision: it knows nothing of parameters, sudo, wrapping, aliases of
paths or expired approvals. So only a difference from our model of that very call is a disagreement; a witness that
the call cannot see stays as it is and says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from cred_audit.claims.isolation import Acting, Isolation, isolation
from cred_audit.collect.confirm import server_capabilities
from cred_audit.collect.vault import connect
from cred_audit.decide import Unknown
from cred_audit.decide.vault.engine import capabilities
from cred_audit.decide.vault.model import Request, Subject
from cred_audit.decide.vault.wire import Resolved, resolve
from cred_audit.errors import CollectError
from cred_audit.facts import Snapshot
from cred_audit.finding import Finding, Verdict
from cred_audit.report import Report, Result
from cred_audit.terminal import Progress

_NOT_THIS_WAY = "not confirmable this way: {}"
_DISAGREES = (
    "the server itself disagrees about {path}: it says {theirs}, cred-audit {ours}; please report this with the "
    "policies and the server's version"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """What one witness comes down to."""

    accessor: str
    namespace: str
    path: str
    """Relative to the token's namespace."""
    operation: str
    ours: tuple[str, ...]


def confirmed(
    report: Report, snapshot: Snapshot, *, allow_commands: bool, environ: Mapping[str, str], progress: Progress
) -> Report:
    """Return the report with each witness confirmed, contradicted (then its finding is UNKNOWN) or left as it is.

    Raises CollectError where the server cannot be reached.
    """
    if snapshot.vault is None or snapshot.target.vault is None or snapshot.target.vault.offline:
        raise CollectError("--confirm needs a live Vault in the target")
    asked = isolation(snapshot)
    known = _Known(asked, snapshot)
    questions = {
        (result.check.id, finding.subject): _question(asked, known, finding)
        for result in report.results
        for finding in result.findings
        if finding.verdict is Verdict.FAIL and finding.witness is not None and finding.witness.system == "vault"
    }
    with connect(snapshot.target.vault, snapshot.target, environ=environ, allow_commands=allow_commands) as client:
        said: dict[tuple[str, str, str], tuple[str, ...] | str] = {}
        open_questions = [question for question in questions.values() if isinstance(question, _Question)]
        groups: dict[tuple[str, str], list[_Question]] = {}
        for question in open_questions:
            groups.setdefault((question.accessor, question.namespace), []).append(question)
        for number, ((accessor, namespace), group) in enumerate(groups.items()):
            progress("confirm", number, len(groups))
            paths = [question.path for question in group]
            try:
                answers = server_capabilities(client, namespace=namespace, paths=paths, accessor=accessor)
            except CollectError as error:
                said.update({(accessor, namespace, path): str(error) for path in paths})
            else:
                said.update({(accessor, namespace, path): answers.get(path, "no answer") for path in paths})
        progress("confirm", len(groups), len(groups))
    return replace(report, results=tuple(_result(result, questions, said) for result in report.results))


def _result(
    result: Result,
    questions: Mapping[tuple[str, str], "_Question | str"],
    said: Mapping[tuple[str, str, str], "tuple[str, ...] | str"],
) -> Result:
    findings = []
    for finding in result.findings:
        question = questions.get((result.check.id, finding.subject))
        findings.append(finding if question is None else _compared(finding, question, said))
    return replace(result, findings=tuple(findings))


def _compared(
    finding: Finding, question: "_Question | str", said: Mapping[tuple[str, str, str], "tuple[str, ...] | str"]
) -> Finding:
    if isinstance(question, str):
        return _noted(finding, _NOT_THIS_WAY.format(question))
    theirs = said[question.accessor, question.namespace, question.path]
    if isinstance(theirs, str):
        return _noted(finding, _NOT_THIS_WAY.format(theirs))
    if sorted(theirs) == sorted(question.ours):
        if question.operation in theirs or "root" in theirs:
            return replace(finding, confirmed=True)
        return _noted(finding, _NOT_THIS_WAY.format("sys/capabilities cannot see this form of the request"))
    words = _DISAGREES.format(path=question.path, theirs=", ".join(theirs), ours=", ".join(question.ours))
    return replace(_noted(finding, words), verdict=Verdict.UNKNOWN, confirmed=False)


def _noted(finding: Finding, words: str) -> Finding:
    return replace(finding, note=f"{finding.note}; {words}" if finding.note else words)


class _Known:
    """The agents by name, and the live tokens by what they hold."""

    def __init__(self, asked: Isolation, snapshot: Snapshot) -> None:
        self.acting: dict[tuple[str | None, str], Acting] = {(one.tenant, one.agent): one for one in asked.acting}
        self._own = snapshot.vault.agent_tokens if snapshot.vault is not None else {}
        self._alike: dict[tuple[str, str, frozenset[str]], str] = {}
        for namespace in asked.world.namespaces:
            for token in namespace.tokens or ():
                data = token.data or {}
                key = (namespace.path, str(data.get("entity_id") or ""), frozenset(data.get("policies") or ()))
                self._alike.setdefault(key, token.accessor)

    def accessor(self, acting: Acting, subject: Subject) -> str | None:
        """Return the accessor of a live token that holds exactly what the agent's token holds."""
        own = self._own.get(f"{acting.tenant}/{acting.agent}")
        if own is not None and own.accessor:
            return own.accessor
        entity = subject.entity.id if subject.entity is not None else ""
        return self._alike.get((subject.namespace, entity, frozenset(subject.policies)))


def _question(asked: Isolation, known: _Known, finding: Finding) -> "_Question | str":
    witness = finding.witness
    if witness is None or witness.before:
        return "it takes a chain of requests, which is not sent"
    names = [(finding.tenant, agent) for agent in finding.agents]
    acting = next((known.acting[name] for name in names if name in known.acting), None)
    if acting is None or isinstance(acting.subject, Unknown):
        return "no declared agent stands behind it"
    accessor = known.accessor(acting, acting.subject)
    if accessor is None:
        return "no token of the agent is alive whose accessor could be asked about"
    fields = witness.fields
    request = Request(
        method=str(fields.get("method", "GET")),
        path=str(fields["path"]),
        namespace=str(fields.get("namespace", "")),
        headers=dict(fields.get("headers") or {}),
    )
    resolved = resolve(request, asked.world, asked.engine.profiles[0])
    home = acting.subject.namespace
    if not isinstance(resolved, Resolved) or not resolved.full.startswith(home):
        return "the server answers this request before it asks a policy"
    path = resolved.full.removeprefix(home)
    ours = capabilities(asked.engine, acting.subject, home, path)
    if ours is None:
        return "what the call would answer is not known"
    return _Question(
        accessor=accessor, namespace=home, path=path, operation=str(fields.get("operation", "")), ours=ours
    )
