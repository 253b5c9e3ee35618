"""`fangyan.search.export.groups`: the recordings that none replaces, some at a time."""

import numpy as np

from fangyan.search.export import groups as module
from fangyan.search.export.groups import groups, inputs


def test_recordings_come_in_order_and_replaced_ones_are_left_out(axes, monkeypatch):
    monkeypatch.setattr(module, "AT_ONCE", 3)
    first, second = groups(axes)
    assert [entry.id for entry in first.entries] == ["more", "part", "near"] and first.first == 0
    assert second.first == 3 and second.fields() == [
        {
            "id": "same",
            "wav": "/same.wav",
            "start": 0.0,
            "end": None,
            "variety": "hak",
            "text": "",
            "text_cmn": "",
        }
    ]
    assert first.frames.shape == (7, 8) and first.lengths.tolist() == [4, 1, 2]
    assert [len(frames) for frames in first.split()] == [4, 1, 2]
    np.testing.assert_allclose(second.means, [[0.5**0.5] * 2 + [0] * 6], atol=1e-6)


def test_what_is_made_of_an_index_is_stale_when_it_has_more(axes, entry):
    before = inputs(axes)
    assert inputs(axes) == before
    axes.append([(entry("new"), np.eye(8, dtype=np.float32)[:1], -1)])
    assert inputs(axes) != before
