"""`fangyan.search.export.qdrant`: Qdrant's own client opens the folder and finds by MaxSim what is known by hand."""

import sqlite3
import sys
from pathlib import Path

import numpy as np
import pytest
from exported import F1, FOUND, QUERY, snippet

from fangyan.errors import UserError
from fangyan.search import nearest
from fangyan.search.export import export, groups
from fangyan.search.export.qdrant import COLLECTION
from fangyan.search.index import Index, create


@pytest.fixture
def opened(request):
    """What opens a folder with Qdrant's client until the test ends."""
    from qdrant_client import QdrantClient

    def opening(folder: Path) -> QdrantClient:
        client = QdrantClient(path=f"{folder}")
        request.addfinalizer(client.close)
        return client

    return opening


def test_maxsim_is_the_precision_of_search_times_the_frames_of_the_query(axes, tmp_path, opened, monkeypatch):
    monkeypatch.setattr(groups, "AT_ONCE", 3)
    assert export(axes.folder, tmp_path / "out", "qdrant") == 4
    client = opened(tmp_path / "out")
    found = client.query_points(COLLECTION, query=QUERY.tolist(), using="frames", limit=9).points
    scores = {point.payload["id"]: point.score for point in found}
    assert scores == pytest.approx(FOUND, abs=1e-3)
    (hits,) = nearest(axes, [QUERY])
    assert {hit.entry.id: hit.f1 for hit in hits} == pytest.approx(F1, abs=1e-3)
    assert {hit.entry.id: 2 * hit.precision for hit in hits} == pytest.approx(FOUND, abs=1e-3)
    # Only search counts what the recording has beyond the query: by MaxSim "more" is as good as "same".
    assert [point.payload["id"] for point in found[2:]] == ["near", "part"] and hits[0].entry.id == "same"


def test_points_are_numbered_in_the_order_of_the_index_and_carry_its_fields(axes, tmp_path, opened):
    export(axes.folder, tmp_path / "out", "qdrant")
    points, _ = opened(tmp_path / "out").scroll(COLLECTION, limit=9, with_vectors=True)
    assert [(point.id, point.payload["id"]) for point in points] == [*enumerate(FOUND)]
    assert points[0].payload == {
        "id": "more", "wav": "/more.wav", "start": 1.5, "end": 2.0, "variety": "yue", "text": "", "text_cmn": ""
    }  # fmt: skip
    assert points[3].payload["end"] is None and points[3].payload["variety"] == "hak"
    np.testing.assert_allclose(points[3].vector["frames"], QUERY, atol=1e-6)
    np.testing.assert_allclose(points[3].vector["mean"], QUERY.sum(0) / 2**0.5, atol=1e-6)


def test_the_code_of_the_page_finds_what_search_finds(indexed, tmp_path, opened, monkeypatch):
    export(indexed, tmp_path / "idx.qdrant", "qdrant")
    index = Index(indexed)
    monkeypatch.chdir(tmp_path)
    for row in (0, 5, 23):
        np.savez("query.npz", **{"query.wav": index.frames(row)})
        names: dict = {}
        exec(snippet("qdrant_client"), names)
        names["client"].close()
        (hits,) = nearest(index, [index.frames(row)])
        assert names["found"][0].payload["id"] == hits[0].entry.id == index.entry(row).id
        due = sorted((hit.precision * len(index.frames(row)) for hit in hits), reverse=True)
        assert names["found"][0].score == pytest.approx(due[0], rel=1e-3)


def test_migrate_takes_all_to_another_client(axes, tmp_path, opened):
    """As to a server; here it is one in memory."""
    from qdrant_client import QdrantClient

    export(axes.folder, tmp_path / "out", "qdrant")
    here, there = opened(tmp_path / "out"), QdrantClient(":memory:")
    here.migrate(there, batch_size=3)
    points = [client.scroll(COLLECTION, limit=9, with_vectors=True)[0] for client in (here, there)]
    assert [(point.id, point.payload) for point in points[0]] == [(p.id, p.payload) for p in points[1]]
    for one, other in zip(*points, strict=True):  # a client L2-normalises what it takes
        np.testing.assert_allclose(one.vector["frames"], other.vector["frames"], atol=1e-6)
        np.testing.assert_allclose(one.vector["mean"], other.vector["mean"], atol=1e-6)
    configs = [client.get_collection(COLLECTION).config.params.vectors for client in (here, there)]
    assert configs[0] == configs[1] and configs[1]["frames"].hnsw_config.m == 0
    found = there.query_points(COLLECTION, query=QUERY.tolist(), using="frames", limit=9).points
    assert {point.payload["id"]: point.score for point in found} == pytest.approx(FOUND, abs=1e-3)


def test_an_empty_index_is_an_empty_collection(tmp_path, settings, opened):
    (tmp_path / "index").mkdir()
    create(tmp_path / "index", settings)
    assert export(tmp_path / "index", tmp_path / "out", "qdrant") == 0
    assert opened(tmp_path / "out").count(COLLECTION).count == 0


def test_what_is_there_stays_and_what_is_stale_is_made_again(axes, tmp_path, entry, opened):
    out = tmp_path / "out"
    export(axes.folder, out, "qdrant")
    before = out.stat().st_ino
    export(axes.folder, out, "qdrant")
    assert out.stat().st_ino == before
    axes.append([(entry("new"), QUERY, -1)])
    assert export(axes.folder, out, "qdrant") == 5 and out.stat().st_ino != before
    assert opened(out).count(COLLECTION).count == 5


def test_a_kill_leaves_nothing_that_is_trusted_and_other_files_are_not_replaced(axes, tmp_path, monkeypatch):
    from qdrant_client.local.persistence import CollectionPersistence

    monkeypatch.setattr(CollectionPersistence, "persist", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export(axes.folder, tmp_path / "out", "qdrant")
    assert not (tmp_path / "out").exists()
    monkeypatch.undo()
    assert export(axes.folder, tmp_path / "out", "qdrant") == 4
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/a.wav").touch()
    with pytest.raises(UserError, match=r"mine: has files in it that are not of this work, such as a.wav"):
        export(axes.folder, tmp_path / "mine", "qdrant")


def test_of_a_full_disk_a_sentence_is_said(axes, tmp_path, monkeypatch):
    from qdrant_client.local.persistence import CollectionPersistence

    def full(*_):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(CollectionPersistence, "persist", full)
    with pytest.raises(
        UserError, match="out: cannot be written: database or disk is full: see that the disk has"
    ):
        export(axes.folder, tmp_path / "out", "qdrant")
    assert not (tmp_path / "out").exists()


def test_without_the_client_it_is_said_what_to_install(axes, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "qdrant_client", None)
    with pytest.raises(UserError, match=r"--to qdrant needs Qdrant's client: .*pip install .*\[qdrant\]"):
        export(axes.folder, tmp_path / "out", "qdrant")
    assert not (tmp_path / "out").exists()
