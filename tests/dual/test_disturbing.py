import torch

from fangyan.dual.disturbing import disturb

ROWS = {
    "one": ["[yue][speech]<u1><u22>"] * 400,
    "other": ["[cmn][text]去"] * 400,
    "label": [*range(400)],
}


def test_the_variety_is_taken_off_the_prefix_of_speech_and_of_nothing_else():
    torch.manual_seed(0)
    found = disturb(0.25, 0.0)(ROWS)
    assert {*found["one"]} == {"[yue][speech]<u1><u22>", "[speech]<u1><u22>"}
    assert 60 < found["one"].count("[speech]<u1><u22>") < 140
    assert (found["other"], found["label"]) == (ROWS["other"], ROWS["label"])
    assert {*disturb(1.0, 0.0)(ROWS)["one"]} == {"[speech]<u1><u22>"}


def test_units_are_left_out_and_all_else_is_not():
    torch.manual_seed(0)
    found = disturb(0.0, 0.5)(ROWS)
    assert {*found["one"]} == {f"[yue][speech]{units}" for units in ("", "<u1>", "<u22>", "<u1><u22>")}
    assert found["other"] == ROWS["other"]
    assert disturb(0.0, 0.0)(ROWS) == ROWS
