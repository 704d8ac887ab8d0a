"""The generated parts of the docs: `python -m tests.docs` compares them, `--write` rewrites them."""

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from cred_audit.bundled import bundled
from cred_audit.catalog import load_checks, rows

CHECKS = bundled("checks") / "README.md"
_REGION = "<!-- {name}: written by `python -m tests.docs --write` -->\n"
_END = "<!-- end of {name} -->\n"


def catalogue() -> str:
    """Return the table of all bundled checks, sorted by id."""
    lines = ["| id | severity | needs | claim |", "|---|---|---|---|"]
    for check_id, severity, needs, title in rows(load_checks()):
        lines.append(f"| [`{check_id}`]({check_id}.py) | {severity} | {needs} | {title} |")
    return "\n".join(lines) + "\n"


GENERATED: Mapping[Path, Mapping[str, Callable[[], str]]] = {CHECKS: {"catalogue": catalogue}}
"""File -> name of the region in it -> what stands there."""


def written(file: Path) -> str:
    """Return the file's text with its regions as they should be."""
    text = file.read_text(encoding="utf-8")
    for name, make in GENERATED[file].items():
        begin, end = _REGION.format(name=name), _END.format(name=name)
        before, rest = text.split(begin)
        text = f"{before}{begin}{make()}{end}{rest.split(end)[1]}"
    return text


def example() -> tuple[str, str]:
    """Return the file name and the text of the check that checks/README.md teaches with."""
    text = CHECKS.read_text(encoding="utf-8")
    name = re.search(r"Save this as `([a-z_]+\.py)`", text)
    code = re.search(r"<!-- example -->\n```python\n(.*?)```\n<!-- end of example -->", text, re.DOTALL)
    if name is None or code is None:
        raise LookupError("checks/README.md has no example any more")
    return name.group(1), code.group(1)


def main(words: list[str]) -> int:
    """Write or compare; 1 when a file differs and is not to be written."""
    stale = [file for file in GENERATED if file.read_text(encoding="utf-8") != written(file)]
    for file in stale:
        if "--write" in words:
            file.write_text(written(file), encoding="utf-8")
        sys.stdout.write(f"{'wrote' if '--write' in words else 'out of date'}: {file}\n")
    return 1 if stale and "--write" not in words else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
