"""The commands: they parse, call and return an exit code. Every import that costs time stands in its command."""

import gc
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cred_audit.errors import CredAuditError, UsageError
from cred_audit.terminal import emit, progress_bar, read_whole, say, write_whole

if TYPE_CHECKING:
    from cred_audit.ask.lines import Answers
    from cred_audit.check import Check
    from cred_audit.facts import Snapshot
    from cred_audit.report import Report
    from cred_audit.target.model import Target

INTERRUPTED = 130
"""Exit code of a run that Ctrl-C ended; everything that it opened is closed by then."""
_LIMIT = 1 << 30
"""Bytes of a snapshot or result file that are read at most."""

_IAM_STATEMENTS = (
    "Statements of the IAM policy (--print-policy --aws). "
    "Caller: whose credentials these are; AWS lets everybody ask. "
    "Identities: roles, users, groups and their policies; session lengths; dates of access keys. "
    "Secrets: names, tags, keys, rotation and resource policies of secrets; never values. "
    "Parameters: names, keys and tags of parameters; never values. "
    "Keys: who may decrypt: key policies, grants, tags and aliases; a key's own policy must leave them to IAM. "
    "RotationFunctions: the role of each function that rotates secrets. "
    "Trails: whether reading a secret is recorded. "
    "Organization: SCPs and RCPs; shown to the management account and delegated administrators only. "
    "ReaderRoles: aws.role_arn, in each account."
)
"""Why the policy of `cred_audit.collect.aws.live.permissions` has each of its statements."""

app = typer.Typer(
    name="cred-audit",
    rich_markup_mode=None,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Tell whether a multi-tenant AI-agent platform really isolates each tenant's credentials.",
    epilog="Exit codes: 0 every claim holds; 1 a claim fails; 2 no audit was performed; 3 nothing fails but "
    "something declared is unknown. Set CRED_AUDIT_DEBUG=1 to see tracebacks.",
)
ask = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="Decide requests and explain the answers.")
app.add_typer(ask, name="ask")


class FailOn(Enum):
    """From which severity on a failing claim gives exit code 1."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    NEVER = "never"


class SchemaName(Enum):
    """The files whose JSON Schema can be printed."""

    TARGET = "target"
    RESULT = "result"


class Shell(Enum):
    """Shells with completion."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; never 1 for anything but findings."""
    usage_error = typer.BadParameter.__mro__[2]
    try:
        code = typer.main.get_command(app).main(list(arguments), prog_name="cred-audit", standalone_mode=False)
    except CredAuditError as error:
        audits = "; no audit was performed" if arguments[:1] == ["scan"] else ""
        say(f"cred-audit: {error}{audits}")
        return 2
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001  (a crash must not look like a finding, which is what 1 means)
        if isinstance(error, usage_error) and hasattr(error, "show"):
            error.show()
            return 2
        say(f"cred-audit: internal error, no audit was performed: {type(error).__name__}; please report it")
        if os.environ.get("CRED_AUDIT_DEBUG"):
            say("".join(traceback.format_exception(error)))
        return 2
    return code if isinstance(code, int) else 0


def _check_ids(incomplete: str) -> list[str]:
    """Complete a check's id from the bundled files' names, without loading them."""
    from cred_audit.bundled import bundled

    return sorted(path.stem for path in bundled("checks").glob(f"{incomplete}*.py"))


TargetFile = Annotated[Path, typer.Argument(help="The target file, YAML or JSON.", show_default=False)]
Output = Annotated[
    list[Path] | None,
    typer.Option(
        "--output", "-o", metavar="FILE", show_default=False,
        help="Also write a report, in the format of its suffix (.html .json .sarif .xml .md) or FORMAT:FILE.",
    ),
]  # fmt: skip
Format = Annotated[
    str, typer.Option("--format", "-f", help="What to print: table, json, html, sarif, junit, markdown.")
]
ChecksDir = Annotated[
    list[Path] | None,
    typer.Option("--checks-dir", metavar="DIR", show_default=False,
                 help="Load further checks from a folder; this runs its code, so only folders that you trust."),
]  # fmt: skip
AllowCommands = Annotated[
    bool, typer.Option("--allow-commands", help="Let the target's secret references run commands.")
]
AllowOutside = Annotated[
    bool, typer.Option("--allow-outside", help="Let the target name files outside its own folder.")
]
SnapshotFile = Annotated[
    Path | None,
    typer.Option("--snapshot", metavar="FILE", show_default=False, help="Judge a collected snapshot; no network."),
]


@app.command()
def scan(
    target: Annotated[
        Path | None, typer.Argument(help="The target file; not needed with --snapshot.", show_default=False)
    ] = None,
    snapshot: SnapshotFile = None,
    output: Output = None,
    form: Format = "table",
    check: Annotated[
        list[str] | None,
        typer.Option("--check", metavar="ID", help="Run only this check. Repeatable.", show_default=False,
                     autocompletion=_check_ids),
    ] = None,
    skip: Annotated[
        list[str] | None,
        typer.Option("--skip", metavar="ID", help="Leave this check out. Repeatable.", show_default=False,
                     autocompletion=_check_ids),
    ] = None,
    tenant: Annotated[
        list[str] | None,
        typer.Option("--tenant", metavar="ID", help="Only what this tenant does or suffers. Repeatable.",
                     show_default=False),
    ] = None,
    fail_on: Annotated[
        FailOn, typer.Option("--fail-on", help="Exit with 1 from this severity on; never: always 0.")
    ] = FailOn.LOW,
    allow_unknown: Annotated[
        bool, typer.Option("--allow-unknown", help="Exit with 0 although something is unknown.")
    ] = False,
    baseline: Annotated[
        Path | None,
        typer.Option("--baseline", metavar="FILE", show_default=False,
                     help="An older JSON result: only findings that it lacks decide the exit code."),
    ] = None,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Ask the live server itself about each witness (read-only).")
    ] = False,
    checks_dir: ChecksDir = None,
    allow_commands: AllowCommands = False,
    allow_outside: AllowOutside = False,
) -> int:  # fmt: skip
    """Audit a target: per agent a request that reaches another tenant, a proof that there is none, or unknown."""
    from cred_audit import audit
    from cred_audit.baseline import Baseline

    outputs = _outputs(output)
    render = _format(form)
    checks, left_out = _chosen(checks_dir, check, skip)
    known = Baseline(baseline, read_whole(baseline, _LIMIT)) if baseline is not None else None
    if snapshot is None and target is None:
        raise UsageError("scan: give a target file or --snapshot FILE")
    if confirm and snapshot is not None:
        raise UsageError("scan: --confirm asks a live server and cannot be used with --snapshot")
    facts = _facts(target, snapshot, allow_commands=allow_commands, allow_outside=allow_outside, tenants=tenant or ())
    command = f"cred-audit {' '.join(_shown_arguments())}"
    # Facts hold no cycles, and looking for some takes a fifth of the time.
    gc.disable()
    with progress_bar(os.environ) as progress:
        finished = audit.judge(
            facts, checks, left_out=left_out, now=datetime.now(UTC), command=command, log=_debug, progress=progress
        )
        if confirm:
            from cred_audit.confirm import confirmed

            finished = confirmed(finished, facts, allow_commands=allow_commands, environ=os.environ, progress=progress)
    finished = audit.narrowed(finished, frozenset(tenant or ()))
    for name, path in outputs:
        write_whole(path, _rendered(finished, name))
    emit(render(finished))
    severity = audit.severity_of(fail_on.value)
    return audit.exit_code(finished, fail_on=severity, allow_unknown=allow_unknown, known=known)


@app.command(epilog=_IAM_STATEMENTS)
def collect(
    target: Annotated[
        Path | None,
        typer.Argument(help="The target file; --print-policy --aws does without.", show_default=False),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="The snapshot to write.", show_default=False)
    ] = None,
    print_policy: Annotated[
        bool,
        typer.Option("--print-policy", help="Print the least-privilege policy that an auditor's token needs here."),
    ] = False,
    aws: Annotated[
        bool,
        typer.Option("--aws", help="With --print-policy: the IAM policy for reading AWS, made without reading it."),
    ] = False,
    allow_commands: AllowCommands = False,
    allow_outside: AllowOutside = False,
) -> int:
    """Read a target's systems into a snapshot: read-only, no secret values. Ends with 3 where a call was refused."""
    from cred_audit.snapshot import save

    if output is None and not print_policy:
        raise UsageError("collect: say where to write the snapshot (-o FILE), or --print-policy")
    if aws and not print_policy:
        raise UsageError("collect: --aws says which policy --print-policy prints; alone it means nothing")
    if print_policy and aws:
        emit(_iam_policy(target, allow_outside=allow_outside))
        if output is None:
            return 0
    if target is None:
        raise UsageError("collect: give a target file")
    facts = _facts(target, None, allow_commands=allow_commands, allow_outside=allow_outside)
    if print_policy and not aws:
        from cred_audit.collect.auditor import auditor_policy

        if facts.vault is None:
            raise UsageError("collect: the target declares no vault, so there is no policy to print; for AWS say --aws")
        emit(auditor_policy(facts.vault.world))
    if output is not None:
        text = save(facts)
        write_whole(output, text, private=True)
        say(f"{output}: {len(facts.gaps)} gaps; digest {_digest(text)}")
        for gap in facts.gaps[:20]:
            say(f"  not seen: {gap.namespace}{gap.what}: {gap.reason}")
        if len(facts.gaps) > 20:
            say(f"  and {len(facts.gaps) - 20} more; they stand in the snapshot")
    return 3 if facts.gaps and output is not None else 0


@app.command()
def report(
    result: Annotated[Path, typer.Argument(help="A result of `scan -f json`.", show_default=False)],
    output: Output = None,
    form: Format = "table",
) -> int:
    """Render a finished audit again, as HTML for example. Ends with 0: it judges nothing."""
    from cred_audit.render.json import from_json

    outputs = _outputs(output)
    render = _format(form)
    finished = from_json(read_whole(result, _LIMIT).decode("utf-8", "replace"))
    for name, path in outputs:
        write_whole(path, _rendered(finished, name))
    if not outputs:
        emit(render(finished))
    return 0


@app.command()
def validate(
    targets: Annotated[list[Path], typer.Argument(help="Target files, YAML or JSON.", show_default=False)],
    allow_outside: AllowOutside = False,
) -> int:
    """Check target files without reading any system."""
    from cred_audit.render.shown import plural

    worst = 0
    for path in targets:
        try:
            loaded = _target(path, allow_outside=allow_outside)
        except CredAuditError as error:
            say(f"cred-audit: {error}")
            worst = 2
            continue
        for warning in loaded.warnings:
            say(f"warning: {warning}")
        agents = sum(len(tenant.agents) for tenant in loaded.tenants)
        emit(f"{path}: {plural(len(loaded.tenants), 'tenant')}, {plural(agents, 'agent')}: valid\n")
    return worst


@app.command()
def schema(name: Annotated[SchemaName, typer.Argument(help="Which file's.")]) -> int:
    """Print a JSON Schema: of the target file, for editors, or of the JSON result."""
    import json

    if name is SchemaName.TARGET:
        from cred_audit.target.schema import target_schema as make
    else:
        from cred_audit.render.result_schema import result_schema as make
    emit(json.dumps(make(), indent=2, ensure_ascii=False) + "\n")
    return 0


@app.command()
def init(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The target file to write.")] = Path(
        "target.yaml"
    ),
    address: Annotated[
        str | None,
        typer.Option(
            help="Vault's address; without it VAULT_ADDR, without that no server is asked.", show_default=False
        ),
    ] = None,
    aws: Annotated[
        bool, typer.Option("--aws", help="Look at AWS too, with the caller's own credentials and region.")
    ] = False,
    endpoint_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Of an AWS emulator, for --aws.", show_default=False)
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing, take the proposal.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
) -> int:
    """Write a target file by asking; it proposes tenants from what it finds in a reachable Vault and in AWS (--aws)."""
    from cred_audit.init import Systems, written_target

    if output.exists() and not force:
        raise UsageError(f"{output}: exists already; --force overwrites it")
    if endpoint_url is not None and not aws:
        raise UsageError("init: --endpoint-url is AWS's; it goes with --aws")
    interactive = sys.stdin.isatty() and sys.stderr.isatty() and not yes
    with progress_bar(os.environ) as progress:
        text = written_target(
            Systems(vault=address, aws=aws, endpoint=endpoint_url),
            interactive=interactive,
            environ=os.environ,
            progress=progress,
            folder=output.parent,
        )
    write_whole(output, text)
    say(f"{output}: written; read its comments, then: cred-audit scan {output}")
    return 0


@app.command()
def checks(
    check_id: Annotated[
        str | None,
        typer.Argument(metavar="[ID]", help="Show this check only.", show_default=False, autocompletion=_check_ids),
    ] = None,
    new: Annotated[
        str | None,
        typer.Option("--new", metavar="ID", help="Print a skeleton for a check of your own.", show_default=False),
    ] = None,
    checks_dir: ChecksDir = None,
) -> int:
    """List the checks, or print the skeleton of a new one (redirect it to DIR/ID.py)."""
    from cred_audit.catalog import load_checks, page, rows, skeleton

    if new is not None:
        emit(skeleton(new))
        return 0
    known = load_checks(checks_dir or ())
    emit(page(_one(known, check_id)) if check_id is not None else _columns(rows(known)))
    return 0


@app.command()
def explain(
    check_id: Annotated[str, typer.Argument(metavar="ID", show_default=False, autocompletion=_check_ids)],
    checks_dir: ChecksDir = None,
) -> int:
    """Print a check's page: its claim, why, how it judges, how to fix what it finds; and an example if it has one."""
    from shutil import get_terminal_size

    from cred_audit.catalog import load_checks, page
    from cred_audit.render.example import example_of, shown

    check = _one(load_checks(checks_dir or ()), check_id)
    # A check from another folder has no example, whatever a bundled one of its name has.
    example = None if check.origin else example_of(check.id)
    emit(page(check) + (shown(example, get_terminal_size((80, 24)).columns) if example is not None else ""))
    return 0


@ask.command("vault")
def ask_vault(
    target: Annotated[Path | None, typer.Argument(help="The target file.", show_default=False)] = None,
    operation: Annotated[
        str | None, typer.Argument(help="read, list, scan, create, update, patch or delete.", show_default=False)
    ] = None,
    path: Annotated[
        str | None, typer.Argument(help="The API path, as it stands after /v1/.", show_default=False)
    ] = None,
    agent: Annotated[
        str | None, typer.Option(metavar="ID", help="Who asks: an agent's id, or TENANT/AGENT.", show_default=False)
    ] = None,
    namespace: Annotated[
        str | None,
        typer.Option(help="The namespace header of the request; by default the agent's.", show_default=False),
    ] = None,
    snapshot: SnapshotFile = None,
    requests: Annotated[
        Path | None,
        typer.Option("--requests", metavar="FILE", show_default=False,
                     help="Answer one JSON object a line instead; - is standard input."),
    ] = None,
    allow_commands: AllowCommands = False,
    allow_outside: AllowOutside = False,
) -> int:  # fmt: skip
    """Decide requests as the server would: one, explained; or many, without a server (--requests)."""
    from cred_audit.ask.batch import answer_lines
    from cred_audit.ask.explain import explained
    from cred_audit.ask.single import ask_one

    if requests is not None:
        if target is not None or snapshot is not None or agent is not None:
            raise UsageError("ask vault: --requests carries its own rules and takes no target, snapshot or agent")
        return _answered(requests, answer_lines)
    arguments = [word for word in (str(target) if target else None, operation, path) if word is not None]
    if snapshot is not None and len(arguments) == 2:
        # With a snapshot the target may be left out, so the words move up.
        target, (operation, path) = None, (arguments[0], arguments[1])
    if operation is None or path is None or agent is None or (target is None and snapshot is None):
        raise UsageError("ask vault: write TARGET --agent ID OPERATION PATH, or --requests FILE")
    facts = _facts(target, snapshot, allow_commands=allow_commands, allow_outside=allow_outside)
    emit(explained(agent, *ask_one(facts, agent, operation, path, namespace)))
    return 0


@ask.command("aws")
def ask_aws(
    target: Annotated[Path | None, typer.Argument(help="The target file.", show_default=False)] = None,
    action: Annotated[
        str | None, typer.Argument(help="As in a policy: secretsmanager:GetSecretValue.", show_default=False)
    ] = None,
    resource: Annotated[
        str | None, typer.Argument(help="Its ARN; * for an action that takes none.", show_default=False)
    ] = None,
    agent: Annotated[
        str | None, typer.Option(metavar="ID", help="Who asks: an agent's id, or TENANT/AGENT.", show_default=False)
    ] = None,
    resource_tag: Annotated[
        list[str] | None,
        typer.Option("--resource-tag", metavar="KEY=VALUE", show_default=False,
                     help="A tag of the resource, in place of those that the facts have. Repeatable."),
    ] = None,
    request_tag: Annotated[
        list[str] | None,
        typer.Option("--request-tag", metavar="KEY=VALUE", show_default=False,
                     help="A tag that the request sends. Repeatable."),
    ] = None,
    context: Annotated[
        list[str] | None,
        typer.Option("--context", metavar="KEY=VALUE", show_default=False,
                     help="Another condition key of the request; twice for two values. Repeatable."),
    ] = None,
    snapshot: SnapshotFile = None,
    requests: Annotated[
        Path | None,
        typer.Option("--requests", metavar="FILE", show_default=False,
                     help="Answer one JSON object a line instead (principal, policies, request); - is standard input."),
    ] = None,
    allow_commands: AllowCommands = False,
    allow_outside: AllowOutside = False,
) -> int:  # fmt: skip
    """Decide AWS requests: one of an agent, explained; or many by the policies beside them, without an account."""
    from cred_audit.ask.aws import Given, answer_lines, ask_one
    from cred_audit.ask.aws.explain import explained

    given = (target, snapshot, agent, resource_tag, request_tag, context)
    if requests is not None:
        if any(one is not None for one in given):
            raise UsageError("ask aws: --requests carries its own rules and takes no target, snapshot, agent or tags")
        return _answered(requests, answer_lines)
    arguments = [word for word in (str(target) if target else None, action, resource) if word is not None]
    if snapshot is not None and len(arguments) == 2:
        # With a snapshot the target may be left out, so the words move up.
        target, (action, resource) = None, (arguments[0], arguments[1])
    if action is None or resource is None or agent is None or (target is None and snapshot is None):
        raise UsageError("ask aws: write TARGET --agent ID ACTION ARN, or --requests FILE")
    asked = Given(
        resource_tags=_pairs("--resource-tag", resource_tag) if resource_tag is not None else None,
        request_tags=_pairs("--request-tag", request_tag),
        context=_values("--context", context),
    )
    facts = _facts(target, snapshot, allow_commands=allow_commands, allow_outside=allow_outside)
    emit(explained(ask_one(facts, agent, action, resource, asked)))
    return 0


@app.command()
def demo(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The HTML report to write.")] = Path(
        "demo-report.html"
    ),
    exit_code: Annotated[bool, typer.Option("--exit-code", help="End with the audit's exit code, not with 0.")] = False,
) -> int:
    """Audit a small platform with planted mistakes: a real OpenBao and an AWS emulator, started and stopped here."""
    from cred_audit import audit
    from cred_audit.catalog import load_checks
    from cred_audit.demo.run import demo_snapshot

    with progress_bar(os.environ) as progress:
        facts, how = demo_snapshot(progress)
        finished = audit.judge(
            facts, load_checks(), now=datetime.now(UTC), command="cred-audit demo", log=_debug, progress=progress
        )
    say(how)
    write_whole(output, _rendered(finished, "html"))
    emit(_format("table")(finished))
    say(f"The same as a report to hand over: {output}")
    code = audit.exit_code(finished, fail_on=audit.severity_of("low"), allow_unknown=False)
    return code if exit_code else 0


@app.command()
def completion(shell: Annotated[Shell, typer.Argument(help="The shell to complete in.")]) -> int:
    """Print the completion script of a shell, for packagers; people use --install-completion."""
    from typer._completion_shared import get_completion_script

    emit(get_completion_script(prog_name="cred-audit", complete_var="_CRED_AUDIT_COMPLETE", shell=shell.value) + "\n")
    return 0


def _columns(table: "Sequence[Sequence[str]]") -> str:
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]) - 1)]
    return "".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]) + "\n"
        for row in table
    )


def _answered(requests: Path, answer: "Callable[[Iterable[bytes], Callable[[str], object]], Answers]") -> int:
    from cred_audit.ask.lines import bounded_lines

    if str(requests) == "-":
        return answer(bounded_lines(sys.stdin.buffer), emit).exit_code
    try:
        with requests.open("rb") as file:
            return answer(bounded_lines(file), emit).exit_code
    except OSError as error:
        raise UsageError(f"{requests}: cannot be read: {error.strerror or error}") from None


def _pairs(option: str, given: "Sequence[str] | None") -> "dict[str, str]":
    """Return KEY=VALUE options as a mapping. Raises UsageError for one that is not, and for a key that comes twice."""
    pairs: dict[str, str] = {}
    for key, values in _values(option, given).items():
        if not isinstance(values, str):
            raise UsageError(f"{option} {key}: the key is given twice")
        pairs[key] = values
    return pairs


def _values(option: str, given: "Sequence[str] | None") -> "dict[str, str | tuple[str, ...]]":
    """Return KEY=VALUE options as a mapping; a key that comes more than once has several values."""
    values: dict[str, list[str]] = {}
    for word in given or ():
        key, equals, value = word.partition("=")
        if not key or not equals:
            raise UsageError(f"{option} {word[:80]!r}: KEY=VALUE is expected")
        values.setdefault(key, []).append(value)
    return {key: found[0] if len(found) == 1 else tuple(found) for key, found in values.items()}


def _target(path: Path, *, allow_outside: bool) -> "Target":
    from cred_audit.target.load import load_target

    return load_target(path, allow_outside=allow_outside)


def _iam_policy(target: Path | None, *, allow_outside: bool) -> str:
    from cred_audit.collect.auditor import auditor_iam_policy

    declared = _target(target, allow_outside=allow_outside) if target is not None else None
    if declared is not None and declared.aws is None:
        raise UsageError("collect: the target declares no aws, so there is no policy to print")
    return auditor_iam_policy(declared.aws if declared is not None else None)


def _facts(
    target: Path | None,
    snapshot: Path | None,
    *,
    allow_commands: bool,
    allow_outside: bool,
    tenants: Sequence[str] = (),
) -> "Snapshot":
    """Return what a saved snapshot holds, judged by the target where one is given, or read the target's systems."""
    from dataclasses import replace

    from cred_audit.audit import require_tenants

    declared = _target(target, allow_outside=allow_outside) if target is not None else None
    if snapshot is not None:
        from cred_audit.snapshot import load

        facts = load(read_whole(snapshot, _LIMIT), source=str(snapshot))
        facts = facts if declared is None else replace(facts, target=declared)
        require_tenants(facts.target, tenants)
        return facts
    if declared is None:
        raise UsageError("give a target file or --snapshot FILE")
    require_tenants(declared, tenants)
    from cred_audit.collect import collect as read

    with progress_bar(os.environ) as progress:
        return read(
            declared,
            allow_commands=allow_commands, allow_outside=allow_outside, progress=progress, environ=os.environ,
        )  # fmt: skip


def _chosen(
    folders: Sequence[Path] | None, only: Sequence[str] | None, skip: Sequence[str] | None
) -> "tuple[tuple[Check, ...], tuple[Check, ...]]":
    """Return the checks to run, and those that the command leaves out."""
    from cred_audit.catalog import load_checks

    known = load_checks(folders or ())
    for check_id in (*(only or ()), *(skip or ())):
        _one(known, check_id)
    chosen = tuple(each for each in known if (not only or each.id in only) and each.id not in (skip or ()))
    if not chosen:
        raise UsageError("scan: --check and --skip leave no check to run")
    return chosen, tuple(each for each in known if each not in chosen)


def _one(known: "Sequence[Check]", check_id: str) -> "Check":
    from difflib import get_close_matches

    for each in known:
        if each.id == check_id:
            return each
    near = get_close_matches(check_id, [each.id for each in known], 1)
    raise UsageError(f"no check {check_id!r}{f'; did you mean {near[0]}?' if near else ''}")


def _outputs(files: Sequence[Path] | None) -> list[tuple[str, Path]]:
    """Return format and file of each -o; unknown formats are refused before anything is read."""
    from cred_audit.render import format_of

    return [format_of(str(file)) for file in files or ()]


def _format(name: str) -> "Callable[[Report], str]":
    from cred_audit.render import check_format

    check_format(name)
    return lambda finished: _rendered(finished, name, to_terminal=True)


def _rendered(finished: "Report", name: str, *, to_terminal: bool = False) -> str:
    from cred_audit.render import rendered

    return rendered(finished, name, environ=os.environ, is_tty=to_terminal and sys.stdout.isatty())


def _shown_arguments() -> list[str]:
    import shlex

    return [shlex.quote(argument) for argument in sys.argv[1:]]


def _digest(text: str) -> str:
    import json

    return str(json.loads(text)["digest"])


def _debug(text: str) -> None:
    if os.environ.get("CRED_AUDIT_DEBUG"):
        say(text)
