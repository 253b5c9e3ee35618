"""The contract of every corpus, held against a miniature of it: a new corpus adds ``miniatures/<name>.py``, no test."""

from inspect import getdoc
from itertools import combinations

import pytest

from fangyan import corpora
from fangyan.data import audio, datadir
from fangyan.data.datadir import Utterance
from fangyan.data.text import has_words
from fangyan.data.varieties import varieties
from fangyan.errors import DataError, UserError

GENERATED = {"mini_sinitic"}
"""These need no folder."""

every = pytest.mark.parametrize("name", corpora.names())


@every
def test_a_module_says_what_it_is_and_where_it_comes_from(name):
    text = getdoc(corpora.load(name))
    for part in ("What:", "Licence:", "Where to get it:", "Citation:"):
        assert part in text, f"{name}: its docstring lacks {part}"


@every
def test_a_folder_is_asked_for_and_another_layout_is_told_from_the_expected_one(name, tmp_path):
    if name in GENERATED:
        return
    corpus = corpora.load(name)
    with pytest.raises(UserError, match=f"corpus {name}: .*--corpus_dir DIR"):
        corpus.splits(None)
    (tmp_path / "README.md").touch()
    with pytest.raises(DataError, match=r"expected .* found"):
        corpus.splits(tmp_path)
    with pytest.raises(DataError, match=r"expected .* found"):
        corpus.splits(tmp_path / "nowhere")


@every
def test_records_keep_the_contract(name, miniature):
    mini = miniature(name)
    sets = corpora.load(name).splits(mini.root, 1, mini.limit, **mini.options)
    known = set(varieties()) | set(getattr(corpora.load(name), "groups", lambda _: {})(mini.root))
    for records in sets.values():
        kept = [record for record in records if isinstance(record, Utterance)]
        ids = [u.id for u in kept]
        assert kept and len(set(ids)) == len(ids)
        for utterance in kept:
            assert utterance.id.startswith(utterance.speaker) and utterance.speaker and utterance.sentence
            assert utterance.variety in known, utterance.variety
            assert (utterance.start, utterance.end) == (0, None) or 0 <= utterance.start < utterance.end
    overlap = {
        (of, a, b)
        for of in ("speaker", "sentence", "id")
        for a, b in combinations(sets, 2)
        if _values(sets[a], of) & _values(sets[b], of)
    }
    leaks = {of for of, a, b in overlap if {a, b} == {"train", "test"}}
    assert "id" not in {of for of, _, _ in overlap}
    assert not leaks or "Overlap:" in getdoc(corpora.load(name)), f"{name}: {leaks} of test in train"


@every
def test_data_directories_are_sorted_readable_and_can_be_written_down(name, miniature, tmp_path):
    mini = miniature(name)
    homes = corpora.prepare(name, mini.root, tmp_path / "data", limit=mini.limit, **mini.options)
    for home in homes.values():
        utterances = datadir.read(home)
        assert [u.id for u in utterances] == sorted(u.id for u in utterances)
        for utterance in utterances:
            info = audio.probe(utterance.wav)
            assert (info.rate, info.channels) == (audio.SAMPLE_RATE, 1)
            assert abs(info.duration - utterance.duration) < 0.001
        for wording in ("text", "text_cmn"):
            if (home / wording).exists():
                assert all(has_words(text) for text in datadir.read_map(home / wording).values())
        assert all(d.id and d.reason for d in datadir.read_dropped(home))


def _values(records, of: str) -> set[str]:
    return {getattr(record, of) for record in records if isinstance(record, Utterance)}
