"""A typed sentence as a query: in an index of the joint space, by hand; and where there is no such space."""

import numpy as np
import pytest
from click.testing import CliRunner

from fangyan.__main__ import cli
from fangyan.data import audio, datadir
from fangyan.encoders import load_encoder
from fangyan.errors import UserError
from fangyan.search import add, search_texts

run = CliRunner().invoke


@pytest.fixture(scope="module")
def joint(aligned, sung, tmp_path_factory):
    """An index of the layer joint."""
    folder = tmp_path_factory.mktemp("joint") / "index"
    add(folder, [sung["test"]], f"espnet:{aligned}", "joint")
    return folder


def test_the_hits_are_those_of_the_cosines_of_text_and_recordings(joint, aligned, sung):
    encoder = load_encoder(f"espnet:{aligned}", "cpu")
    texts = ["我吃饭", "你喝水"]
    spoken = datadir.read(sung["test"])
    vectors = np.concatenate([encoder(audio.read(u.wav))["joint"] for u in spoken])
    cosines = encoder.embed_text(texts) @ vectors.T
    found = search_texts(joint, texts, top=5)
    assert list(found) == texts
    for row, hits in zip(cosines, found.values(), strict=True):
        assert [hit.cosine for hit in hits] == pytest.approx(sorted(row, reverse=True)[:5], abs=1e-3)
        assert all(
            row[[u.id for u in spoken].index(h.entry.id)] == pytest.approx(h.cosine, abs=1e-3) for h in hits
        )
    (among,) = search_texts(joint, texts[:1], top=99, varieties=["yue"]).values()
    assert {hit.entry.variety for hit in among} == {"yue"} and len(among) == 8


def test_on_a_terminal_it_is_a_table_of_the_sentence_that_was_typed(joint, monkeypatch):
    monkeypatch.setattr("fangyan.cli.use.on_terminal", lambda: True)
    shown = run(cli, ["search", "--text", " 我  吃饭 ", "--index", str(joint), "--top", "3"])
    first, header, *rows = shown.stdout.splitlines()
    assert (first, header.split()[:3], len(rows)) == ("我 吃饭", ["rank", "score", "variety"], 3)
    assert max(map(len, shown.stdout.splitlines())) <= 80


def test_in_a_pipe_the_query_is_a_column(joint):
    lines = run(cli, ["search", "--text", "我吃饭", "--text", "你看书", "--index", str(joint), "--top", "2"])
    rows = [line.split("\t") for line in lines.stdout.splitlines()[1:]]
    assert [(row[0], row[1]) for row in rows] == [
        ("我吃饭", "1"),
        ("我吃饭", "2"),
        ("你看书", "1"),
        ("你看书", "2"),
    ]


def test_an_index_of_frames_says_what_to_do(aligned, sung, tmp_path):
    add(tmp_path / "index", [sung["test"]], f"espnet:{aligned}")
    told = f"an index of layer norm, .* fangyan index RECORDINGS --encoder espnet:{aligned} --layer joint --index NEW"
    with pytest.raises(UserError, match=told):
        search_texts(tmp_path / "index", ["我"])


def test_an_index_of_a_model_without_a_text_side_says_so(indexed):
    with pytest.raises(UserError, match="^fbank: this model has no text side"):
        search_texts(indexed, ["我"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "or sentences to be typed with --text, got neither"),
        (["a.wav", "--text", "我"], "or sentences to be typed with --text, got both"),
        (["--text", " "], "--text: one sentence at least, got none"),
        (["--text", "我" * 20], "sentence|reads 16 tokens at once"),
    ],
)
def test_a_query_is_one_or_the_other(joint, words, message):
    with pytest.raises(UserError, match=message):
        run(cli, ["search", *words, "--index", str(joint)], catch_exceptions=False)
