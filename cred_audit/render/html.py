"""The report for due diligence: one HTML file that needs no network and no script."""

import base64
import hashlib
from pathlib import Path

import jinja2
from markupsafe import Markup

from cred_audit.bundled import bundled
from cred_audit.errors import TemplateError
from cred_audit.render.compose import compose
from cred_audit.render.page import Page
from cred_audit.report import Report


def render(report: Report) -> str:
    """Return the page.

    Raises TemplateError where a template is broken or uses a name that it does not receive.
    """
    return fill(compose(report), bundled("reports/templates"))


def fill(page: Page, folder: Path) -> str:
    """Fill the templates of a folder.

    The style sheet stands inside the page, and the page's security policy names it by its hash, so nothing
    that came from outside could bring a style or a script of its own.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["number"] = _number
    try:
        style = (folder / "report.css").read_text(encoding="utf-8")
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        return environment.get_template("report.html").render(
            page=page,
            style=Markup(style),  # noqa: S704  (the bundled style sheet, not text from outside)
            style_hash=digest,
        )
    except jinja2.TemplateNotFound as error:
        message = f"template {error.name} is missing in {folder}; reinstall cred-audit"
        raise TemplateError(message) from error
    except jinja2.TemplateSyntaxError as error:
        message = f"{error.filename or folder}:{error.lineno}: {error.message}"
        raise TemplateError(message) from error
    except jinja2.UndefinedError as error:
        message = f"a template in {folder} uses what it does not receive: {error}"
        raise TemplateError(message) from error
    except OSError as error:
        message = f"the templates in {folder} cannot be read: {error}"
        raise TemplateError(message) from error


def _number(value: int) -> str:
    """Return `9,999`."""
    return f"{value:,}"
