import json

from fangyan import corpora
from fangyan.corpora import prepare
from fangyan.data import datadir
from fangyan.data.datadir import Utterance
from fangyan.data.sources import UNKNOWN, Origin, origins


def utterance(key: str, variety: str, seconds: float) -> Utterance:
    return Utterance(key, "/a.wav", "话", key.rpartition("-")[0], variety, key, seconds)


def test_hours_utterances_and_speakers_are_counted_by_corpus_and_variety(tmp_path):
    spoken = (("aishell-a-1", "cmn", 1800), ("aishell-a-2", "cmn", 1800), ("mdcc-b-1", "yue", 360))
    datadir.write(tmp_path, [utterance(*of) for of in (*spoken, ("mdcc-c-1", "yue", 360))])
    (tmp_path / "utt2corpus").write_text("")  # that of a mixture: the ids tell
    assert origins(tmp_path) == [Origin("aishell", "cmn", 2, 1, 1.0), Origin("mdcc", "yue", 2, 2, 0.2)]


def test_a_prepared_directory_knows_its_corpus_and_any_other_does_not(sung, tmp_path):
    homes = prepare("kaldi", sung["test"], tmp_path)
    assert {origin.corpus for origin in origins(homes["test"])} == {"kaldi"}
    assert {origin.corpus for origin in origins(sung["test"])} == {UNKNOWN}


def test_a_directory_with_another_stamp_is_unknown(tmp_path):
    datadir.write(tmp_path, [utterance("a-1", "cmn", 1)])
    for stamp in (json.dumps({"data": 1}), "broken"):
        (tmp_path / ".done").write_text(stamp)
        assert origins(tmp_path) == [Origin(UNKNOWN, "cmn", 1, 1, 0.0)]


def test_names_of_corpora_have_no_dash_so_that_ids_tell_them():
    assert all(name.isidentifier() for name in corpora.names())
