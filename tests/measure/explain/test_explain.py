import shutil

import pytest

from fangyan.data import audio, datadir
from fangyan.data.datadir import Utterance
from fangyan.encoders import load_encoder
from fangyan.errors import UserError
from fangyan.features import dump
from fangyan.features.layers import concatenate
from fangyan.files import read_table
from fangyan.measure import explain
from fangyan.measure.seqsim import seqsim

FILES = ["characters.tsv", "cosines.tsv", "frames.tsv", "similarity.png"]
QUERY, TARGET = "yuetest-s00", "cmntest-s00"  # 我吃饭


def names(folder):
    return sorted(path.name for path in folder.glob("[!.]*"))


def test_a_pair_of_a_trained_model(job, sung, tmp_path):
    spec = f"espnet:{job.exp}"
    assert explain.explain(spec, [sung["test"]], QUERY, TARGET, tmp_path, "layer01")
    assert not explain.explain(spec, [sung["test"]], QUERY, TARGET, tmp_path, "layer01")
    folder = tmp_path / f"{QUERY}--{TARGET}"
    assert names(folder) == FILES
    rows = read_table(folder / "characters.tsv")
    assert "".join(row["character"] for row in rows) == "我吃饭我吃饭"
    assert [row["side"] for row in rows[::3]] == ["query", "target"]
    frames = read_table(folder / "frames.tsv")
    cosines = [[float(cell) for cell in row.values()] for row in read_table(folder / "cosines.tsv")]
    for side, matrix in (("query", cosines), ("target", list(zip(*cosines, strict=True)))):
        of_side = [row for row in frames if row["side"] == side]
        assert [float(row["cosine"]) for row in of_side] == [max(line) for line in matrix]
        assert [line[int(row["match"])] for row, line in zip(of_side, matrix, strict=True)] == [
            float(row["cosine"]) for row in of_side
        ]
        assert float(of_side[1]["seconds"]) == 0.04  # 25 frames a second
        shares = [float(row["contribution"]) for row in rows if row["side"] == side]
        assert sum(shares) == pytest.approx(sum(map(max, matrix)) / len(matrix), abs=1e-4)


def test_the_most_telling_pairs_of_a_set(sung, tmp_path):
    dump.dump("fbank", [sung["test"]], tmp_path / "feats")
    settings = ("fbank", tmp_path / "feats", [sung["test"]], tmp_path / "explain", 1)
    assert explain.explain_telling(*settings) == [tmp_path / "explain/test"]
    assert explain.explain_telling(*settings) == []
    rows = read_table(tmp_path / "explain/test/telling.tsv")
    assert list(rows[0]) == "folder kind answer query candidate score margin".split()
    assert names(tmp_path / "explain/test") == sorted(["telling.tsv", *(row["folder"] for row in rows)])
    sentences = datadir.read_map(sung["test"] / "utt2sent")
    for row in rows:
        assert names(tmp_path / "explain/test" / row["folder"]) == FILES
        assert (row["answer"] == "right") == (sentences[row["query"]] == sentences[row["candidate"]])
        assert (row["kind"] == "hit") == (float(row["margin"]) > 0)
    assert read_table(tmp_path / "explain/test/hit1/characters.tsv") == []


def test_what_is_not_there_is_answered_with_what_is(job, sung, tmp_path):
    sets = [sung["test"]]
    with pytest.raises(UserError, match="--target nobody: no such utterance in .*test"):
        explain.explain("fbank", sets, QUERY, "nobody", tmp_path)
    with pytest.raises(UserError, match="--layer norm: no layer 'norm' in fbank: known are fbank"):
        explain.explain("fbank", sets, QUERY, TARGET, tmp_path, "norm")
    with pytest.raises(UserError, match="unknown wording 'ipa': known are text_cmn, text"):
        explain.explain("fbank", sets, QUERY, TARGET, tmp_path, wording="ipa")
    dump.dump("fbank", sets, tmp_path / "feats")
    with pytest.raises(UserError, match="--layer norm: no layer 'norm' in .*test: known are fbank"):
        explain.explain_telling("fbank", tmp_path / "feats", sets, tmp_path, 1, "norm")
    with pytest.raises(UserError, match="--count 0: a whole number above 0"):
        explain.explain_telling("fbank", tmp_path / "feats", sets, tmp_path, 0)


def test_layers_can_be_concatenated(job, sung, tmp_path):
    explain.explain(f"espnet:{job.exp}", [sung["test"]], QUERY, TARGET, tmp_path, "layer01+norm")
    encoder = load_encoder(f"espnet:{job.exp}")
    waves = {u.id: audio.read(u.wav) for u in datadir.read(sung["test"])}
    layers = [{key: encoder(waves[key])[name] for key in (QUERY, TARGET)} for name in ("layer01", "norm")]
    joined = concatenate(dict(zip("ab", layers, strict=True)))
    shares = [
        float(row["contribution"]) for row in read_table(tmp_path / f"{QUERY}--{TARGET}/characters.tsv")
    ]
    wanted = seqsim(joined[QUERY], joined[TARGET])
    assert (sum(shares[:3]), sum(shares[3:])) == pytest.approx((wanted.precision, wanted.recall), abs=1e-4)


def test_an_utterance_too_short_for_its_characters_is_shown_without(job, sung, tmp_path):
    data = shutil.copytree(sung["test"], tmp_path / "data")
    long = [Utterance(**vars(u) | {"text_cmn": "我你" * 50}) for u in datadir.read(data)]
    datadir.write(data, long)
    explain.explain(f"espnet:{job.exp}", [data], QUERY, TARGET, tmp_path)
    assert read_table(tmp_path / f"{QUERY}--{TARGET}/characters.tsv") == []
