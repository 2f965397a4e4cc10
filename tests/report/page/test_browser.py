"""The page in a real browser: it opens from a file, without a network and without an error, and answers its user."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING

import pytest

from seplace.api import Results
from tests.report.page.made import HOSTILE, empty, hostile, many

if TYPE_CHECKING:
    from playwright.sync_api import Browser, CDPSession, ConsoleMessage, Page

CHROMIUM = which("chromium") or which("chromium-browser") or which("google-chrome")
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
EFFECTS = Path("results/cifar10-effects")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


def is_trouble(message: "ConsoleMessage") -> bool:
    """Return whether a page said something that should not be; drivers without a GPU complain of being slow."""
    return message.type in ("error", "warning") and "GL Driver Message" not in message.text


def until(page: "Page", expression: str, *, seconds: float = 10) -> None:
    """Wait for a condition from outside: inside, the page's policy forbids to evaluate text."""
    end = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < end, f"not within {seconds} s: {expression}"
        page.wait_for_timeout(30)


@contextmanager
def opened(browser: "Browser", path: Path, *, seconds: float = 30) -> "Iterator[Page]":
    """Open a page, and check in the end that it had no error and asked for nothing."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text) if is_trouble(message) else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.absolute().as_uri())
    until(
        page, "document.documentElement.dataset.ready === 'yes' || !document.getElementById('library')", seconds=seconds
    )
    try:
        yield page
    finally:
        context.close()
    assert not said
    assert {url for url in asked if not url.startswith(("data:", "blob:"))} == {path.absolute().as_uri()}


def test_points_axes_and_table_answer(browser, tmp_path) -> None:
    path = Results.load(EFFECTS).report(tmp_path / "report.html")
    with opened(browser, path) as page:
        detail, chart = page.locator("#detail"), page.locator("#front-chart")
        # The advised placement is shown first; the keyboard and the pointer choose others.
        assert detail.locator(".title").inner_text() == "srm.parallel-eca-cbam8"
        chart.scroll_into_view_if_needed()
        chart.focus()
        page.keyboard.press("Home")
        assert detail.locator(".title").inner_text() == "none-none-none"
        place = page.evaluate(
            """() => { const chart = document.getElementById('front-chart'), axis = chart._fullLayout;
              const at = DATA.placement.indexOf('none-eca-cbam8'), box = chart.getBoundingClientRect();
              return [box.left + axis.xaxis._offset + axis.xaxis.d2p(DATA.axes[0].extra[at]),
                      box.top + axis.yaxis._offset + axis.yaxis.d2p(DATA.columns.gain[at])]; }"""
        )
        page.mouse.move(*place, steps=4)
        until(page, "document.querySelector('#detail .title').textContent === 'none-eca-cbam8'")
        assert "none-eca-cbam8" in page.locator("#tip").inner_text()
        page.mouse.click(*place)
        assert "Kept" in detail.inner_text()
        assert detail.locator(".strip li").all_inner_texts()[2].split() == ["stage", "3", "cbam", "r", "=", "8"]
        command = detail.locator(".command code").inner_text()
        assert command == "seplace export results/cifar10-effects --pick none-eca-cbam8"
        # The axes.
        title = "() => document.querySelector('#front-chart .xtitle').textContent"
        assert "extra FLOPs" in page.evaluate(title)
        for name in ("MACs", "parameters", "latency"):
            page.locator("#axis-choice label", has_text=name).click()
            assert name in page.evaluate(title)
        page.locator("#extra-choice label", has_text="total").click()
        assert "extra" not in page.evaluate(title)
        page.locator("#value-choice label", has_text="absolute").click()
        assert page.evaluate("() => document.querySelector('#front-chart .ytitle').textContent") == "accuracy, %"
        # The table.
        first = page.locator("#rows tbody tr").first
        assert "srm.parallel-eca-cbam8" in first.inner_text()
        page.locator("#rows thead button", has_text="extra FLOPs").click()
        page.locator("#rows thead button", has_text="extra FLOPs").click()
        assert "none-none-none" in first.inner_text()
        page.locator("#filter").fill("cbam8 gain>2 n>=2")
        until(page, "document.getElementById('shown').textContent.endsWith('of 4')")
        page.locator("#group").select_option("front")
        until(page, "document.getElementById('shown').textContent.endsWith('of 2')")
        page.locator("#table-choice label", has_text="trainings").click()
        page.locator("#filter").fill("seed=4")
        until(page, "document.querySelectorAll('#rows tbody tr').length === 1")
        # The theme, and no sideways scrolling at any width.
        before = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.locator("#theme").click()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
        for width in (390, 800, 1440):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        until(page, "document.getElementById('curve-chart').data?.length === 3")


def test_hostile_names_stay_text(browser, tmp_path, finished) -> None:
    path = Results.load(hostile(finished, tmp_path / "results")).report()
    with opened(browser, path) as page:
        assert page.evaluate("window.harmed") is None
        assert not page.locator("img[src='x'], main script").count()
        shown = page.locator("body").inner_text()
        assert shown.count(HOSTILE.replace("\u202e", "\\u202e")) >= 4
        page.locator("#table-choice label", has_text="trainings").click()
        page.locator("#filter").fill("seed=99 onerror")
        until(page, "document.querySelectorAll('#rows tbody tr').length === 1")
        assert HOSTILE.replace("\u202e", "\\u202e") in page.locator("#rows tbody tr").inner_text()
        assert page.evaluate("window.harmed") is None


def test_a_study_without_results_says_so(browser, tmp_path, finished) -> None:
    path = Results.load(empty(finished, tmp_path / "results")).report()
    assert path.stat().st_size < 100_000
    with opened(browser, path) as page:
        text = page.locator("main").inner_text()
        assert "No training is complete" in text
        assert "Nothing can be advised yet" in text
        assert not page.locator("#front").count()


@pytest.mark.long
def test_ten_thousand_evaluations(browser, tmp_path) -> None:
    folder = many(EFFECTS, tmp_path / "results", 10_000)
    start = time.process_time()
    path = Results.load(folder).report()
    made = time.process_time() - start
    size = path.stat().st_size
    assert size < 6_000_000
    with opened(browser, path, seconds=60) as page:
        metrics = page.context.new_cdp_session(page)
        metrics.send("Performance.enable", {"timeDomain": "threadTicks"})  # other tests share the processor
        page.reload()
        until(page, "document.documentElement.dataset.ready === 'yes'", seconds=60)
        ready = page.evaluate("performance.getEntriesByName('ready')[0].startTime") / 1000
        busy = figures_of(metrics)["TaskDuration"]
        until(page, "document.getElementById('curve-chart').data?.length > 1")
        memory = figures_of(metrics)["JSHeapUsedSize"] / 1e6
        assert re.search(r"of 4,9\d\d", page.locator("#shown").inner_text())
    said = f"{size / 1e6:.1f} MB, made in {made:.1f} s of processor time, interactive after {busy:.2f} s of it"
    print(f"{said} ({ready:.2f} s by the clock), {memory:.0f} MB of JavaScript heap")
    assert busy < 2.0


def figures_of(metrics: "CDPSession") -> dict[str, float]:
    return {each["name"]: each["value"] for each in metrics.send("Performance.getMetrics")["metrics"]}
