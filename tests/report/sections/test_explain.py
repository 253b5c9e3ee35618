"""`fangyan.report.sections.explain`: the section "Hits and misses"."""

import base64
import json
from dataclasses import replace
from io import BytesIO

import pytest
import soundfile

from fangyan.data import datadir
from fangyan.report.render import blocks
from fangyan.report.render.blocks import Recording

from ..fabricated import CHARACTERS, DOT, explained, report, write
from ..reading import Page


def test_hits_and_misses_say_what_was_found_and_which_characters_did_it(exp):
    explained(exp)
    text = report(exp, "dev", ["test"]).read_text()
    assert text.index("## Sentence by") < text.index("## Hits and misses") < text.index("## Meaning or sound")
    section = text.split("## Hits and misses\n")[1].split("\n## ")[0].strip().split("\n\n")
    words = "- query, cmn-a: 我吃早饭\n- target, yue-a: 食&lt;b>"
    assert section[1] == words  # of data that is not there, what the model is to write
    most = "Most to precision: 吃 0.40, 饭 0.20, 我 0.10; to recall: 食 0.50, &lt;b> 0.25."
    assert section[3::3] == [
        f"Hit: cmn-a finds its translation yue-a. SeqSim 0.900, 0.250 ahead of the best wrong one. {most}",
        f"Hit: yue-b finds its translation cmn-b. SeqSim 0.800, 0.125 ahead of the best wrong one. {most}",
        f"Miss: cmn-d finds yue-e. SeqSim 0.750, 0.063 ahead of its translation. {most}",
        f"The same query cmn-d with its translation yue-d. SeqSim 0.688. {most}",
    ]
    assert [line.rpartition("/")[2] for line in section[2:-1:3]] == [
        *("hit1.png>)", "hit2.png>)", "miss1_wrong.png>)", "miss1_right.png>)"),
    ]
    assert (
        section[-1]
        == "All 5 pictures of test, with tables of frames and characters: [explain/test/](explain/test/)."
    )
    assert (exp / "images" / "miss1_wrong.png").read_bytes() == DOT
    assert not (exp / "images" / "hit3.png").exists()
    page = Page(exp / "report.html")
    links = [value for tag, key, value in page.attributes if (tag, key) == ("img", "src")]
    assert links.count("data:image/png;base64," + base64.b64encode(DOT).decode()) == 4
    assert page.classes.count("paper") == 4


def test_explanations_without_characters_and_of_further_sets(exp, unrendered):
    explained(exp, characters=CHARACTERS.splitlines()[0])
    explained(exp, name="far")
    text = report(exp, "dev", ["test", "far"]).read_text()
    hit = "Hit: cmn-a finds its translation yue-a. SeqSim 0.900, 0.250 ahead of the best wrong one."
    assert f"{hit}\n" in text and f"{hit} Most to" in text  # without in test, with them in far
    assert "No characters were found" not in text
    assert "](<images/hit1_far.png>)" in text and (exp / "images" / "hit1_far.png").exists()


def test_an_encoder_that_writes_nothing_is_told_once(exp, unrendered):
    explained(exp, characters=CHARACTERS.splitlines()[0])
    text = report(exp, "dev", ["test"]).read_text()
    assert text.count("No characters were found") == 1
    assert "what each frame contributes" in text and "- query" not in text


@pytest.fixture
def spoken(exp, sung):
    """The experiment with one hit, and the folder of data in which its two utterances are."""
    explained(
        exp,
        "folder kind answer query candidate score margin\nhit1 hit right cmntest-s01 yuetest-s01 0.9 0.25\n",
    )
    data = exp.parent / "data"
    found = {u.id: u for u in datadir.read(sung["test"])}
    own = replace(found["yuetest-s01"], text="佢哋<食>", text_cmn="他们吃")
    datadir.write(data / "test", [replace(found["cmntest-s01"], text="他们吃", text_cmn="他们吃"), own])
    return data


def test_a_hit_is_told_in_the_words_of_each_variety_and_in_mandarin(exp, spoken):
    text = report(exp, "dev", ["test"], data=spoken).read_text()
    said = "- query, Mandarin (cmn): 他们吃\n- target, Cantonese (yue): 佢哋&lt;食> (Mandarin: 他们吃)\n"
    assert said in text
    page = Page(exp / "report.html")
    assert {"他们吃", "佢哋<食>"} <= set(page.text)
    assert "audio" not in page.tags and "Licence of" not in text  # a corpus of nobody's is not handed on


@pytest.mark.parametrize(
    ("corpus", "terms"),
    [
        ("mini_sinitic", "mini_sinitic, Apache-2.0"),
        ("fleurs", "fleurs, CC BY 4.0"),
        ("kespeech", ""),
        ("magicdata", ""),  # no derivatives
        ("wenetspeech", ""),  # the licence is of its annotations alone
        ("kaldi", ""),
    ],
)
def test_recordings_are_on_the_page_where_their_licence_hands_them_on(exp, spoken, corpus, terms):
    write(spoken / "test" / ".done", json.dumps({"corpus": corpus}))
    text = report(exp, "dev", ["test"], data=spoken).read_text()
    assert (f"Licence of the recordings: {terms}." in text) == bool(terms)
    sounds = [
        value for tag, key, value in Page(exp / "report.html").attributes if (tag, key) == ("audio", "src")
    ]
    assert len(sounds) == (2 if terms else 0)
    for sound in sounds:
        samples, rate = soundfile.read(
            BytesIO(base64.b64decode(sound.removeprefix("data:audio/mpeg;base64,")))
        )
        assert rate == 16_000 and len(samples) > 8000


def test_a_recording_that_is_gone_or_very_long_is_told_in_words_alone(exp, spoken, monkeypatch):
    write(spoken / "test" / ".done", '{"corpus": "mini_sinitic"}')
    monkeypatch.setattr(blocks, "LONGEST", 0.01)
    report(exp, "dev", ["test"], data=spoken)
    assert "audio" not in Page(exp / "report.html").tags
    gone = Recording("query", "Mandarin (cmn)", "他们吃", file=exp / "gone.wav")
    assert gone.uri == ""


def test_without_explanations_there_is_no_section_of_them(made):
    assert "Hits and misses" not in made.read_text()
