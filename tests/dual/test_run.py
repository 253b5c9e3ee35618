import shutil
from dataclasses import replace

import pytest

from fangyan.dual.run import describe_cuts
from fangyan.errors import DataError, UserError

ALL = {"speech_text": 1.0, "speech_speech": 0.5, "text_text": 0.5}


def test_varieties_that_are_left_out_are_not_learnt_and_have_no_prefix(job):
    run = job(varieties=["cmn"])
    assert {utterance.variety for role in run.speech.values() for utterance in role} == {"cmn"}
    assert run.varieties == ["cmn"]
    with pytest.raises(UserError, match="pairs: text_text: the training data has none: leave it out"):
        _ = job(varieties=["cmn"], pairs={"text_text": 1.0}).pairs


def test_a_variety_that_nobody_speaks_is_told_with_those_there(job):
    with pytest.raises(UserError, match=r"dual.yaml: varieties: no utterance of yeu: did you mean 'yue'\?"):
        _ = job(varieties=["cmn", "yeu"]).speech


def test_no_variety_has_the_prefix_of_a_modality(job, tmp_path):
    run = replace(job(), train=shutil.copytree(job().train, tmp_path / "train"))
    table = run.train / "utt2lang"
    table.write_text(table.read_text().replace(" yue", " speech"))
    with pytest.raises(DataError, match=r"utt2lang:25: a variety is none of speech, text here"):
        _ = run.speech


def test_of_a_variety_that_is_not_heard_texts_can_be_learnt(job):
    pairs = {"speech_text": 1.0, "text_text": 1.0}
    run = job(varieties=["cmn"], pairs=pairs, text_data=[f"{job().train}"])
    assert {utterance.variety for role in run.speech.values() for utterance in role} == {"cmn"}
    assert {wording.variety for wording in run.wordings} == {"yue"}
    assert run.varieties == ["cmn", "yue"]


def test_of_utterances_that_are_cut_it_is_told_how_many(job):
    assert describe_cuts(job()) == []
    run = job(max_tokens=8)
    run.speech["train"][0] = replace(run.speech["train"][0], units=(1,) * 7)
    (line,) = describe_cuts(run)
    assert "train/units: 1 of 48 utterances have more than 6 units" in line


def test_texts_come_of_other_places_too(job, tmp_path):
    table = tmp_path / "more.tsv"
    table.write_text("variety\ttext\ttext_cmn\nhak\t𠊎食\t我吃\n")
    run = job(pairs=ALL, text_data=[f"{table}"])
    assert len(run.pairs["text_text"]) == 25
    assert run.varieties == ["cmn", "hak", "yue"]
    with pytest.raises(UserError, match=r"text_data: .*none.tsv: no such data directory, and no such table"):
        _ = job(text_data=[f"{tmp_path / 'none.tsv'}"]).inputs
