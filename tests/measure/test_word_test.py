"""Preference for meaning or sound: literal scores, the word list, a small run from speech to table."""

import re

import numpy as np
import pytest
import torch

from fangyan.corpora.mini_sinitic import READ_BY, VOICES
from fangyan.errors import DataError
from fangyan.files import read_table
from fangyan.ipa import espeak, phonetic_distance
from fangyan.measure import word_test
from fangyan.measure.word_test import Triple, preferences, spell_for_voice, triples

EAT = Triple("cmn", "yue", "eat", "吃", "食", "痴", "silly")
TIRED = Triple("yue", "cmn", "tired", "攰", "累", "鬼", "ghost")


def scores_between(likeness: dict, spoken: list) -> torch.Tensor:
    place = {word: n for n, word in enumerate(spoken)}
    scores = torch.zeros(len(spoken), len(spoken))
    for (one, other), value in likeness.items():
        scores[place[one], place[other]] = value
    return scores


def test_preference_counts_pairs_of_voices_and_halves_ties():
    spoken = [(*word, voice) for word in EAT.words for voice in "ab"]
    word, synonym, homophone = EAT.words
    scores = scores_between(
        {
            ((*word, "a"), (*synonym, "b")): 0.9,
            ((*word, "a"), (*homophone, "b")): 0.5,
            ((*word, "b"), (*synonym, "a")): 0.3,
            ((*word, "b"), (*homophone, "a")): 0.3,
            ((*word, "a"), (*synonym, "a")): -1.0,  # one voice for both is never asked
        },
        spoken,
    )
    assert preferences(scores, [EAT], spoken) == pytest.approx(np.array([[0.75, 0.2]]))


def test_an_encoder_of_sound_prefers_the_homophone():
    spoken = [(*word, voice) for triple in (EAT, TIRED) for word in triple.words for voice in "abc"]
    homophones = {EAT.words[2], TIRED.words[2]}
    scores = torch.zeros(len(spoken), len(spoken))
    scores[:, [n for n, (*word, _) in enumerate(spoken) if tuple(word) in homophones]] = 1.0
    assert preferences(scores, [EAT, TIRED], spoken).tolist() == [[0.0, -1.0], [0.0, -1.0]]


def ipa(variety: str, spelling: str) -> str:
    return espeak.ipa(spell_for_voice(variety, spelling), READ_BY[variety])


def test_the_list_is_what_it_says():
    found = triples()
    assert len(found) >= 60
    assert len({(t.source, t.target) for t in found}) == 6
    assert len({(t.source, t.target, t.word, t.synonym) for t in found}) == len(found)
    for triple in found:
        word, synonym, homophone = (ipa(*spelt) for spelt in triple.words)
        near, far = phonetic_distance.distance(word, homophone), phonetic_distance.distance(word, synonym)
        assert near <= 0.25 and far - near >= 0.15, triple


def test_voices_were_not_trained_on():
    assert not set(word_test.VOICES) & {*VOICES["train"], *VOICES["dev"]}


@pytest.mark.parametrize(
    "line, message",
    [
        ("cmn\tyue\teat\t吃\t食\t\tsilly", "row 1: every cell is filled"),
        ("cmn\tnan\teat\t吃\t食\t痴\tsilly", "row 1: varieties are cmn yue hak, got 'nan'"),
    ],
)
def test_a_broken_list_is_refused(tmp_path, line, message):
    path = tmp_path / "triples.tsv"
    path.write_text("\t".join(Triple.__dataclass_fields__) + f"\n{line}\n", encoding="utf-8")
    with pytest.raises(DataError, match=re.escape(message)):
        triples(path)


def test_other_columns_are_refused(tmp_path):
    path = tmp_path / "triples.tsv"
    path.write_text("word\tsynonym\n吃\t食\n", encoding="utf-8")
    with pytest.raises(DataError, match="the columns are source target"):
        triples(path)


def test_from_words_to_a_table(tmp_path, monkeypatch):
    monkeypatch.setattr(word_test, "triples", lambda: [EAT, TIRED])
    monkeypatch.setattr(word_test, "VOICES", VOICES["test"][:2])
    assert word_test.synonymy("mfcc", tmp_path / "words")
    (layer,) = read_table(tmp_path / "words" / "layers.tsv")
    rows = read_table(tmp_path / "words" / "words.tsv")
    assert (layer["layer"], layer["n"], layer["voices"], layer["chance"]) == ("mfcc", "2", "2", "0.5")
    assert [row["word"] for row in rows] == ["吃", "攰"]
    assert float(layer["preference"]) == pytest.approx(np.mean([float(row["preference"]) for row in rows]))
    assert float(layer["low"]) <= float(layer["preference"]) <= float(layer["high"])
    assert not word_test.synonymy("mfcc", tmp_path / "words")
