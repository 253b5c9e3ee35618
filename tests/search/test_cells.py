"""`fangyan.search.cells`: a first cut in cells against the exact one, and what makes them, longer or anew."""

from dataclasses import replace

import numpy as np
import pytest

from fangyan.search import cells, first_cut
from fangyan.search.index import MEANS, Index, create

DIMENSION = 8


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Cells from 200 recordings on."""
    for name, value in {"FLAT": 200, "LAG": 20, "ASKED": 30, "NEAREST": 10, "MOST": 1}.items():
        monkeypatch.setattr(cells, name, value)


def vectors(count, seed=0):
    """(count, d) of length 1."""
    found = np.random.default_rng(seed).standard_normal((count, DIMENSION)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


@pytest.fixture
def grow(tmp_path, settings, entry):
    """What adds recordings of one frame, and makes the index if there is none."""

    def make(count, seed=0):
        there = (tmp_path / "index.json").exists()
        index = Index(tmp_path) if there else create(tmp_path, replace(settings, dimension=DIMENSION))
        frames = vectors(count, seed)
        index.append([(entry(f"{seed}-{n}", f"v{n % 3}"), x[None], -1) for n, x in enumerate(frames)])
        cells.extend(index)
        return Index(tmp_path)

    return make


def exact(index, queries, cut, rows):
    return rows[np.argsort(-queries @ index.means[rows].T, axis=1, kind="stable")[:, :cut]]


def test_a_small_index_has_none(grow):
    assert grow(200).cells is None


def test_most_of_what_is_nearest_is_found_and_its_share_printed(grow, capsys):
    index, queries = grow(600), vectors(40, 9)
    told = capsys.readouterr().err
    assert "cells.faiss: 32 cells of 600 recordings, of which a search looks into" in told
    recall = float(told.partition("there are ")[2].partition(" %")[0])
    assert 98 <= recall <= 100 and index.cells.nprobe in (1, 2, 4, 8, 16, 32)
    rows, cosines = first_cut(index, queries, 10, index.live)
    due = exact(index, queries, 10, index.live)
    assert np.mean([np.isin(a, b).mean() for a, b in zip(due, rows, strict=True)]) > 0.9
    np.testing.assert_allclose(cosines, np.einsum("qcd,qd->qc", index.means[rows], queries), atol=1e-6)
    assert (np.diff(cosines, axis=1) <= 0).all()


def test_all_cells_find_what_the_exact_cut_finds(grow):
    index, queries = grow(600), vectors(40, 9)
    index.cells.nprobe = index.cells.nlist
    for rows in (index.live, index.live[::2]):
        np.testing.assert_array_equal(first_cut(index, queries, 10, rows)[0], exact(index, queries, 10, rows))


def test_a_narrow_choice_is_compared_one_by_one(grow, monkeypatch):
    index, queries = grow(600), vectors(40, 9)
    monkeypatch.setattr(cells, "nearest", None)
    rows = index.live[::3]
    assert len(rows) == 200
    np.testing.assert_array_equal(first_cut(index, queries, 10, rows)[0], exact(index, queries, 10, rows))


def test_what_the_cells_lack_is_found_all_the_same(grow):
    assert grow(600).cells.ntotal == 600
    index = grow(20, seed=1)
    assert (len(index), index.cells.ntotal) == (620, 600)
    found, _ = first_cut(index, vectors(20, 1), 1, index.live)
    assert found[:, 0].tolist() == [*range(600, 620)]


def test_cells_grow_with_the_index_and_are_made_anew_when_it_is_much_larger(grow, capsys):
    grow(600)
    capsys.readouterr()
    assert grow(21, seed=1).cells.ntotal == 621 and "cells of" not in capsys.readouterr().err
    index = grow(2000, seed=2)
    assert (index.cells.nlist, index.cells.ntotal) == (64, 2621)
    assert "64 cells of 2,621 recordings" in capsys.readouterr().err


def test_where_the_cells_hold_too_few_all_are_compared(grow):
    index, queries = grow(600), vectors(3, 9)
    index.cells.nprobe = 1
    rows, _ = first_cut(index, queries, 500, index.live)
    np.testing.assert_array_equal(rows, exact(index, queries, 500, index.live))


@pytest.mark.parametrize("damage", ["none", "text", "header", "cut short"])
def test_a_file_that_is_none_is_passed_over_and_made_anew(grow, tmp_path, damage):
    grow(600)
    whole = (tmp_path / cells.FILE).read_bytes()
    content = {"none": b"", "text": b"no cells", "header": whole[:4] + bytes(40), "cut short": whole[:-9]}
    (tmp_path / cells.FILE).write_bytes(content[damage])
    index = Index(tmp_path)
    assert index.cells is None
    rows, _ = first_cut(index, vectors(3, 9), 10, index.live)
    np.testing.assert_array_equal(rows, exact(index, vectors(3, 9), 10, index.live))
    cells.extend(index)
    assert (tmp_path / cells.FILE).read_bytes() == whole


def test_cells_of_another_index_are_passed_over(grow, tmp_path, settings, entry):
    grow(600)
    (tmp_path / "other").mkdir()
    other = create(tmp_path / "other", replace(settings, dimension=DIMENSION))
    other.append([(entry("a"), vectors(1), -1)])
    (tmp_path / "other" / cells.FILE).write_bytes((tmp_path / cells.FILE).read_bytes())
    assert Index(tmp_path / "other").cells is None  # of more recordings than there are


@pytest.mark.parametrize("changed", [[-1], range(600), range(300, 600)])
def test_cells_of_other_means_are_told_passed_over_and_made_anew(grow, tmp_path, capsys, changed):
    means = grow(600).means.copy()
    whole = (tmp_path / cells.FILE).read_bytes()
    means[changed] = vectors(600, 5)[changed]
    (tmp_path / MEANS).write_bytes(means.tobytes())
    index, queries = Index(tmp_path), vectors(3, 9)
    capsys.readouterr()
    rows, _ = first_cut(index, queries, 10, index.live)
    np.testing.assert_array_equal(rows, exact(index, queries, 10, index.live))
    told = "cells.faiss: not made from the means of this index, or by an earlier version: all recordings are compared"
    assert capsys.readouterr().err.count(told) == 1
    cells.extend(index)
    assert (tmp_path / cells.FILE).read_bytes() != whole and Index(tmp_path).cells.ntotal == 600


def test_cells_of_an_earlier_version_are_made_anew(grow, tmp_path, capsys):
    index = grow(600)
    whole = (tmp_path / cells.FILE).read_bytes()
    (tmp_path / cells.FILE).write_bytes(whole[:-32])
    assert Index(tmp_path).cells is None and "or by an earlier version" in capsys.readouterr().err
    cells.extend(index)
    assert (tmp_path / cells.FILE).read_bytes() == whole
