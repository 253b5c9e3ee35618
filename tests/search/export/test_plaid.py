"""`fangyan.search.export.plaid`: read by a plain reader of these files, and by fast-plaid where that is installed."""

import json
import os
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from exported import FOUND, QUERY, snippet

from fangyan.errors import UserError
from fangyan.search import nearest
from fangyan.search.export import export, groups, plaid
from fangyan.search.export.plaid import Codec
from fangyan.search.index import Index, create

ENGINE = os.environ.get("FAST_PLAID_PYTHON", sys.executable)
"""A Python that has fast-plaid, whose every build needs a PyTorch of its own."""
PROBE = """
from importlib.metadata import requires, version
assert f"torch=={version('torch').partition('+')[0]}" in requires("fast_plaid")
import fast_plaid.search
"""


def decode(folder: Path) -> list[np.ndarray]:
    """The (T, d) frames of each recording, number by number as the layout says it."""

    def load(name: str) -> np.ndarray:
        return np.load(folder / f"{name}.npy").astype(np.float32)

    much = json.loads((folder / "metadata.json").read_text())
    found: list[np.ndarray] = []
    for n in range(much["num_chunks"]):
        codes, packed = (np.load(folder / f"{n}.{name}.npy") for name in ("codes", "residuals"))
        bits = np.unpackbits(packed, axis=1).reshape(len(codes), -1, 4)
        left = load("bucket_weights")[bits @ [1, 2, 4, 8]]
        frames = load("centroids")[codes] + left
        frames /= np.linalg.norm(frames, axis=1, keepdims=True)
        lengths = json.loads((folder / f"doclens.{n}.json").read_text())
        found += np.split(frames, np.cumsum(lengths)[:-1])
    return found


def maxsim(query: np.ndarray, frames: np.ndarray) -> float:
    """The sum over the query's frames of their best cosine."""
    return float((query @ frames.T).max(1).sum())


@pytest.fixture
def many(tmp_path, settings, entry):
    """An index of 200 recordings of 3 to 9 frames by chance, d = 16, and its frames."""
    chance = np.random.default_rng(1)
    spoken = [chance.standard_normal((3 + n % 7, 16)).astype(np.float32) for n in range(200)]
    spoken = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in spoken]
    (tmp_path / "many").mkdir()
    index = create(tmp_path / "many", replace(settings, dimension=16))
    index.append([(entry(f"r{n:03}"), x, -1) for n, x in enumerate(spoken)])
    return index, spoken


def test_recordings_are_kept_in_order_with_their_fields(axes, tmp_path):
    assert export(axes.folder, tmp_path / "out", "plaid") == 4
    frames = decode(tmp_path / "out")
    # Nine frames are no more than there may be centroids: nothing is left of any.
    assert [maxsim(QUERY, x) for x in frames] == pytest.approx([*FOUND.values()], abs=1e-2)
    rows = sqlite3.connect(tmp_path / "out/metadata.db").execute("SELECT * FROM METADATA").fetchall()
    assert [row[:2] for row in rows] == [*enumerate(FOUND)]
    assert rows[0][2:] == ("/more.wav", 1.5, 2.0, "yue", "", "") and rows[3][4:6] == (None, "hak")


def test_four_bits_a_number_hardly_change_cosines(many, tmp_path, monkeypatch):
    index, spoken = many
    monkeypatch.setattr(groups, "AT_ONCE", 16)
    monkeypatch.setattr(plaid, "CHUNK", 5)
    monkeypatch.setattr(plaid, "PART", 31)
    export(index.folder, tmp_path / "out", "plaid")
    frames = decode(tmp_path / "out")
    assert [len(x) for x in frames] == [len(x) for x in spoken]
    assert min((x * y).sum(1).min() for x, y in zip(frames, spoken, strict=True)) > 0.9
    for n in range(0, 200, 20):
        assert np.argmax([maxsim(spoken[n], x) for x in frames]) == n
    much = json.loads((tmp_path / "out/metadata.json").read_text())
    assert (much["num_chunks"], much["num_documents"], much["nbits"]) == (3, 200, 4)
    # 28 x 42 + 3 + 4 + 5 + 6 frames: 16 times the root of that are 552 centroids, and 512 the power of two below
    assert much["num_embeddings"] == 1194 and much["num_partitions"] == 512
    second = json.loads((tmp_path / "out/1.metadata.json").read_text())
    assert second["num_documents"] == 80 and second["embedding_offset"] == sum(map(len, spoken[:80]))


def test_the_inverted_file_has_the_recordings_at_each_centroid(many, tmp_path):
    index, spoken = many
    export(index.folder, tmp_path / "out", "plaid")
    codes = np.load(tmp_path / "out/0.codes.npy")
    numbers = np.repeat(np.arange(200), [len(x) for x in spoken])
    lengths = np.load(tmp_path / "out/ivf_lengths.npy")
    lists = np.split(np.load(tmp_path / "out/ivf.npy"), np.cumsum(lengths)[:-1])
    assert len(lists) == 512
    for centroid, found in enumerate(lists):
        assert found.tolist() == sorted(set(numbers[codes == centroid]))


def test_a_byte_by_hand():
    # Of one centroid at 0 each number is all that is left of it; -7 ... 7 are the borders of the 16 levels.
    borders, weights = np.arange(-7, 8, dtype=np.float32), np.arange(-8, 8) + np.float32(0.5)
    codec = Codec(np.zeros((1, 8), np.float32), borders, weights, np.zeros(8), np.zeros(1))
    codes, packed = codec.encode(np.array([[-9, -6.5, -5.5, 9, 0, 0.5, 7, 7.5]], np.float32))
    assert codes.tolist() == [0]
    # levels 0 1, 2 15, 7 8, 14 15 (a number on a border is below it), the lowest bit of each first
    assert packed.tolist() == [[0b0000_1000, 0b0100_1111, 0b1110_0001, 0b0111_1111]]


def test_the_sample_of_a_large_index_is_cut(many, monkeypatch):
    monkeypatch.setattr(plaid, "SAMPLE", 4 * 16 * 10)
    assert plaid._sample(many[0]).shape == (10, 16)


@pytest.mark.parametrize(
    ("dimension", "why"), [(2, "PLAID packs 8 numbers at a time"), (8, "without recordings")]
)
def test_what_cannot_be_held_is_refused(dimension, why, tmp_path, settings):
    (tmp_path / "index").mkdir()
    create(tmp_path / "index", replace(settings, dimension=dimension))
    with pytest.raises(UserError, match=why):
        export(tmp_path / "index", tmp_path / "out", "plaid")
    assert not (tmp_path / "out").exists()


def test_a_folder_whose_chunks_the_engine_has_merged_is_made_again(axes, tmp_path):
    export(axes.folder, tmp_path / "out", "plaid")
    (tmp_path / "out/0.codes.npy").unlink()
    assert export(axes.folder, tmp_path / "out", "plaid") == 4
    assert len(decode(tmp_path / "out")) == 4


def test_a_kill_leaves_nothing_that_is_trusted(axes, tmp_path, monkeypatch):
    monkeypatch.setattr(plaid, "_write_inverted_file", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export(axes.folder, tmp_path / "out", "plaid")
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="session")
def fast_plaid():
    """What runs code where fast-plaid and the PyTorch that it needs are installed."""
    if subprocess.run([ENGINE, "-c", PROBE], capture_output=True, check=False).returncode:
        pytest.skip("fast-plaid needs a PyTorch of its own: FAST_PLAID_PYTHON names a Python that has both")

    def run(code: str, folder: Path) -> list:
        done = subprocess.run([ENGINE, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


def test_fast_plaid_opens_it_and_finds_by_maxsim(fast_plaid, axes, tmp_path):
    export(axes.folder, tmp_path / "idx.plaid", "plaid")
    np.savez(tmp_path / "query.npz", **{"query.wav": QUERY})
    found = fast_plaid(f"{snippet('fast_plaid')}\nimport json\nprint(json.dumps(found))", tmp_path)
    assert export(axes.folder, tmp_path / "idx.plaid", "plaid") == 4
    assert dict(zip(FOUND, [score for _, score in sorted(found)], strict=True)) == pytest.approx(
        FOUND, abs=1e-2
    )


def test_fast_plaid_finds_the_best_that_search_finds(fast_plaid, many, tmp_path):
    index, spoken = many
    export(index.folder, tmp_path / "idx.plaid", "plaid")
    code = snippet("fast_plaid").replace("query.npz", "{}.npz")
    asked = {n: spoken[n][1:] for n in range(0, 200, 20)}
    for n, query in asked.items():
        np.savez(tmp_path / f"{n}.npz", **{"query.wav": query})
    code = "\n".join(f"{code.format(n)}\nall.append([row['id'], score])" for n in asked)
    best = fast_plaid(f"import json\nall = []\n{code}\nprint(json.dumps(all))", tmp_path)
    for (key, score), (n, query) in zip(best, asked.items(), strict=True):
        (hits,) = nearest(index, [query])
        assert key == hits[0].entry.id == f"r{n:03}"
        assert score == pytest.approx(hits[0].precision * len(query), rel=0.03)


def test_an_index_of_recordings_is_exported(indexed, tmp_path):
    assert export(indexed, tmp_path / "out", "plaid") == 24
    index = Index(indexed)
    for frames, row in zip(decode(tmp_path / "out"), index.live, strict=True):
        assert frames.shape == index.frames(row).shape
