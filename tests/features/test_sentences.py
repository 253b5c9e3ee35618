import shutil
from pathlib import Path

import kaldiio
import numpy as np
import pytest
from click.testing import CliRunner

from fangyan.__main__ import cli
from fangyan.encoders import Encoder
from fangyan.errors import DataError, UserError
from fangyan.features import dump, sentences
from fangyan.features.sentences import Sentence
from fangyan.shards import Shard

TABLES = {
    "utt2sent": {"a-1": "s2", "a-2": "s1", "b-1": "s1", "b-2": "s2", "b-3": "s1"},
    "utt2lang": {"a-1": "hak", "a-2": "hak", "b-1": "yue", "b-2": "yue", "b-3": "yue"},
    "text_cmn": {"a-1": "他走了", "a-2": "我吃饭", "b-1": "我吃饭", "b-2": "他走了", "b-3": "我在吃饭"},
    "text": {"a-1": "佢走了", "a-2": "𠊎食飯", "b-1": "我食飯", "b-2": "佢走咗", "b-3": "我食飯"},
}


@pytest.fixture
def data(tmp_path):
    """A data directory without recordings: two sentences, two varieties, one sentence worded in two ways."""
    for name, table in TABLES.items():
        (tmp_path / "texts").mkdir(exist_ok=True)
        (tmp_path / "texts" / name).write_text("".join(f"{key} {value}\n" for key, value in table.items()))
    return tmp_path / "texts"


def test_a_translation_is_there_once_for_each_sentence_as_its_first_utterance_has_it(data):
    assert sentences.read(data, "text_cmn") == [
        Sentence("s1", "我吃饭", f"{data}/text_cmn:2", wordings=2),
        Sentence("s2", "他走了", f"{data}/text_cmn:1"),
    ]


def test_an_own_wording_is_there_once_for_each_variety_and_sentence(data):
    assert sentences.read(data, "text") == [
        Sentence("a-1", "佢走了", f"{data}/text:1"),
        Sentence("a-2", "𠊎食飯", f"{data}/text:2"),
        Sentence("b-1", "我食飯", f"{data}/text:3"),
        Sentence("b-2", "佢走咗", f"{data}/text:4"),
    ]


def test_batches_are_of_like_length_and_bounded(monkeypatch):
    monkeypatch.setattr(sentences, "BATCH", 2)
    texts = [Sentence(key, text, "") for key, text in (("c", "xx"), ("a", "x"), ("b", "xxx"), ("d", "xx"))]
    assert [[s.id for s in batch] for batch in sentences.batches(texts)] == [["b", "c"], ["d", "a"]]


@pytest.mark.parametrize("column", ["text_eng", "../texts/text", ".", "wav.scp"])
def test_a_column_that_is_not_there_is_named(data, column):
    with pytest.raises(
        UserError, match=rf"^--column {column}: a text column is a file of .*, {data} has none such$"
    ):
        sentences.read(data, column)


def test_malformed_tables_are_named_with_their_line(data):
    (data / "utt2sent").write_text("a-1 s 2\na-2 s1\nb-1 s1\nb-2 s 2\nb-3 s1\n")
    with pytest.raises(
        DataError, match=r"text_cmn:1: the id of a sentence .* has no blanks, got 's 2': rename"
    ):
        sentences.read(data, "text_cmn")
    assert len(sentences.read(data, "text")) == 4
    (data / "utt2lang").write_text("a-1 hak\na-2 hak\nb-1 yue\nb-2 yue\n")
    with pytest.raises(
        DataError, match=r"utt2lang: every file has the ids of .*text, got none for b-3 \(text:5\)"
    ):
        sentences.read(data, "text")
    (data / "text").write_text("a-2 x\na-1 x\n")
    with pytest.raises(DataError, match=r"text:2: ids are sorted"):
        sentences.read(data, "text")


class Letters(Encoder):
    """Length and first letter of a text with its prefix, two frames and one; refuses long ones, dies when told to."""

    modality, layers, frame_rate = "text", ("layer00", "sentence"), 0.0

    def __init__(self, longest=10, dies_after=None, error=None):
        self.longest, self.dies_after, self.error, self.batches = longest, dies_after, error, []

    def encode(self, items):
        if len(self.batches) == self.dies_after:
            raise KeyboardInterrupt
        self.batches.append(len(items))
        texts = [(self.prefix or "") + text for text in items]
        if max(map(len, texts)) > self.longest:
            raise self.error or DataError("too long")
        values = [np.float32([[len(text), ord(text[0])]]) for text in texts]
        return [[np.repeat(value, 2, 0) for value in values], values]


@pytest.fixture
def letters(monkeypatch):
    """Calls dump with `Letters`, which it returns, and batches of one sentence."""
    monkeypatch.setattr(sentences, "BATCH", 1)

    def run(*arguments, column="text_cmn", longest=10, dies_after=None, error=None, **options):
        encoder = Letters(longest, dies_after, error)
        monkeypatch.setattr(dump, "load_encoder", lambda spec, modality: encoder)
        dump.dump("fbank", *arguments, column=column, **options)
        return encoder

    return run


def content(folder):
    """Every file below a folder by its relative path."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_archives_hold_each_sentence_once_under_its_id_and_kaldi_reads_them(data, letters, tmp_path, capsys):
    out = tmp_path / "feats"
    assert letters([data], out).batches == [1, 1]
    assert (
        f"{data}/text_cmn: 1 of 2 sentences are worded in several ways: the first is taken"
        in capsys.readouterr().err
    )
    found = kaldiio.load_scp(str(out / "texts/sentence/feats.scp"))
    assert {key: matrix.tolist() for key, matrix in found.items()} == {
        "s1": [[3, ord("我")]],
        "s2": [[3, ord("他")]],
    }
    assert dump.layers(out / "texts") == ["layer00", "sentence"]
    assert dump.read_features(out / "texts", "layer00")["s1"].shape == (2, 2)
    assert dump.column_of(out / "texts") == "text_cmn"
    assert letters([data], out).batches == []
    assert capsys.readouterr().err == ""


def test_features_are_made_again_when_texts_column_or_prefix_change_and_not_for_anything_else(
    data, letters, tmp_path
):
    out = tmp_path / "feats"
    assert letters([data], out).batches == [1, 1]
    (data / "utt2spk").write_text("".join(f"{key} {key[0]}\n" for key in TABLES["text"]))
    assert letters([data], out).batches == []
    assert letters([data], out, prefix="query: ").batches == [1, 1]
    assert dump.read_features(out / "texts", "sentence")["s1"].tolist() == [[10, ord("q")]]
    assert letters([data], out, column="text").batches == [1] * 4
    assert [*dump.read_features(out / "texts", "sentence")] == ["a-1", "a-2", "b-1", "b-2"]
    (data / "text").write_text((data / "text").read_text().replace("走咗", "行咗"))
    assert letters([data], out, column="text").batches == [1] * 4


@pytest.mark.parametrize("count", [2, 5])
def test_shards_joined_are_the_dump_of_one_process(data, letters, tmp_path, monkeypatch, count):
    for name in ("whole", "parts"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        for part in (
            [Shard(1, 1)]
            if name == "whole"
            else [*map(Shard, range(count, 0, -1), [count] * count), Shard(0, count)]
        ):
            letters([data], Path("feats"), column="text", part=part)
    assert content(tmp_path / "parts") == content(tmp_path / "whole")


@pytest.mark.parametrize("batches", range(4))
def test_what_is_interrupted_goes_on_after_its_last_whole_batch(data, letters, tmp_path, batches):
    with pytest.raises(KeyboardInterrupt):
        letters([data], tmp_path / "feats", column="text", dies_after=batches)
    assert len(letters([data], tmp_path / "feats", column="text").batches) == 4 - batches
    interrupted = content(tmp_path / "feats")
    shutil.rmtree(tmp_path / "feats")
    letters([data], tmp_path / "feats", column="text")
    assert content(tmp_path / "feats") == interrupted


@pytest.mark.parametrize(
    "error", [None, MemoryError(), RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED")]
)
def test_a_text_that_cannot_be_encoded_is_named_with_its_line(data, letters, tmp_path, monkeypatch, error):
    monkeypatch.setattr(sentences, "BATCH", 10)
    reason = "does not fit into memory" if error else "too long"
    with pytest.raises(DataError, match=rf"^{data}/text_cmn:2: sentence s1: {reason}$"):
        letters([data], tmp_path / "feats", longest=2, error=error)


def test_any_other_failure_is_nobodys_fault_but_the_encoders(data, letters, tmp_path):
    with pytest.raises(RuntimeError, match="shapes"):
        letters([data], tmp_path / "feats", longest=2, error=RuntimeError("shapes do not match"))


def test_speech_and_text_are_not_mistaken_for_each_other(data, sung, tmp_path):
    def run(*more):
        common = ["dump", "--encoder", "fbank", "--out", str(tmp_path / "feats")]
        return CliRunner().invoke(cli, [*common, *more]).exception

    refused = run("--data", str(data), "--column", "text")
    assert isinstance(refused, UserError) and "encoder fbank takes speech, got text for it" in str(refused)
    refused = run("--data", str(sung["test"]), "--text_prefix", "query: ")
    assert isinstance(refused, UserError) and "--text_prefix 'query: ' is for texts" in str(refused)
    dump.dump("fbank", [sung["test"]], tmp_path / "feats")
    assert dump.column_of(tmp_path / "feats/test") == ""
