import numpy as np
import pytest

from fangyan.data import audio, datadir
from fangyan.data.datadir import Utterance
from fangyan.demo.library import Library, best_of_sentence
from fangyan.errors import DataError, UserError
from fangyan.measure.seqsim import seqsim
from fangyan.search import Hit


def utterance(variety, sentence, take=0):
    return Utterance(f"{variety}{take}-{sentence}", "", "", f"{variety}{take}", variety, sentence)


def test_a_sentence_is_there_once_by_its_best_recording():
    scores = {("s1", 1): 0.9, ("s2", 0): 0.8, ("s1", 0): 0.7, ("s3", 0): 0.1}
    hits = [Hit(utterance("yue", *which), score, 0, 0, 0) for which, score in scores.items()]
    assert [hit.entry.id for hit in best_of_sentence(hits)] == ["yue1-s1", "yue0-s2", "yue0-s3"]


def test_the_same_sentence_comes_first(library):
    asked = library.utterances["yuetest-s01"]
    query = library.hear(asked.wav)
    found = library.find(query, ["cmn", "yue"], without=asked.id)
    assert list(found) == ["cmn", "yue"]
    assert [len(hits) for hits in found.values()] == [8, 7]  # without what was asked
    assert found["cmn"][0].entry.sentence == asked.sentence
    assert asked.id not in {hit.entry.id for hit in found["yue"]}
    assert [hit.f1 for hit in found["cmn"]] == sorted((hit.f1 for hit in found["cmn"]), reverse=True)
    assert library.find(query, ["yue"])["yue"][0].f1 == pytest.approx(1)
    assert library.trial.searches == 48  # 8 sentences, 6 ordered pairs
    assert library.trial.chance == pytest.approx(1 / 8)
    assert query.written == ""  # no CTC


def test_every_utterance_is_ranked_by_seqsim_of_all_its_frames(library):
    query = library.hear(library.utterances["haktest-s03"].wav)
    (hits,) = library.find(query, ["cmn"]).values()
    frames = {u.sentence: library.hear(u.wav).utterance.frames for u in library.varieties["cmn"]}
    scores = {key: seqsim(query.utterance.frames, x).f1 for key, x in frames.items()}
    assert {hit.entry.sentence: hit.f1 for hit in hits} == pytest.approx(scores, abs=1e-6)
    assert [hit.entry.sentence for hit in hits] == sorted(scores, key=scores.get, reverse=True)


def test_in_a_variety_of_the_query_alone_nothing_is_found(library, sung, tmp_path):
    alone = tmp_path / "alone"
    datadir.write(alone, [library.utterances["cmntest-s00"], library.utterances["yuetest-s00"]])
    two = Library("fbank", alone)
    query = two.hear(two.utterances["cmntest-s00"].wav)
    found = two.find(query, ["cmn", "yue"], without="cmntest-s00")
    assert (found["cmn"], len(found["yue"])) == ([], 1)


def test_a_trained_model_sees_characters(job, sung):
    library = Library(f"espnet:{job.exp}", sung["test"])
    query = library.hear(library.utterances["yuetest-s01"].wav)
    assert set(query.written) <= set("我你吃饭看书水喝")
    found = library.compare(query, library.utterances["cmntest-s01"])
    assert (found.target.utterance.characters, found.query.utterance.characters) == ("你吃饭", query.written)
    scores = {hit.entry.id: hit.f1 for hit in library.find(query, ["cmn"])["cmn"]}
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
    with pytest.raises(UserError, match="--layer norm: no layer 'norm' in fbank: known are fbank"):
        Library("fbank", sung["test"], "norm")
