"""The page in a real browser: a recording goes in, the same sentence comes out, is heard and seen."""

import re
from urllib.parse import urlsplit

import numpy as np
import pytest

from fangyan.data import audio

HERE = {"127.0.0.1", None}
"""The latter is of data: and blob: addresses."""


LISTENER = r"""
window.keys = [];
const text = node => (node.nodeType == Node.TEXT_NODE ? node.data : node.textContent) || '';
new MutationObserver(changes => changes.forEach(change => {
  const said = change.type == 'childList' ? [...change.addedNodes] : [change.target];
  const keys = /\b(common|status|audio|upload_text|errors)\.[a-z_]+/g;
  said.forEach(node => window.keys.push(...(text(node).match(keys) || [])));
})).observe(document, {subtree: true, childList: true, characterData: true});
"""
"""Gathers what the page says, be it for a moment and to screen readers alone, in place of a translation."""

SCREEN = {"viewport": {"width": 1400, "height": 900}}
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True, "locale": "zh-CN"}


@pytest.fixture
def tab(chromium, blocks, request):
    """The page in a tab of its own, on a screen or on a phone."""
    yield from visit(chromium, blocks, request)


@pytest.fixture
def reading_tab(chromium, reader, request):
    """The page of a model with a text side, as `tab`."""
    from fangyan.demo.server import start_page

    served = start_page(reader)
    yield from visit(chromium, served, request)
    served.close()


def visit(chromium, blocks, request):
    """The page in a tab which asks no other machine for anything."""
    visited = chromium.new_page(**getattr(request, "param", SCREEN))
    visited.set_default_timeout(60_000)
    asked, broken = [], []
    visited.add_init_script(LISTENER)
    visited.on("request", lambda request: asked.append(request.url))
    visited.on("pageerror", lambda error: broken.append(error))
    visited.goto(blocks.local_url)
    visited.get_by_text("24 recordings of 8 sentences").wait_for()
    visited.evaluate("window.keys = []")  # what came before is the page's own table of translations
    yield visited
    keys = visited.evaluate("window.keys")
    visited.close()
    assert keys == []
    assert {urlsplit(url).hostname for url in asked} <= HERE
    assert not broken


def hits(tab, variety):
    return tab.get_by_role("region", name=variety).get_by_role("listitem")


def tick(box, wanted):
    """Ticks a box or clears it, again where a click is lost because an answer that arrives draws the boxes anew."""
    while box.is_checked() != wanted:
        box.click()
        box.page.wait_for_timeout(300)


def upload(tab, wav):
    tab.get_by_label("Upload file").click()
    tab.locator("input[type=file]").set_input_files(wav)
    hits(tab, "Hakka").first.wait_for()


def test_an_upload_finds_its_sentence_which_is_heard_and_seen(tab, library):
    asked = library.utterances["yuetest-s01"]
    upload(tab, asked.wav)
    for variety in ("Mandarin", "Hakka", "Cantonese"):
        assert hits(tab, variety).count() == 3
        assert asked.text in hits(tab, variety).first.inner_text()
    assert "1.000" in hits(tab, "Cantonese").first.inner_text()  # it finds itself, which is no feat
    with tab.expect_response(re.compile("file=.*haktest-s01.wav")) as response:
        hits(tab, "Hakka").first.get_by_role("button", name=f"play {asked.text}").click()
    assert response.value.ok
    tab.wait_for_function("document.querySelector('.frames img')?.naturalWidth > 500")
    assert "SeqSim 1.000" in tab.locator(".frames img").get_attribute("alt")


def test_another_hit_is_shown_when_it_is_chosen(tab, library):
    upload(tab, library.utterances["yuetest-s01"].wav)
    tab.get_by_alt_text("query to yue").wait_for()
    second = hits(tab, "Mandarin").nth(1).locator("[data-hit]")
    second.click()
    tab.get_by_alt_text("query to cmn").wait_for()
    assert second.get_attribute("aria-pressed") == "true"
    assert tab.locator("[aria-pressed=true]").count() == 1


def test_an_example_is_looked_for_in_the_other_varieties(tab):
    tab.get_by_role("gridcell", name="Mandarin").first.click()
    right = hits(tab, "Hakka").first
    right.wait_for()
    assert "the same sentence" in right.inner_text()
    assert not tab.get_by_role("region", name="Mandarin").count()
    tick(tab.get_by_role("checkbox", name="Mandarin"), True)
    hits(tab, "Mandarin").first.wait_for()
    assert "the same sentence" not in tab.get_by_role("region", name="Mandarin").inner_text()  # not itself


def test_the_microphone_is_listened_to(tab):
    tab.get_by_role("button", name="Record", exact=True).click()
    tab.wait_for_timeout(2500)  # it beeps once a second
    tab.get_by_role("button", name="Stop", exact=True).click()
    hits(tab, "Mandarin").first.wait_for()
    tab.locator(".frames img").wait_for()


@pytest.mark.parametrize("tab", [SCREEN, PHONE], ids=["screen", "phone"], indirect=True)
def test_what_answers_a_tap_is_in_sight(tab):
    high, wide = tab.viewport_size["height"], tab.viewport_size["width"]

    def in_sight(selector):
        tab.locator(selector).first.wait_for()
        place = f"document.querySelector('{selector}').getBoundingClientRect().top"
        tab.wait_for_function(f"-1 < {place} && {place} <= {high / 2}")

    tab.get_by_role("gridcell", name="Mandarin").first.click()
    in_sight(".hits")
    tab.locator(".frames img").wait_for()
    hits(tab, "Hakka").last.locator("[data-hit]").click()
    tab.get_by_alt_text("query to hak").wait_for()
    in_sight(".frames")
    tab.wait_for_timeout(5500)  # screen readers are told every five seconds
    assert tab.evaluate("document.documentElement.scrollWidth") <= wide
    assert tab.get_by_role("gridcell", name="Mandarin").first.is_visible() == (wide > 640)  # examples fold


def test_a_beep_is_told_to_score_less_than_right_answers(tab, tmp_path):
    time = np.arange(16_000) / 16_000
    audio.write(tmp_path / "beep.wav", 0.3 * np.sin(2 * np.pi * 440 * time))
    upload(tab, tmp_path / "beep.wav")
    for variety in ("Mandarin", "Hakka", "Cantonese"):
        assert (
            tab.get_by_role("region", name=variety).get_by_text("Below what right answers score").is_visible()
        )
    muted = tab.evaluate("getComputedStyle(document.querySelector('.hits .above')).color")
    assert tab.evaluate("getComputedStyle(document.querySelector('.low .words span')).color") == muted


def test_text_in_place_of_a_recording_is_told_in_words(tab, tmp_path):
    (tmp_path / "notes.wav").write_text("no sound")
    tab.get_by_label("Upload file").click()
    tab.locator("input[type=file]").set_input_files(tmp_path / "notes.wav")
    tab.get_by_text("not readable as audio").wait_for()


@pytest.mark.parametrize("reading_tab", [SCREEN, PHONE], ids=["screen", "phone"], indirect=True)
def test_a_sentence_may_be_typed_where_it_is_understood(reading_tab, reader):
    tab = reading_tab
    upload(tab, reader.utterances["yuetest-s01"].wav)
    tab.get_by_alt_text("query to").wait_for()
    tab.get_by_label("Or type it in Mandarin").fill("我吃饭")
    tab.get_by_label("Or type it in Mandarin").press("Enter")
    tab.get_by_text("Typed", exact=True).wait_for()
    tab.locator(".frames img").wait_for(state="detached")  # which were those of the recording
    assert not tab.get_by_text("The model writes").count()
    best = reader.find(reader.read("我吃饭"), ["hak"])["hak"][0]
    assert best.entry.text in hits(tab, "Hakka").first.inner_text()
    tick(tab.get_by_role("checkbox", name="Cantonese"), False)
    tab.get_by_role("region", name="Cantonese").wait_for(state="detached")
    assert tab.get_by_text("Typed", exact=True).is_visible()
    assert tab.evaluate("document.documentElement.scrollWidth") <= tab.viewport_size["width"]
    if tab.viewport_size["width"] > 640:  # on a phone examples have folded
        tab.get_by_role("gridcell", name="Mandarin").first.click()
        tab.get_by_text("Asked, Mandarin").wait_for()
        assert tab.get_by_label("Or type it in Mandarin").input_value() == ""


def test_without_a_text_side_there_is_no_field(tab):
    assert not tab.get_by_label("Or type it in Mandarin").count()
