"""The table of what a template receives, made from `page.py`; `python -m tests.render.template_context` writes it."""

import ast
from pathlib import Path

from cred_audit.bundled import bundled
from cred_audit.render import page

README = bundled("reports/templates") / "README.md"
_BEGIN = "<!-- context: written by `python -m tests.render.template_context` -->\n"
_END = "<!-- end of context -->\n"


def context() -> str:
    """Return the Markdown of every type that a template sees, the page first."""
    module = ast.parse(Path(str(page.__file__)).read_text(encoding="utf-8"))
    classes = [node for node in module.body if isinstance(node, ast.ClassDef)]
    classes.sort(key=lambda node: node.name != "Page")
    return "\n".join(_table(node) for node in classes)


def _table(node: ast.ClassDef) -> str:
    rows = [f"### {node.name}", "", ast.get_docstring(node) or "", "", "| field | type | meaning |", "|---|---|---|"]
    for field, said in zip(node.body[1::2], node.body[2::2], strict=True):
        assert isinstance(field, ast.AnnAssign)
        assert isinstance(field.target, ast.Name)
        assert isinstance(said, ast.Expr)
        assert isinstance(said.value, ast.Constant)
        kind = ast.unparse(field.annotation).replace("|", "or")
        rows.append(f"| `{field.target.id}` | `{kind}` | {said.value.value!s} |")
    return "\n".join(rows) + "\n"


def with_context(text: str) -> str:
    """Return the README's text with the tables as they should be."""
    before, rest = text.split(_BEGIN)
    return before + _BEGIN + "\n" + context() + "\n" + _END + rest.split(_END)[1]


if __name__ == "__main__":
    README.write_text(with_context(README.read_text(encoding="utf-8")), encoding="utf-8")
