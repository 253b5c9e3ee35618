"""Models of units: who gives how many frames, the same bytes for the same seed, and what is told of what cannot be."""

import shutil

import numpy as np
import pytest
from click.testing import CliRunner

from fangyan.__main__ import cli
from fangyan.data.datadir import Utterance
from fangyan.encoders import Encoder, unit_model
from fangyan.errors import DataError, UserError
from fangyan.files import made_from
from fangyan.units import kmeans


class Counter(Encoder):
    """Of each wave ten frames a second: the number of the frame, and how many waves came before."""

    layers, frame_rate = ("counted",), 10.0

    def __init__(self):
        self.seen = 0

    def encode(self, waves):
        found = []
        for wave in waves:
            found.append(np.float32([[n, self.seen] for n in range(len(wave) // 1600)]))
            self.seen += 1
        return [found]


def spoken(speaker: str, *seconds: float) -> list[Utterance]:
    return [
        Utterance(f"{speaker}-{n}", "", "", speaker, "", "", duration=s) for n, s in enumerate(seconds, 1)
    ]


def test_all_give_as_much_but_none_more_than_it_has():
    sizes = {"a": 10, "b": 2, "c": 10}
    assert kmeans.shares(sizes, 12) == {"b": 2, "a": 5, "c": 5}
    assert kmeans.shares(sizes, 13) == {"b": 2, "a": 5, "c": 6}
    assert kmeans.shares(sizes, 100) == sizes
    assert kmeans.shares(sizes, 2) == {"b": 0, "a": 1, "c": 1}


def test_frames_are_planned_by_speaker_and_length():
    sets = [spoken("a", 100.0, 100.0, 100.0) + spoken("b", 1.0, 3.0), spoken("a", 100.0)]
    counts = kmeans.plan(sets, 10.0, 140, np.random.default_rng(1))
    assert counts[0].pop("b-1") == 10 and counts[0].pop("b-2") == 30  # all that b has
    given = [
        of_set.get(f"a-{n}") for of_set, names in zip(counts, ((1, 2, 3), (1,)), strict=True) for n in names
    ]
    assert sorted(given, key=str) == [100, None, None, None]  # one of a's four has 4 times 100 frames
    counts = kmeans.plan(sets, 10.0, 640, np.random.default_rng(1))
    taken = [n for of_set in counts for key, n in of_set.items() if key[0] == "a"]
    assert sum(taken) == 600 and sorted(taken) == [200, 200, 200]  # 2,400 frames in three of a's


def test_no_more_frames_are_drawn_than_asked_for_and_each_once(sung):
    from fangyan.data import datadir

    speech = [datadir.read(sung[name]) for name in ("dev", "test")]
    drawn = kmeans.draw(Counter(), speech, 60, 1)
    assert drawn.shape == (60, 2) and len(np.unique(drawn, axis=0)) == 60
    every = kmeans.draw(Counter(), speech, 10_000, 1)
    assert (
        len(every)
        == len(np.unique(every, axis=0))
        == sum(int(10 * u.duration + 1e-6) for s in speech for u in s)
    )


def test_centroids_are_the_means_of_points_that_lie_apart():
    points = np.float32([[0, 0], [10, 20]])
    near = np.concatenate([points + step for step in (-0.5, 0.0, 0.5)]).astype(np.float32)
    assert sorted(kmeans.centroids(near, 2, 1).round(4).tolist()) == [[0, 0], [10, 20]]


def test_the_variance_is_that_of_all_frames(monkeypatch):
    monkeypatch.setattr(kmeans, "PART", 2)
    assert (
        kmeans.variance(np.float32([[1001, 2], [1003, 2], [1002, 2], [1002, 6]])) == (1 + 1 + 3 * 1 + 9) / 4
    )


def test_the_same_seed_gives_the_same_bytes(sung, tmp_path):
    def learn(name, **settings):
        given = {"seed": 1, "frames": 600} | settings
        assert kmeans.kmeans("mfcc", "mfcc", [sung["train"]], 16, tmp_path / name, **given)
        return {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}

    first = learn("a")
    assert set(first) == {"units.safetensors", "units.yaml", ".done"} and learn("b") == first
    assert learn("c", seed=2)["units.safetensors"] != first["units.safetensors"]
    assert learn("d", frames=500)["units.safetensors"] != first["units.safetensors"]
    model = unit_model.load(tmp_path / "a")
    assert (model.encoder, model.layer, model.k, model.merged) == ("mfcc", "mfcc", 16, False)
    assert (tmp_path / "a/units.safetensors").stat().st_mode & 0o044 == 0o044


def test_centroids_do_not_depend_on_the_number_of_threads(monkeypatch):
    import faiss

    monkeypatch.setattr(kmeans, "ROUNDS", 3)
    frames, found = np.random.default_rng(0).normal(size=(600, 39)).astype(np.float32), []
    before = faiss.omp_get_max_threads()
    for threads in (1, 2):
        faiss.omp_set_num_threads(threads)
        found.append(kmeans.centroids(frames, 16, 1).tobytes())
    faiss.omp_set_num_threads(before)
    assert found[0] == found[1]


def test_the_verb_says_what_was_written_and_knows_finished_work(sung, tmp_path):
    out = tmp_path / "units"

    def run(k: int, *more: str):
        words = f"kmeans --encoder mfcc --layer mfcc --k {k} --out {out} --data {tmp_path / 'dev'}"
        return CliRunner().invoke(cli, [*words.split(), *more])

    shutil.copytree(sung["dev"], tmp_path / "dev")
    first = run(8)
    assert first.stdout == f"{out}: written\n" and "8 units explain" in first.stderr
    assert run(8).stdout == f"{out}: up to date\n"
    assert run(8, "--merged").stdout == f"{out}: written\n" and unit_model.load(out).merged
    before = made_from(out)
    (tmp_path / "dev/utt2sent").write_text((tmp_path / "dev/utt2sent").read_text().replace(" s00", " s99"))
    assert run(8, "--merged").stdout == f"{out}: written\n" and made_from(out) != before


def test_what_no_units_can_be_learnt_from_is_told(sung, tmp_path, monkeypatch):
    def learn(spec="mfcc", layer="mfcc", data=sung["dev"], k=8, **more):
        return kmeans.kmeans(spec, layer, [data], k, tmp_path / "units", **more)

    with pytest.raises(DataError, match=r"dev: 5000 units need as many frames at least, got \d+ at mfcc"):
        learn(k=5000)
    monkeypatch.setattr(kmeans, "load_encoder", None)  # the rest is told before that
    with pytest.raises(UserError, match="--frames 7: k-means needs a frame for each of its --k 8 units"):
        learn(frames=7)
    with pytest.raises(UserError, match="^--layer layer04: no layer of mfcc: known are mfcc$"):
        learn(layer="layer04")
    with pytest.raises(UserError, match=r"^--layer mfcc\+mfcc: no layer of mfcc: did you mean"):
        learn(layer="mfcc+mfcc")
    with pytest.raises(UserError, match="unknown encoder 'mfc'"):
        learn(spec="mfc")
    texts = shutil.copytree(sung["dev"], tmp_path / "texts")
    (texts / "wav.scp").unlink()
    with pytest.raises(DataError, match=r"texts/wav\.scp"):
        learn(data=texts)
    assert not (tmp_path / "units").exists()
