from dataclasses import replace

import pytest
from click.testing import CliRunner

from fangyan.__main__ import cli
from fangyan.data import datadir, text
from fangyan.data.datadir import Utterance
from fangyan.data.text import NormalForm
from fangyan.errors import DataError, UserError
from fangyan.training.run import Run, describe_transcripts, targets, write_tokens


@pytest.fixture
def data(tmp_path):
    texts = ["我們，吃吃", "我吃 OK"]
    rows = [
        Utterance(f"u{n}", "w", text, f"u{n}", "cmn", "s", 1.0, text_cmn="好") for n, text in enumerate(texts)
    ]
    datadir.write(tmp_path / "train", rows)
    return tmp_path / "train"


def test_tokens_are_the_normalised_characters_most_frequent_first(data, tmp_path):
    assert write_tokens(data, "text", tmp_path / "tokens")
    assert (tmp_path / "tokens/tokens.txt").read_text().split() == [
        "<blank>",
        "<unk>",
        "吃",
        "我",
        "们",
        "<sos/eos>",
    ]
    assert not write_tokens(data, "text", tmp_path / "tokens")


def test_the_target_chooses_the_wording(data, tmp_path):
    assert targets(data, "text_cmn") == {"u0": "好", "u1": "好"}
    write_tokens(data, "text_cmn", tmp_path / "tokens")
    assert "好" in (tmp_path / "tokens/tokens.txt").read_text()


def test_texts_that_nobody_spoke_are_written_with_the_characters_they_add(data, tmp_path):
    spoken, cantonese = tmp_path / "spoken", tmp_path / "texts"
    write_tokens(data, "text", spoken)
    cantonese.mkdir()
    for name, value in (("text", "佢我吃饭，吃"), ("utt2spk", "a"), ("utt2lang", "yue"), ("utt2sent", "s")):
        (cantonese / name).write_text(f"t1 {value}\n")
    out = tmp_path / "tokens"
    assert write_tokens(data, "text", out, texts=[cantonese])
    tokens = (out / "tokens.txt").read_text().split()
    assert set(tokens) == {*(spoken / "tokens.txt").read_text().split(), "佢", "饭"} and tokens[2] == "吃"
    assert not write_tokens(data, "text", out, texts=[cantonese])
    (cantonese / "text").write_text("t1 睇\n")
    assert write_tokens(data, "text", out, texts=[cantonese]) and "睇" in (out / "tokens.txt").read_text()


def test_the_form_chooses_what_is_written_down(data, tmp_path):
    (data / "text").write_text("u0 我\nu1 我OK, OK\n")
    latin = NormalForm(latin=True)
    assert targets(data, "text", latin) == {"u0": "我", "u1": "我ok ok"}
    out = tmp_path / "tokens"
    assert write_tokens(data, "text", out)
    assert write_tokens(data, "text", out, latin) and not write_tokens(data, "text", out, latin)
    tokens = (out / "tokens.txt").read_text().splitlines()
    assert sorted(tokens[2:-1]) == ["<space>", "k", "o", "我"]


def test_tokens_tell_what_the_form_leaves_out_of_how_many(data, tmp_path):
    (data / "text").write_text("u0 我有 3 个\nu1 我吃，OK\n")
    command = ["tokens", "--data", str(data), "--target", "text", "--out", str(tmp_path / "tokens")]
    told = CliRunner().invoke(cli, command).output.splitlines()
    assert told == [
        f"{tmp_path / 'tokens'}: written",
        f"{data / 'text'}: 1 of 2 transcripts hold digits, which the form leaves out, such as u0 (我有 3 个): "
        "choose digits=spoken or digits=kept where they were read out",
        f"{data / 'text'}: 1 of 2 transcripts hold Latin letters, which the form leaves out, such as u1 (我吃，OK): "
        "choose latin=true where they were read out",
    ]
    told = CliRunner().invoke(cli, [*command, "--text_form", "latin=true digits=spoken"]).output.splitlines()
    assert told == [f"{tmp_path / 'tokens'}: written"]


def test_token_lists_are_of_a_form_and_its_tables(data, tmp_path, monkeypatch):
    assert write_tokens(data, "text", tmp_path / "tokens")
    assert not write_tokens(data, "text", tmp_path / "tokens")
    table = tmp_path / "script.tsv"
    table.write_text(text.WORDS.read_text() + "# one more\n")
    monkeypatch.setattr(text, "WORDS", table)
    assert write_tokens(data, "text", tmp_path / "tokens")


def test_sentencepieces_are_listed_in_place_of_characters(data, tmp_path):
    (data / "text").write_text("u0 我我吃\nu1 吃我\n")
    out = tmp_path / "tokens"
    assert write_tokens(data, "text", out, vocabulary=3) and not write_tokens(data, "text", out, vocabulary=3)
    tokens = (out / "tokens.txt").read_text().splitlines()
    assert (tokens[:2], tokens[-1], len(tokens)) == (["<blank>", "<unk>"], "<sos/eos>", 5)
    job = Run(*[tmp_path] * 3, out, "text", 1, tmp_path)
    assert job.vocabulary == tokens and set(job.split("我吃吃")) <= set(tokens)
    assert write_tokens(data, "text", out) and job.split("我吃吃") == ["我", "吃", "吃"]


def test_an_experiment_says_its_form_in_words(tmp_path):
    job = Run(*[tmp_path] * 4, "text", 1, tmp_path)
    assert job.form == NormalForm()
    assert replace(job, text_form="latin=true").form == NormalForm(latin=True)


def test_an_unknown_target_or_one_that_is_not_there_is_refused(data, tmp_path):
    for use in (
        lambda target: targets(data, target),
        lambda target: write_tokens(data, target, tmp_path / "t"),
    ):
        with pytest.raises(UserError, match="unknown target 'ipa': known are text_cmn, text"):
            use("ipa")
    (data / "text_cmn").unlink()
    message = (
        "text_cmn: no such file: this data directory has no such wording; where it had .*: copy it from the"
    )
    with pytest.raises(DataError, match=message):
        write_tokens(data, "text_cmn", tmp_path / "t")


def test_transcripts_that_the_form_keeps_nothing_of_are_left_out_and_told(data, tmp_path):
    (data / "text").write_text("u0 我\nu1 OK\nu2 119\nu3 好\n")
    assert targets(data, "text") == {"u0": "我", "u3": "好"}
    first, *_ = describe_transcripts(data / "text")
    assert first == (
        f"{data / 'text'}:2: of 2 of 4 transcripts the normal form leaves nothing, the first is u1 (OK): "
        "they are neither learnt nor scored"
    )
    widest = NormalForm(latin=True, digits="kept")
    assert targets(data, "text", widest) == {"u0": "我", "u1": "ok", "u2": "119", "u3": "好"}
    assert describe_transcripts(data / "text", widest) == []
    write_tokens(data, "text", tmp_path / "tokens")
    tokens = (tmp_path / "tokens/tokens.txt").read_text().split()
    assert sorted(tokens[2:-1]) == ["好", "我"]


def test_where_nothing_is_kept_of_any_transcript_the_form_to_choose_is_named(data):
    (data / "text").write_text("u0 Ho2 ah4\nu1 OK\n")
    with pytest.raises(DataError, match=r"text: the text form keeps nothing of any .*: .*choose latin=true"):
        targets(data, "text")
    (data / "text").write_text("u0 ！\nu1 [*]\n")
    with pytest.raises(DataError, match=r"text: the text form keeps nothing of any .*: they have no words"):
        targets(data, "text")
