"""`fangyan.report.page`: a page that needs nothing from elsewhere, whatever the names in it; a browser opens it."""

import re
from pathlib import Path

import pytest

from fangyan.report import report

from .chromium import Browser
from .fabricated import (
    INTERVALS,
    SITES,
    SOURCES,
    control,
    data_directory,
    early_exit,
    experiment,
    explained,
    groups,
    intervals,
    ranks,
    scores,
    three_varieties,
    words,
    write,
)
from .reading import Page


def test_page_needs_nothing_from_elsewhere(made):
    page = Page(made.with_name("report.html"))
    links = [
        value for tag, name, value in page.attributes if name in ("src", "href", "srcset", "action", "data")
    ]
    assert len(links) == 2  # layers, training; the heat map is a table
    assert all(link.startswith("data:image/svg+xml;base64,") for link in links)
    source = made.with_name("report.html").read_text()
    assert not re.search(r"https?://|@import|url\(", source)
    assert {"script", "link", "iframe"}.isdisjoint(page.tags)
    assert ("html", "lang", "en") in page.attributes
    assert ("meta", "name", "viewport") in page.attributes
    alts = [value for tag, name, value in page.attributes if (tag, name) == ("img", "alt")]
    assert len(alts) == 2 and "layer01 70.0, layer02 80.0" in alts[0]


def test_tables_scroll_in_their_own_box(made):
    source = made.with_name("report.html").read_text()
    assert source.count("<table") == len(re.findall(r'<div class="scroll"[^>]*>\s*<table', source)) == 9


def test_odd_names_are_words_not_markup(exp):
    codes = ("<b>x|y</b>", "$\\frac$", "河北_承德")
    for name in ("dev", "test"):
        scores(exp / "retrieval" / name, {"<i>": (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)}, codes)
    text = report(exp, "dev", ["test"], "./run.sh --tag '<script>alert(1)</script>'").read_text()
    assert "&lt;b>x\\|y&lt;/b>" in text
    page = Page(exp / "report.html")
    assert "b" not in page.tags[page.tags.index("table") :]
    assert "script" not in page.tags
    assert page.text.count("<b>x|y</b>") == 2
    assert "./run.sh --tag '<script>alert(1)</script>'" in page.text


def test_many_varieties_leave_the_numbers_to_the_page(tmp_path):
    codes = [f"s{n:02d}" for n in range(22)]
    for name in ("dev", "test"):
        scores(tmp_path / "retrieval" / name, {"norm": [0.5] * 462}, codes)
    text = report(tmp_path, "dev", ["test"]).read_text()
    assert "22 rows and columns: see report.html." in text
    page = Page(tmp_path / "report.html")
    assert page.text.count("s21") == 2  # a row and a column


@pytest.fixture(scope="module")
def browser(chromium_program, tmp_path_factory):
    browser = Browser(chromium_program, tmp_path_factory.mktemp("browser"))
    yield browser
    browser.ask("Browser.close")
    browser.process.wait(60)


@pytest.fixture(scope="module")
def everything(tmp_path_factory) -> Path:
    """The page of an experiment that has all that a report shows."""
    exp = experiment(tmp_path_factory.mktemp("everything") / "tag")
    three_varieties(exp, *SITES)
    groups(exp, ("yue", "wuu", 2, 0.35), ("wuu", "yue", 2, 0.15), ("wuu", "wuu", 2, 0.9))
    intervals(exp, text="".join(INTERVALS.splitlines(True)[:3]).replace("0.7 0.61", "0.35 0.31"))
    ranks(exp, {"s1": (1, 1), "s2": (1, 2)})
    control(exp)
    write(exp / "control" / "test" / "pronunciation.tsv", SOURCES + "cmn\tutt2ipa\t80\n")
    words(exp)
    early_exit(exp)
    explained(exp)
    data = data_directory(exp / "data" / "test", {"s1": "他们去吃饭", "s2": "我" * 40})
    report(exp, "dev", ["test"], "./run.sh --tag " + "x" * 300, data)
    return exp / "report.html"


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_opens_in_a_browser(browser, everything, width, scheme):
    browser.open(everything, width, scheme)
    assert browser.said() == []
    assert browser.fetched() == [everything.as_uri()]
    images = browser.images()
    assert len(images) == 11 and all(
        images
    )  # layers, map, 4 explained, control, bins, words, exits, training
    assert (
        browser.value("document.documentElement.scrollWidth") <= width
    )  # only tables and code scroll sideways
    paper = browser.value("getComputedStyle(document.body).backgroundColor")
    assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 24, 29)"}[scheme]
    on_white = browser.value("getComputedStyle(document.querySelector('img.paper')).filter")
    assert (on_white == "none") == (scheme == "light")  # drawn on white, so turned round on a dark page


def test_the_browser_sees_what_a_bad_page_does(browser, tmp_path):
    page = tmp_path / "bad.html"
    page.write_text(
        "<img src='data:image/png;base64,AAAA'><img src='missing.png'><script>console.error(1); x.y</script>"
    )
    browser.open(page, 360, "light")
    assert set(browser.said()) >= {"Runtime.consoleAPICalled", "Runtime.exceptionThrown"}
    assert browser.fetched() == [page.as_uri(), (tmp_path / "missing.png").as_uri()]
    assert browser.images() == [0, 0]
