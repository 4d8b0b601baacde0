"""The built site, opened from its folder without a network: light and dark, desktop and phone."""

import re
import runpy
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
import pytest

from dlpar.doctor import find_chromium

ROOT = Path(__file__).parents[1]
SITE = ROOT / "_build" / "html"
PAGES = runpy.run_path(str(ROOT / "book" / "_ext" / "notebook_copies.py"))["pages"](ROOT)
CONTRAST = (ROOT / "tests" / "contrast.js").read_text()
OVERFLOW = (ROOT / "tests" / "overflow.js").read_text()
SCREENS = {"desktop": (1360, 900), "phone": (390, 844)}

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
each_page = pytest.mark.parametrize("page", PAGES)


@pytest.fixture(scope="module")
def chromium():
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium):
    """Return a function that opens a page offline; what it logs and fetches is looked at after."""
    contexts, wrong = [], []

    def open_page(page, screen="desktop", scheme="light"):
        width, height = SCREENS[screen]
        context = chromium.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, offline=True
        )
        contexts.append(context)
        tab = context.new_page()
        tab.on("pageerror", lambda error: wrong.append(str(error)))
        tab.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
        tab.on("requestfailed", lambda request: wrong.append(request.url))
        tab.goto((SITE / page).as_uri())
        tab.wait_for_function("!window.MathJax || MathJax.startup.promise !== undefined")
        tab.evaluate("() => window.MathJax && MathJax.startup.promise")
        return tab

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", SCREENS)
@each_page
def test_a_page_fits_its_screen_reads_well_and_fetches_nothing(page, screen, scheme, visit):
    tab = visit(f"{page}.html", screen, scheme)
    wide = tab.evaluate(OVERFLOW)
    assert wide == [], "wider than the screen, and in no box that scrolls"
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert tab.evaluate("document.documentElement.dataset.theme") == scheme
    assert tab.evaluate(CONTRAST) == []


@each_page
def test_formulas_figures_and_images_are_drawn(page, visit):
    tab = visit(f"{page}.html")
    shown = tab.evaluate("""() => ({
        math: document.querySelectorAll("article .math").length,
        drawn: document.querySelectorAll("article .math mjx-container").length,
        broken: document.querySelectorAll("mjx-merror, [data-mjx-error]").length,
        images: [...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src),
        flat: [...document.querySelectorAll("article figure.dlpar-fig svg")]
            .filter(s => s.checkVisibility() && s.getBoundingClientRect().height < 20).length,
        silent: [...document.querySelectorAll("article figure.dlpar-fig")]
            .filter(f => !f.getAttribute("aria-label")).length,
    })""")
    assert shown["drawn"] >= shown["math"]
    assert (shown["broken"], shown["images"], shown["flat"], shown["silent"]) == (0, [], 0, 0)


@each_page
def test_a_page_offers_its_notebook_and_launch_buttons(page, visit):
    tab = visit(f"{page}.html")
    links = tab.eval_on_selector_all("a[href]", "all => all.map(a => a.href)")
    (notebook,) = {link for link in links if link.endswith(".ipynb") and link.startswith("file")}
    copy = nbformat.read(urlsplit(notebook).path, as_version=4)
    nbformat.validate(copy)
    assert "pip install" in copy.cells[0].source
    assert "plan" not in copy.metadata
    assert "BEGIN SOLUTION" not in nbformat.writes(copy)
    assert any(f"mybinder.org/v2/gh/dlpar/dlpar/main?urlpath=lab/tree/{page}" in u for u in links)
    assert any(
        f"colab.research.google.com/github/dlpar/dlpar/blob/gh-pages/_sources/{page}.ipynb" in u
        for u in links
    )


@each_page
def test_links_inside_the_site_lead_somewhere(page):
    html = (SITE / f"{page}.html").read_text()
    ids = {page: set(re.findall(r'\bid="([^"]+)"', html))}
    for target in set(re.findall(r'href="([^"]+)"', html)):
        url = urlsplit(target)
        if url.scheme:
            continue
        path = (SITE / f"{page}.html").parent / url.path if url.path else SITE / f"{page}.html"
        assert path.exists(), target
        if url.fragment and path.suffix == ".html":
            name = str(path.resolve())
            ids.setdefault(name, set(re.findall(r'\bid="([^"]+)"', path.read_text())))
            assert url.fragment in ids[name], target


@each_page
def test_the_plan_is_not_for_readers(page):
    assert "belief it corrects" not in (SITE / f"{page}.html").read_text()


def test_the_front_door_leads_to_the_first_page(chromium):
    tab = chromium.new_page(offline=True)
    tab.goto((SITE / "index.html").as_uri())
    tab.wait_for_url("**/book/intro.html")
    tab.close()


def test_search_finds_without_a_server(chromium):
    """Titles, that is: the theme would fetch a line of each page, which a file may not."""
    tab = chromium.new_page(offline=True)
    tab.goto((SITE / "search.html").as_uri() + "?q=ring")
    tab.wait_for_selector("#search-results >> text=Search finished")
    found = tab.eval_on_selector_all("#search-results li a", "all => all.map(a => a.href)")
    tab.close()
    assert any("book/intro.html" in link for link in found)


@each_page
def test_guesses_are_kept_and_resolved(page, visit):
    expect = pytest.importorskip("playwright.sync_api").expect
    tab = visit(f"{page}.html")
    for box in range(tab.locator(".dlpar-predict").count()):
        name = tab.locator(".dlpar-predict").nth(box).get_attribute("data-name")
        asked = f".dlpar-predict[data-name='{name}']"
        answered = f".dlpar-resolve[data-name='{name}']"
        radios = tab.locator(f"{asked} input[type=radio]")
        if radios.count():
            radios.nth(1).check()
        else:
            tab.locator(f"{asked} input").fill("3")
            tab.locator(f"{asked} input").blur()
        tab.reload()
        if radios.count():
            expect(tab.locator(f"{asked} input[type=radio]").nth(1)).to_be_checked()
        said = tab.locator(f"{answered} .guess").first.inner_text()
        assert said.startswith("You guessed")


@each_page
def test_steppers_step_with_buttons_slider_and_keys(page, visit):
    tab = visit(f"{page}.html")
    for k in range(tab.locator(".dlpar-stepper").count()):
        stepper = tab.locator(".dlpar-stepper").nth(k)
        back, forth = stepper.locator("button").first, stepper.locator("button").last
        slider = stepper.locator("input")
        last = int(slider.get_attribute("max"))
        assert stepper.locator(".frame:visible").count() == 1
        assert back.is_disabled()
        forth.click()
        assert slider.input_value() == str(min(1, last))
        slider.focus()
        for _ in range(last):
            slider.press("ArrowRight")
        assert slider.input_value() == str(last)
        assert forth.is_disabled()
        assert stepper.locator(".frame:visible").count() == 1
