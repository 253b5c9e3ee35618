import numpy as np
import pytest

from fangyan import audio
from fangyan.datadir import Utterance
from fangyan.demo.library import Hit, Library, best, trial
from fangyan.errors import DataError, UserError
from fangyan.seqsim import pack


def utterance(variety, sentence, take=0):
    return Utterance(f"{variety}{take}-{sentence}", "", "", f"{variety}{take}", variety, sentence)


def test_a_sentence_is_there_once_by_its_best_recording():
    scores = {("s1", 0): 0.7, ("s1", 1): 0.9, ("s2", 0): 0.8, ("s3", 0): 0.1}
    hits = [Hit(utterance("yue", *which), score) for which, score in scores.items()]
    assert [(hit.utterance.id, hit.score) for hit in best(hits, 2)] == [("yue1-s1", 0.9), ("yue0-s2", 0.8)]


FRAMES = {
    "cmn0-s1": [[1.0, 0.0]],
    "cmn0-s2": [[0.0, 1.0]],
    "yue0-s1": [[1.0, 0.0]],
    "yue0-s2": [[0.8, 0.6]],
    "yue0-s3": [[0.0, 1.0]],
}
"""SeqSim of single frames is their cosine."""


def tried(frames, most=500):
    features = {key: np.array(value, np.float32) for key, value in frames.items()}
    varieties = {}
    for key in features:
        varieties.setdefault(key[:3], []).append(utterance(key[:3], key[5:]))
    packed = {name: pack([features[u.id] for u in members]) for name, members in varieties.items()}
    return trial(features, varieties, packed, most)


def test_a_trial_by_hand():
    # cmn s1: right 1.0, best wrong 0.8. cmn s2: right 0.6, best wrong 1.0 (s3). yue s1: 1.0, 0.0. yue s2: 0.6, 0.8.
    found = tried(FRAMES)
    assert (found.searches, found.first) == (4, 0.5)
    assert found.chance == pytest.approx((1 / 3 + 1 / 3 + 1 / 2 + 1 / 2) / 4)
    assert found.right == pytest.approx((0.6, 1.0))
    assert found.wrong == pytest.approx((0.6, 0.85))  # a quarter of the way between 0.0, 0.8, 0.8 and 1.0


def test_a_trial_takes_no_more_searches_than_it_may():
    assert tried(FRAMES, most=2).searches == 2


def test_without_a_second_variety_there_is_no_trial():
    assert tried({key: value for key, value in FRAMES.items() if key.startswith("yue")}) is None
    assert tried({key: value for key, value in FRAMES.items() if not key.endswith("s2")}) is None


def test_the_same_sentence_comes_first(library):
    asked = library.utterances["yuetest-s01"]
    query = library.hear(asked.wav)
    found = library.find(query, ["cmn", "yue"], 3, without=asked.id)
    assert list(found) == ["cmn", "yue"]
    assert [len(hits) for hits in found.values()] == [3, 3]
    assert found["cmn"][0].utterance.sentence == asked.sentence
    assert asked.id not in {hit.utterance.id for hit in found["yue"]}
    assert [hit.score for hit in found["cmn"]] == sorted((hit.score for hit in found["cmn"]), reverse=True)
    assert library.find(query, ["yue"], 1)["yue"][0].score == pytest.approx(1)
    assert library.trial.searches == 48  # 8 sentences, 6 ordered pairs
    assert library.trial.chance == pytest.approx(1 / 8)
    assert query.written == ""  # no CTC


def test_a_trained_model_sees_characters(job, sung):
    library = Library(f"espnet:{job.exp}", sung["test"])
    query = library.hear(library.utterances["yuetest-s01"].wav)
    assert set(query.written) <= set("我你吃饭看书水喝")
    found = library.compare(query, library.utterances["cmntest-s01"])
    assert (found.target.heard.characters, found.query.heard.characters) == ("你吃饭", query.written)
    scores = {hit.utterance.id: hit.score for hit in library.find(query, ["cmn"], 8)["cmn"]}
    assert found.f1 == pytest.approx(scores["cmntest-s01"], abs=1e-5)


@pytest.mark.parametrize(
    ("seconds", "level", "message"),
    [
        (31, 0.1, r"the recording lasts 31.0000 s: give one sentence, 0.1 to 30 s"),
        (1, 0.0, "the recording is silent: is the microphone on"),
        (1_599 / 16_000, 0.1, "the recording lasts 0.0999 s: give one sentence, 0.1 to"),
        (0.01, 0.1, "the recording lasts 0.0100 s"),
    ],
)
def test_what_is_no_sentence_is_refused(library, tmp_path, seconds, level, message):
    noise = level * np.random.default_rng(0).standard_normal(round(seconds * audio.SAMPLE_RATE))
    audio.write(tmp_path / "a.wav", noise.astype(np.float32))
    with pytest.raises(DataError, match=message):
        library.hear(str(tmp_path / "a.wav"))


def test_an_unknown_layer_is_answered_with_those_there_are(sung):
    with pytest.raises(UserError, match="--layer norm: known are fbank"):
        Library("fbank", sung["test"], "norm")
