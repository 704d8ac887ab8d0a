"""The HTML report in a real browser: accessible in light and dark, silent, narrow, printable."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from cred_audit.finding import finding_id
from cred_audit.render.html import render
from tests.render import sample

_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_WIDE = ViewportSize(width=1280, height=900)
_PHONE = ViewportSize(width=390, height=844)

pytestmark = pytest.mark.skipif(_CHROMIUM is None, reason="no chromium on PATH: apt-get install chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start one browser for all tests."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=_CHROMIUM,
            args=[
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ],
        )
        yield started
        started.close()


@pytest.fixture(scope="module", params=["leaky", "hostile"])
def file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write one report."""
    path = tmp_path_factory.mktemp("page") / f"{request.param}.html"
    path.write_text(render(getattr(sample, request.param)()), encoding="utf-8")
    return path


def _opened(browser: Browser, file: Path, **options: object) -> Page:
    page = browser.new_page(**options)  # type: ignore[arg-type]
    page.goto(file.as_uri())
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation(browser: Browser, file: Path, scheme: str) -> None:
    # The page forbids every script, axe's own too; only this test looks past that.
    page = _opened(browser, file, color_scheme=scheme, viewport=_WIDE, bypass_csp=True)
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    found = Axe().run(page)
    page.close()
    assert found.response["passes"]
    assert found.response["violations"] == [], found.generate_report()


def test_the_browser_says_nothing_and_asks_for_nothing(browser: Browser, file: Path) -> None:
    page = browser.new_page(viewport=_WIDE)
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    page.wait_for_load_state("networkidle")
    style = page.evaluate("getComputedStyle(document.querySelector('.answer')).borderLeftWidth")
    page.close()
    assert said == []
    assert asked == [file.as_uri()]
    assert style == "6px"  # the style sheet passed the page's own policy


@pytest.mark.parametrize("viewport", [_WIDE, _PHONE], ids=["wide", "phone"])
def test_no_width_needs_scrolling_sideways(browser: Browser, file: Path, viewport: ViewportSize) -> None:
    page = _opened(browser, file, viewport=viewport)
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    width = page.evaluate("document.documentElement.scrollWidth")
    page.close()
    assert width <= viewport["width"]


def test_the_keyboard_reaches_the_report_the_contents_and_the_wide_table(browser: Browser, file: Path) -> None:
    page = _opened(browser, file, viewport=_WIDE)
    reached = []
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.className || document.activeElement.tagName"))
    page.close()
    assert reached[0] == "skip"
    assert {"A", "scroll", "SUMMARY"} <= set(reached)


def test_print_opens_what_is_folded_and_is_light_on_a_dark_screen(browser: Browser, file: Path) -> None:
    page = _opened(browser, file, color_scheme="dark", viewport=_WIDE)
    screen = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.emulate_media(media="print")
    printed = page.evaluate("getComputedStyle(document.body).backgroundColor")
    shown = page.evaluate(
        "[...document.querySelectorAll('details:not([open]) > :nth-child(2)')]"
        ".filter(each => !each.matches('.long')).map(each => each.checkVisibility({contentVisibilityAuto: true}))"
    )
    pdf = page.pdf(prefer_css_page_size=True, print_background=True, tagged=True)
    page.close()
    assert (screen, printed) == ("rgb(19, 23, 29)", "rgb(255, 255, 255)")
    assert shown
    assert all(shown)
    assert pdf.startswith(b"%PDF-")
    assert pdf.count(b"/Type /Page\n") >= 2


def test_a_link_to_a_folded_finding_opens_it(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "leaky.html"
    path.write_text(render(sample.leaky()), encoding="utf-8")
    anchor = "vault_no_cross_tenant_read/" + _hash_of("initech")
    page = browser.new_page(viewport=_WIDE)
    page.goto(f"{path.as_uri()}#{anchor}")
    open_around = page.evaluate("document.getElementById(location.hash.slice(1)).closest('details').open")
    page.close()
    assert open_around


def _hash_of(tenant: str) -> str:
    return finding_id("check", sample.leak(tenant)).partition("/")[2]
