from types import SimpleNamespace

import pytest

from fangyan.data.datadir import Utterance
from fangyan.demo import view
from fangyan.demo.library import SpokenQuery
from fangyan.demo.trial import Trial
from fangyan.search import Hit


def utterance(key, sentence, text="", text_cmn=""):
    return Utterance(key, f"/a b/{key}#.wav", text, key, "yue", sentence, text_cmn=text_cmn)


ASKED = utterance("q", "s1", "佢<b>食</b>", "他吃")
FOUND = {
    "yue": [
        Hit(utterance("a", "s1", "佢食", "他吃"), 0.91234, 0, 0, 0),
        Hit(utterance("b", "s2"), 0.5, 0, 0, 0),
    ]
}


def test_hits_say_what_was_found_and_mark_what_is_right():
    html = view.hits(SpokenQuery(None, "他&吃"), FOUND, ASKED, "a")
    assert "佢&lt;b&gt;食&lt;/b&gt;" in html and "他&amp;吃" in html  # data is text, never HTML
    assert "Cantonese 粤语" in html and "0.912" in html and "0.500" in html
    first, second = html.split("<li")[1:]
    assert "the same sentence" in first and "the same sentence" not in second
    assert 'data-src="gradio_api/file=/a%20b/a%23.wav"' in first
    assert 'data-hit="a" aria-pressed="true"' in first and 'data-hit="b" aria-pressed="false"' in second
    assert ">b</span>" in second.replace("\n", "")  # without a wording, the id


def test_of_a_visitors_recording_nothing_is_known_to_be_right():
    html = view.hits(SpokenQuery(None, ""), FOUND, None, "a")
    assert "the same sentence" not in html and "Asked" not in html and "The model writes" not in html


@pytest.mark.parametrize("trial", [None, Trial(480, 0.869, 0.0125, (0.85, 0.92), (0.7, 0.8))])
def test_what_scores_mean_is_measured(trial):
    library = SimpleNamespace(
        utterances={"a": 1, "b": 2}, encoder=SimpleNamespace(layer="layer04"), trial=trial
    )
    html = " ".join(view.meaning(library).split())
    assert "among the 2 utterances here" in html and "at layer04" in html
    said = "480 times, the encoder puts the same sentence first in <b>86.9&nbsp;%</b> (by chance 1.2&nbsp;%)"
    assert (said in html) == bool(trial)
    assert ("score 0.85 to 0.92, the best wrong ones 0.70 to 0.80" in html) == bool(trial)


def test_names_are_those_of_the_table_of_varieties():
    assert view.name("hak") == "Hakka 客家话"
    assert view.name("site7") == "site7"


def test_a_message_is_text():
    assert view.message("<i>") == '<p class="message">&lt;i&gt;</p>'
