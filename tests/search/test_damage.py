"""What a damaged index says, to whatever reads it: one sentence with the file; never numbers that are none."""

import json
from dataclasses import replace

import numpy as np
import pytest

from fangyan.errors import DataError
from fangyan.mining import Rule, Sides, mine
from fangyan.search import nearest
from fangyan.search.export import export
from fangyan.search.frame_codecs import find_codec
from fangyan.search.index import ENTRIES, MEANS, ROW, ROWS, SETTINGS, Index, create
from fangyan.search.joining import join

QUERY = np.array([[1, 0]], np.float32)
READERS = {
    "search": lambda folder, out: nearest(Index(folder), [QUERY]),
    "mine": lambda folder, out: mine(Sides(folder, folder), Rule("0"), out, k=2),
    "export": lambda folder, out: export(folder, out.with_suffix(".parquet")),
    "join": lambda folder, out: join(out, [folder]),
}


@pytest.fixture(params=["f16", "int8", "pool:2"])
def folder(tmp_path, settings, entry, turned, request):
    """An index of three recordings, the second of which is silent."""
    (tmp_path / "index").mkdir()
    index = create(tmp_path / "index", replace(settings, frames=request.param))
    for key, frames in (("a", turned(0, 30)), ("b", np.zeros((2, 2), np.float32)), ("c", turned(60, 70))):
        index.append([(entry(key), frames, -1)])
    return index.folder


def overwritten(file, row, value):
    """Puts ``value`` in place of the two numbers of a row."""
    numbers = np.frombuffer(file.read_bytes(), "<f4").reshape(-1, 2).copy()
    numbers[row] = value
    file.write_bytes(numbers.tobytes())


@pytest.mark.parametrize("reader", READERS)
def test_silence_is_no_damage(folder, tmp_path, reader):
    READERS[reader](folder, tmp_path / "out")


@pytest.mark.parametrize("value", [np.nan, np.inf, 0])
@pytest.mark.parametrize("reader", READERS)
def test_means_that_are_none(folder, tmp_path, reader, value):
    overwritten(folder / MEANS, 2, value)
    with pytest.raises(DataError, match=r"means\.f32: of row 2 it has another mean, the index is damaged"):
        READERS[reader](folder, tmp_path / "out")


@pytest.mark.parametrize("reader", ["search", "mine", "export"])
def test_frames_of_which_a_disk_has_lost_the_bytes(folder, tmp_path, reader):
    file = folder / find_codec(Index(folder).settings.frames, 2).file
    lost = len(file.read_bytes())
    file.write_bytes(bytes(lost))
    with pytest.raises(DataError, match=rf"{file.name}: of row \d it has other frames, the index is damaged"):
        READERS[reader](folder, tmp_path / "out")


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("field", "value"), [("start", "x"), ("end", []), ("text", None), ("size", 1.5), ("wav", 3)]
)
def test_fields_of_another_kind(folder, tmp_path, reader, field, value):
    lines = (folder / ENTRIES).read_text().splitlines()
    rows = np.frombuffer((folder / ROWS).read_bytes(), ROW).copy()
    lines = [json.dumps(json.loads(line) | {field: value}) for line in lines]
    (folder / ENTRIES).write_text("\n".join(lines) + "\n")
    rows["entries"] = np.cumsum([len(line) + 1 for line in lines])
    (folder / ROWS).write_bytes(rows.tobytes())
    with pytest.raises(
        DataError, match=r"entries\.jsonl:\d: an entry is one JSON object, the index is damaged"
    ):
        READERS[reader](folder, tmp_path / "out")


@pytest.mark.parametrize("replaces", [-5, 2, 99])
def test_a_row_that_replaces_none_before_it(folder, replaces):
    rows = np.frombuffer((folder / ROWS).read_bytes(), ROW).copy()
    rows["replaces"][2] = replaces
    (folder / ROWS).write_bytes(rows.tobytes())
    with pytest.raises(DataError, match="rows: a row replaces one before it, or -1, the index is damaged"):
        Index(folder)


@pytest.mark.parametrize(
    ("field", "value"),
    [("dimension", "2"), ("dimension", 0), ("identity", []), ("identity", {"a": 1}), ("layer", 4)],
)
def test_settings_of_another_kind(folder, field, value):
    (folder / SETTINGS).write_text(json.dumps(json.loads((folder / SETTINGS).read_text()) | {field: value}))
    if value == []:
        (folder / SETTINGS).write_text((folder / SETTINGS).read_text().replace("[]", "[1]"))
    with pytest.raises(DataError, match=r"index\.json: not the settings of an index: the index is damaged"):
        Index(folder)


def test_frames_of_another_dimension_are_not_added(folder, entry):
    with pytest.raises(DataError, match=r"index\.json: frames of d = 2, got 3: the index is"):
        Index(folder).append([(entry("d"), np.ones((1, 3), np.float32), -1)])
    assert len(Index(folder)) == 3
