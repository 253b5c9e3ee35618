"""`report.render.page`: a page that needs nothing from elsewhere, whatever the names in it; a browser opens it."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from fangyan.report.render.page import html_links, markdown_links

from ..fabricated import (
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
    report,
    scores,
    three_varieties,
    words,
    write,
)
from ..reading import Page


def test_page_needs_nothing_from_elsewhere(made):
    page = Page(made.with_name("report.html"))
    links = [
        value for tag, name, value in page.attributes if name in ("src", "href", "srcset", "action", "data")
    ]
    images = [link for link in links if link.startswith("data:image/svg+xml;base64,")]
    assert len(images) == 2  # layers, training; the heat map is a table
    assert all(link.startswith("#") for link in links if link not in images)
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


def test_the_contents_lead_to_every_section_on_the_page_and_in_markdown(made):
    page = Page(made.with_name("report.html"))
    anchors = [value for tag, name, value in page.attributes if (tag, name) == ("h2", "id")]
    links = [value for tag, name, value in page.attributes if (tag, name) == ("a", "href")]
    assert links == [f"#{anchor}" for anchor in anchors] and len(set(anchors)) == 9
    text = made.read_text()
    listed = re.findall(r"^- \[(.*)\]\(#(.*)\)$", text, re.MULTILINE)
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert [title for title, _ in listed] == headings[1:] and headings[0] == "Contents"
    assert [anchor for _, anchor in listed] == anchors
    assert ("Layer by layer", "layer-by-layer") in listed


def test_date_and_command_stand_above_all_sections(exp, unrendered):
    text = report(exp, "dev", ["test"], "./run.sh --seed 7").read_text()
    above = text.split("- [Systems compared]")[0]
    assert re.search(r"\nReported on \d{4}-\d\d-\d\d\.\n", above) and "\n    ./run.sh --seed 7\n" in above
    source = (exp / "report.html").read_text().split("<nav")[0]
    assert "Reported on " in source and "<code>./run.sh --seed 7</code>" in source


def test_a_path_that_exists_beside_the_report_is_a_link_and_no_other_is(tmp_path):
    write(tmp_path / "a" / "\u58f0.tsv", "")
    text = "a/\u58f0.tsv, a/: b/c, ../a/, a/<b>, /a/ and a/\u58f0.tsv."
    link = '<a href="a/%E5%A3%B0.tsv">a/\u58f0.tsv</a>'
    html = f"{link}, a/: b/c, ../a/, a/&lt;b&gt;, /a/ and {link}."
    assert html_links(tmp_path, text) == html
    assert markdown_links(tmp_path, "a/\u58f0.tsv*") == "[a/\u58f0.tsv](a/%E5%A3%B0.tsv)\\*"


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
    assert "22 rows and columns: see [report.html](report.html)." in text
    page = Page(tmp_path / "report.html")
    assert page.text.count("s21") == 2  # a row and a column


@dataclass
class Visit:
    """A page in a tab of its own, what was written to the console, and the addresses that were asked for."""

    tab: Any
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def images(self) -> list[int]:
        """The widths of the images, 0 for one that could not be loaded."""
        return self.tab.evaluate("[...document.images].map(image => image.naturalWidth)")


@pytest.fixture
def visit(chromium):
    """The function that opens a page, on a screen so wide, in light or dark."""
    visits = []

    def open_page(path: Path, width: int, scheme: str) -> Visit:
        size = {"width": width, "height": 800}
        visited = Visit(chromium.new_page(viewport=size, is_mobile=width < 600, color_scheme=scheme))
        visits.append(visited)
        visited.tab.on("console", lambda message: visited.said.append(message.text))
        visited.tab.on("pageerror", lambda error: visited.said.append(str(error)))
        visited.tab.on("request", lambda request: visited.asked.append(request.url))
        visited.tab.goto(path.as_uri())
        return visited

    yield open_page
    for visited in visits:
        visited.tab.close()


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


@pytest.mark.parametrize("width", [360, 390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_opens_in_a_browser(visit, everything, width, scheme):
    page = visit(everything, width, scheme)
    assert page.said == []
    assert [url for url in page.asked if not url.startswith("data:")] == [everything.as_uri()]
    images = page.images()
    assert len(images) == 11 and all(
        images
    )  # layers, map, 4 explained, control, bins, words, exits, training
    value = page.tab.evaluate
    assert value("document.documentElement.scrollWidth") <= width  # only tables and code scroll sideways
    paper = value("getComputedStyle(document.body).backgroundColor")
    assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 24, 29)"}[scheme]
    on_white = value("getComputedStyle(document.querySelector('img.paper')).filter")
    assert (on_white == "none") == (scheme == "light")  # drawn on white, so turned round on a dark page


@pytest.mark.parametrize("width", [390, 1280])
def test_a_link_of_the_contents_leads_to_its_section(visit, everything, width):
    tab = visit(everything, width, "light").tab
    tab.get_by_role("navigation", name="Contents").get_by_role("link", name="Hits and misses").click()
    heading = tab.get_by_role("heading", name="Hits and misses").bounding_box()
    assert -1 < heading["y"] < 100
    files = tab.get_by_role("link", name="explain/test/").get_attribute("href")
    assert (everything.parent / files).is_dir()
    low = tab.evaluate("""[...document.querySelectorAll('a')].filter(
        link => link.closest('nav') && link.getBoundingClientRect().height < 24).length""")
    assert low == 0  # a finger hits them


def test_the_browser_sees_what_a_bad_page_does(visit, tmp_path):
    file = tmp_path / "bad.html"
    file.write_text("<img src='missing.png'><script>console.error('one'); x.y</script>")
    page = visit(file, 360, "light")
    assert {"one", "x is not defined"} <= set(page.said)
    assert page.asked == [file.as_uri(), (tmp_path / "missing.png").as_uri()]
    assert page.images() == [0]
