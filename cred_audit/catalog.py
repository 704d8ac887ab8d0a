"""Load the checks: the bundled folder, and the folders that the user names.

A check is code that runs with the auditor's rights. So only explicit folders are read: never the working
directory, never a folder that the target names, never `sys.path`. What cannot be loaded ends the run, since a
check that vanished would look like one that passed.
"""

import ast
import hashlib
import importlib.util
import inspect
import re
import stat
import sys
import textwrap
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from cred_audit.bundled import bundled
from cred_audit.check import Check
from cred_audit.errors import CheckError, UsageError
from cred_audit.facts import Snapshot
from cred_audit.finding import Finding, Severity

SOURCES = ("vault", "aws", "platform", "providers", "logs", "declared")
"""What a check may need: the parts of a target that facts are read from. A misspelt one would be skipped for ever."""
PARTS = ("Why", "How", "Fix")
"""The paragraphs that a check's docstring has, in this order."""
_ID = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+")
_PART = re.compile(rf"^({'|'.join(PARTS)}):[ \t]*", re.MULTILINE)
_LARGEST = 1 << 20
"""Bytes of a check's file; a larger one is no check."""
_SHOWN = 300
"""Characters of an error text from a check's own code."""
_LONGEST_PATH = 4096


def load_checks(extra: Sequence[Path] = ()) -> tuple[Check, ...]:
    """Return the bundled checks and those of the extra folders, sorted by id.

    Raises CheckError, with file and line, for the first file that is not a complete check, for an id that
    exists already and for a folder that is missing or holds no check.
    """
    try:
        own = bundled("checks")
    except FileNotFoundError as error:
        raise CheckError(str(error)) from None
    checks: dict[str, Check] = {}
    places: dict[str, Path] = {}
    for folder in (own, *extra):
        for path in _files(folder):
            stem = path.stem
            if stem in places:
                raise _fault(path, 1, f"a check with the id {stem} exists already: {places[stem]}; rename the file")
            checks[stem] = _load(path, foreign=folder is not own)
            places[stem] = path
    return tuple(checks[name] for name in sorted(checks))


def rows(checks: Iterable[Check]) -> tuple[tuple[str, str, str, str], ...]:
    """Return the catalogue's table: id, severity, needs, title."""
    return tuple((check.id, check.severity.value, ", ".join(check.needs) or "-", check.title) for check in checks)


def page(check: Check) -> str:
    """Return one check's page as plain text: title, id, severity, needs, controls, and why, how and fix."""
    parts = _parts(check.doc)
    lines = [f"{check.title}.", ""]
    facts = [
        ("Check", check.id),
        ("Severity", check.severity.value),
        ("Needs", ", ".join(check.needs) or "the target alone"),
        ("Supports", ", ".join(check.maps_to) or "no control is named"),
    ]
    if check.origin:
        facts += [("File", check.origin), ("SHA-256", check.sha256)]
    for label, value in facts:
        wrapped = textwrap.wrap(value, 66, break_long_words=False, break_on_hyphens=False)
        lines += [f"{label:<10}{text}" if not index else f"{'':<10}{text}" for index, text in enumerate(wrapped)]
    for name in PARTS:
        lines += ["", name, textwrap.indent(_wrapped(parts.get(name, "")), "  ")]
    return "\n".join(lines) + "\n"


def skeleton(check_id: str) -> str:
    """Return the text of a new check that loads and runs as it is, with a case of each verdict.

    Raises UsageError for an id that no file may have.
    """
    if _ID.fullmatch(check_id) is None:
        raise UsageError(
            f"{_clean(check_id)!r} is no id of a check; write lower-case words joined by underscores, the source first:"
            " vault_entities_name_their_tenant"
        )
    return _SKELETON


_SKELETON = '''"""Every entity in Vault says which tenant it belongs to.

Why: say what a tenant loses when this sentence is false.
How: say what is read and when it fails: each entity is read; it fails without the metadata `tenant`.
Fix: say what to change: set the metadata `tenant` of the entity.
"""

from collections.abc import Iterator

from cred_audit.check import Evidence, Finding, Severity, Skip, Snapshot, Verdict
from cred_audit.claims.survey import unseen

SEVERITY = Severity.LOW
NEEDS = ("vault",)
MAPS_TO = ("NIST AC-3",)


def run(snapshot: Snapshot) -> Iterator[Finding]:
    """Judge each entity, one finding per case, passes too."""
    if snapshot.vault is None:
        raise LookupError("NEEDS names vault, so this does not happen")
    seen = False
    for namespace in snapshot.vault.world.namespaces:
        if namespace.entities is None:
            # None means "not seen", which is never a pass: the finding names the gap.
            seen = True
            yield unseen(f"{namespace.path}identity/entity/id", snapshot)
            continue
        for entity in namespace.entities:
            seen = True
            where = f"{namespace.path}identity/entity/name/{entity.name}"
            tenant = entity.metadata.get("tenant")
            yield Finding(
                verdict=Verdict.PASS if tenant else Verdict.FAIL,
                subject=where,
                summary=f"{entity.name} belongs to {tenant or 'nobody'}.",
                evidence=(Evidence(where=where, shows=f"its metadata tenant is {tenant or 'not set'}"),),
                fix=None if tenant else "set the metadata tenant of the entity",
            )
    if not seen:
        raise Skip("no entity; identity/entity read in full")
'''


def _files(folder: Path) -> tuple[Path, ...]:
    """Return the files of a folder that are checks, sorted."""
    if not folder.is_dir():
        raise CheckError(
            f"{_clean(str(folder), _LONGEST_PATH)}: there is no such folder of checks; name an existing one"
        )
    try:
        found = sorted(
            path for path in folder.iterdir() if path.suffix == ".py" and not path.name.startswith(("_", ".", "README"))
        )
    except OSError as error:
        raise CheckError(
            f"{_clean(str(folder), _LONGEST_PATH)}: the folder of checks cannot be read: {error.strerror}"
        ) from None
    if not found:
        raise CheckError(
            f"{_clean(str(folder), _LONGEST_PATH)}: the folder holds no check; put <id>.py files there or leave it out"
        )
    return tuple(found)


def _load(path: Path, *, foreign: bool) -> Check:
    if _ID.fullmatch(path.stem) is None:
        raise _fault(path, 1, "the file's name is no id of a check; write lower-case words joined by underscores")
    source = _source(path)
    module = _module(path, source, foreign=foreign)
    title, doc = _document(path, module)
    return Check(
        id=path.stem,
        title=title,
        doc=doc,
        severity=_severity(path, source, module),
        needs=_needs(path, source, module),
        maps_to=_words(path, source, module, "MAPS_TO"),
        run=_run(path, source, module),
        origin=str(path) if foreign else "",
        sha256=hashlib.sha256(source).hexdigest() if foreign else "",
    )


def _source(path: Path) -> bytes:
    try:
        kind = path.stat()
        if not stat.S_ISREG(kind.st_mode):
            raise _fault(path, 1, "a check is a plain file")
        if kind.st_size > _LARGEST:
            raise _fault(path, 1, f"the file has {kind.st_size:,} bytes; a check has at most {_LARGEST:,}")
        return path.read_bytes()
    except OSError as error:
        raise _fault(path, 1, f"the file cannot be read: {error.strerror}") from None


def _module(path: Path, source: bytes, *, foreign: bool) -> ModuleType:
    name = f"cred_audit_checks.{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise _fault(path, 1, "Python cannot load the file")
    module = importlib.util.module_from_spec(spec)
    # A dataclass with postponed annotations looks its module up here while the module is still being run.
    sys.modules[name] = module
    try:
        _execute(path, source, spec, module, foreign=foreign)
    except (Exception, SystemExit) as error:  # whatever a check's own code raises
        sys.modules.pop(name, None)
        raise _fault(path, _line_of(error, path), f"the check cannot be loaded: {_told(error)}") from error
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def _execute(path: Path, source: bytes, spec: ModuleSpec, module: ModuleType, *, foreign: bool) -> None:
    if foreign or spec.loader is None:
        # The very bytes whose digest the report names, not a cached form of what the file once was.
        exec(compile(source, str(path), "exec", dont_inherit=True), module.__dict__)  # noqa: S102
    else:
        spec.loader.exec_module(module)


def _document(path: Path, module: ModuleType) -> tuple[str, str]:
    text = module.__doc__
    if not isinstance(text, str) or not text.strip():
        raise _fault(path, 1, "the docstring is missing; its first line is the claim, a sentence that is true on PASS")
    title, _, doc = inspect.cleandoc(text).partition("\n")
    doc = doc.strip()
    have = _parts(doc)
    for name in PARTS:
        if not have.get(name):
            raise _fault(path, 1, f"the docstring has no paragraph `{name}:`; it needs {', '.join(PARTS)}")
    if tuple(have) != PARTS:
        raise _fault(path, 1, f"the docstring's paragraphs stand in another order than {', '.join(PARTS)}")
    return title.strip().rstrip("."), doc


def _parts(doc: str) -> Mapping[str, str]:
    """Return the docstring's paragraphs by their names, in the order in which they stand."""
    marks = list(_PART.finditer(doc))
    ends = [mark.start() for mark in marks[1:]] + [len(doc)]
    return {mark.group(1): doc[mark.end() : end].strip() for mark, end in zip(marks, ends, strict=True)}


def _wrapped(text: str) -> str:
    paragraphs = re.split(r"\n[ \t]*\n", text)
    width = {"width": 76, "break_long_words": False, "break_on_hyphens": False}
    return "\n\n".join(textwrap.fill(" ".join(part.split()), **width) for part in paragraphs)  # type: ignore[arg-type]


def _severity(path: Path, source: bytes, module: ModuleType) -> Severity:
    value = _constant(path, module, "SEVERITY", "Severity.LOW, MEDIUM, HIGH or CRITICAL")
    if not isinstance(value, Severity):
        raise _wrong(path, source, "SEVERITY", value, "Severity.LOW, MEDIUM, HIGH or CRITICAL")
    return value


def _needs(path: Path, source: bytes, module: ModuleType) -> tuple[str, ...]:
    needs = _words(path, source, module, "NEEDS")
    for name in needs:
        if name not in SOURCES:
            known = ", ".join(SOURCES)
            raise _fault(path, _assigned(source, "NEEDS"), f"NEEDS names {_clean(name)!r}; the sources are {known}")
    return needs


def _words(path: Path, source: bytes, module: ModuleType, name: str) -> tuple[str, ...]:
    value = _constant(path, module, name, 'a tuple of texts, ("one",) or ()')
    if not isinstance(value, tuple) or not all(isinstance(word, str) and word.strip() for word in value):
        raise _wrong(path, source, name, value, 'a tuple of texts, ("one",) or ()')
    return value


def _run(path: Path, source: bytes, module: ModuleType) -> Callable[[Snapshot], Iterable[Finding]]:
    value = _constant(path, module, "run", "def run(snapshot: Snapshot) -> Iterator[Finding]")
    wanted = "a function of one argument, the snapshot, that yields findings"
    if not callable(value) or isinstance(value, type) or inspect.iscoroutinefunction(value):
        raise _wrong(path, source, "run", value, wanted)
    if inspect.isasyncgenfunction(value):
        raise _wrong(path, source, "run", value, wanted)
    try:
        inspect.signature(value).bind(None)
    except (TypeError, ValueError):
        raise _wrong(path, source, "run", value, wanted) from None
    run: Callable[[Snapshot], Iterable[Finding]] = value
    return run


def _constant(path: Path, module: ModuleType, name: str, wanted: str) -> Any:
    if name not in module.__dict__:
        raise _fault(path, 1, f"{name} is missing; it needs {wanted}")
    return module.__dict__[name]


def _wrong(path: Path, source: bytes, name: str, value: object, wanted: str) -> CheckError:
    return _fault(path, _assigned(source, name), f"{name} is of type {type(value).__name__}; it has to be {wanted}")


def _assigned(source: bytes, name: str) -> int:
    """Return the line that gives a name its last value at the top of the module; 1 where none is found."""
    line = 1
    for node in ast.parse(source).body:
        if name in _bound(node):
            line = node.lineno
    return line


def _bound(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    for target in targets:
        yield from (part.id for part in ast.walk(target) if isinstance(part, ast.Name))
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield from (alias.asname or alias.name for alias in node.names)


def _line_of(error: BaseException, path: Path) -> int:
    """Return the line of the check's file that raised; 1 where the error is not at any of its lines."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return error.lineno or 1
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return (lines[-1] if lines else None) or 1


def _told(error: BaseException) -> str:
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{type(error).__name__}: {_clean(text)}" if text else type(error).__name__


def _clean(text: str, limit: int = _SHOWN) -> str:
    """Return text from outside as one line that a terminal shows as it is."""
    cut = text[:limit] + ("..." if len(text) > limit else "")
    return "".join(each if each.isprintable() else f"\\u{ord(each):04x}" for each in cut)


def _fault(path: Path, line: int, what: str) -> CheckError:
    return CheckError(f"{_clean(str(path), _LONGEST_PATH)}:{line}: {what}")
