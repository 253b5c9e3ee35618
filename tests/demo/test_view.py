from types import SimpleNamespace

import pytest

from fangyan.data.datadir import Utterance
from fangyan.demo import view
from fangyan.demo.library import SpokenQuery, TypedQuery
from fangyan.demo.trial import Trial
from fangyan.demo.view import VarietyHits
from fangyan.search import Hit


def utterance(key, sentence, text="", text_cmn=""):
    return Utterance(key, f"/a b/{key}#.wav", text, key, "yue", sentence, text_cmn=text_cmn)


ASKED = utterance("q", "s1", "佢<b>食</b>", "他吃")
RANKED = [
    Hit(utterance("a", "s1", "佢食", "他吃"), 0.91234, 0, 0, 0),
    Hit(utterance("b", "s2"), 0.5, 0, 0, 0),
]
TRIAL = Trial(480, 0.869, 0.0125, (0.85, 0.92), (0.7, 0.8))


def found(ranked=RANKED, count=3, asked=ASKED, trial=None):
    return [VarietyHits("yue", ranked, count, asked, trial)]


def test_hits_say_what_was_found_and_mark_what_is_right():
    html = view.hits(SpokenQuery(None, "他&吃"), found(), ASKED, "a")
    assert "佢&lt;b&gt;食&lt;/b&gt;" in html and "他&amp;吃" in html  # data is text, never HTML
    assert "Cantonese 粤语" in html and "0.912" in html and "0.500" in html
    first, second = html.split("<li")[1:]
    assert "the same sentence" in first and "the same sentence" not in second
    assert 'data-src="gradio_api/file=/a%20b/a%23.wav"' in first
    assert 'data-hit="a" aria-pressed="true"' in first and 'data-hit="b" aria-pressed="false"' in second
    assert ">b</span>" in second.replace("\n", "")  # without a wording, the id


def test_of_a_visitors_recording_nothing_is_known_to_be_right():
    html = view.hits(SpokenQuery(None, ""), found(asked=None), None, "a")
    assert "No other recording" not in html
    assert "the same sentence" not in html and "Asked" not in html and "The model writes" not in html


def lists(ranked, **options):
    """What is said above each list of hits, the rank of its first hit, and its ids."""
    (variety,) = found([Hit(utterance(key, s), f1, 0, 0, 0) for key, s, f1 in ranked], **options)
    return [(above, rank, [hit.entry.id for hit in of]) for above, rank, of in variety.lists if of]


def test_hits_below_what_right_answers_score_stand_apart_and_grey():
    ranked = [("a", "s1", 0.9), ("b", "s2", 0.85), ("c", "s3", 0.8499)]
    assert lists(ranked, trial=TRIAL) == [("", 1, ["a", "b"]), (view.BELOW, 3, ["c"])]
    assert lists(ranked) == [("", 1, ["a", "b", "c"])]  # nobody knows what right answers score
    assert lists([("a", "s9", 0.7)], trial=TRIAL) == [(view.BELOW, 1, ["a"])]  # a beep
    html = view.hits(SpokenQuery(None, ""), found(trial=TRIAL), ASKED, "a")
    first, second = html.split("<li")[1:]
    assert 'class="low"' not in first and 'class="low"' in second
    assert "Below what right answers score" in html


def test_the_rank_of_the_right_answer_is_told_where_it_is_not_among_those_shown():
    ranked = [("a", "s2", 0.9), ("b", "s3", 0.8), ("c", "s4", 0.7), ("d", "s1", 0.6)]
    assert lists(ranked) == [("", 1, ["a", "b", "c"]), ("The same sentence comes at rank 4 of 4", 4, ["d"])]
    assert lists(ranked, count=4) == [("", 1, ["a", "b", "c", "d"])]
    assert lists(ranked, asked=None) == [("", 1, ["a", "b", "c"])]
    html = view.hits(SpokenQuery(None, ""), found(RANKED[1:]), ASKED, "b")
    assert "No other recording here says what was asked" in html
    assert "nothing to find" in view.hits(SpokenQuery(None, ""), found([]), ASKED, "")


def test_a_typed_sentence_is_repeated_and_nothing_is_shown_frame_by_frame():
    html = view.hits(TypedQuery("吃<b>饭", None), found(asked=None), None, "")
    assert '<dt>Typed</dt><dd lang="zh">吃&lt;b&gt;饭</dd>' in html and "frame by frame" not in html
    assert "frame by frame" in view.hits(SpokenQuery(None, "他"), found(), ASKED, "")


def test_a_play_button_says_what_it_plays():
    html = view.hits(SpokenQuery(None, ""), found(), ASKED, "a")
    assert 'aria-label="play 佢食, Cantonese 粤语"' in html and 'aria-label="play b, Cantonese 粤语"' in html


@pytest.mark.parametrize("trial", [None, TRIAL])
def test_what_scores_mean_is_measured(trial):
    library = SimpleNamespace(
        utterances={"a": 1, "b": 2}, encoder=SimpleNamespace(layer="layer04"), trial=trial, joint=trial
    )
    html = " ".join(view.meaning(library).split())
    assert "among the 2 utterances here" in html and "at layer04" in html
    said = "480 times, the encoder puts the same sentence first in <b>86.9&nbsp;%</b> (by chance 1.3&nbsp;%)"
    assert (said in html) == bool(trial)
    assert ("score 0.85 to 0.92, the best wrong ones 0.70 to 0.80" in html) == bool(trial)
    assert ("less than 0.85" in html) == bool(trial)
    assert ("Of a typed sentence the score is the cosine" in html) == bool(library.joint)


def test_names_are_those_of_the_table_of_varieties():
    assert view.name("hak") == "Hakka 客家话"
    assert view.name("site7") == "site7"


def test_a_message_is_text():
    assert view.message("<i>") == '<p class="message">&lt;i&gt;</p>'
