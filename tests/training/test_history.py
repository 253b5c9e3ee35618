"""history.tsv: its columns are those that a task measures."""

import pytest

from fangyan.errors import DataError
from fangyan.training import history
from fangyan.training.history import Curve, Epoch

RECOGNITION = (Curve("acc", "max"), Curve("cer_ctc", "min", ("valid",)))


def test_columns_are_the_loss_and_the_curves_by_data():
    assert history.columns([]) == ("epoch", "train_loss", "valid_loss", "seconds")
    assert history.columns(RECOGNITION) == (
        *("epoch", "train_loss", "train_acc"),
        *("valid_loss", "valid_acc", "valid_cer_ctc", "seconds"),
    )


def told(role: str, seconds: float, **values: float) -> dict:
    return {role: values | {"time": {"__timedelta_seconds__": seconds}}}


def test_what_is_written_is_read(tmp_path):
    stats = {
        2: told("train", 1.5, loss=2.0, acc=0.5)
        | told("valid", 0.5, loss=float("nan"), acc=0.25, cer_ctc=1.0),
        1: told("train", 1.0, loss=4.0, acc=0.25, forward_time=9.0),
    }
    rows = history.write(tmp_path, stats, history.columns(RECOGNITION))
    assert [row["epoch"] for row in rows] == [1, 2]
    assert (tmp_path / "history.tsv").read_text() == (
        "epoch\ttrain_loss\ttrain_acc\tvalid_loss\tvalid_acc\tvalid_cer_ctc\tseconds\n"
        "1\t4\t0.25\t\t\t\t1\n"
        "2\t2\t0.5\tnan\t0.25\t1\t2\n"
    )
    first, second = history.read(tmp_path)
    nothing = dict.fromkeys(("valid_loss", "valid_acc", "valid_cer_ctc"))
    assert first == Epoch(1, {"train_loss": 4.0, "train_acc": 0.25} | nothing, 1.0)
    assert second.values["valid_loss"] is None and second.values["valid_cer_ctc"] == 1
    assert history.measures([first, second]) == ["loss", "acc", "cer_ctc"]


def test_nothing_is_read_of_a_folder_without_history(tmp_path):
    assert history.read(tmp_path) == history.measures([]) == []


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("epoch\ttrain_loss\n1\t2\n", "history.tsv:1: .* got none named seconds"),
        (
            "epoch\ttrain_loss\tseconds\n1\t2\t3\n2\tmuch\t3\n",
            "tsv:3: train_loss is a number or nothing, got 'much'",
        ),
        ("epoch\tseconds\n0\t1\n", "tsv:2: epoch is a whole number above 0, got '0'"),
        ("epoch\tseconds\n1.5\t1\n", "tsv:2: epoch is a whole number above 0, got '1.5'"),
        ("epoch\tseconds\n1\t-1\n", "tsv:2: seconds is a number from 0 up or nothing, got '-1'"),
    ],
)
def test_a_malformed_history_is_refused_with_its_line(tmp_path, table, message):
    (tmp_path / "history.tsv").write_text(table)
    with pytest.raises(DataError, match=message):
        history.read(tmp_path)


def test_a_measure_that_no_epoch_has_is_none(tmp_path):
    (tmp_path / "history.tsv").write_text(
        "epoch\ttrain_loss\ttrain_loss_distil\ttrain_loss_seqsim\tvalid_loss\tvalid_loss_distil\tseconds\n"
        "1\t2\t\t\t3\t\t1\n2\t1\t\t\t2\t0.5\t1\n"
    )
    assert history.measures(history.read(tmp_path)) == ["loss", "loss_distil"]
