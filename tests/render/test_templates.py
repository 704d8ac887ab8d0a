"""The README of the templates, held against the program."""

import dataclasses
import inspect
import re

from cred_audit.bundled import bundled
from cred_audit.render import page
from tests.render.template_context import README, with_context


def test_the_readme_lists_what_a_template_receives() -> None:
    text = README.read_text(encoding="utf-8")
    assert with_context(text) == text, "write it anew: python -m tests.render.template_context"


def test_every_field_is_used_by_a_template() -> None:
    written = "".join(path.read_text(encoding="utf-8") for path in bundled("reports/templates").glob("*.html"))
    used = set(re.findall(r"\.([a-z_0-9]+)", "".join(re.findall(r"\{[{%].*?[%}]\}", written, re.DOTALL))))
    types = [each for _, each in inspect.getmembers(page, dataclasses.is_dataclass)]
    assert len(types) > 10
    assert {field.name for each in types for field in dataclasses.fields(each)} - used == set()
