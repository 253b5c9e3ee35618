import pytest
import torch

from fangyan.errors import DataError
from fangyan.files import read_table
from fangyan.training.checkpoints import NEWEST, PREVIOUS, newest_whole, whole_checkpoints
from fangyan.training.history import columns


def state(epoch: int) -> dict:
    return {
        "model": torch.full((1000,), epoch),
        "reporter": {"stats": {epoch: {"train": {"loss": float(epoch)}}}},
    }


@pytest.fixture
def exp(tmp_path):
    """An experiment folder with the checkpoints of two epochs."""
    with whole_checkpoints(tmp_path, 2, columns([])):
        for epoch in (1, 2):
            torch.save(state(epoch), tmp_path / NEWEST)
    return tmp_path


def epoch_of(path) -> int:
    return int(torch.load(path, weights_only=True)["model"][0])


def test_the_newest_checkpoint_keeps_the_one_before(exp):
    assert (epoch_of(exp / NEWEST), epoch_of(exp / PREVIOUS)) == (2, 1)
    assert [row["train_loss"] for row in read_table(exp / "history.tsv")] == ["2"]
    assert newest_whole(exp)
    assert (epoch_of(exp / NEWEST), epoch_of(exp / PREVIOUS)) == (2, 1)


def test_nothing_is_there_to_go_on_from(tmp_path):
    assert not newest_whole(tmp_path)


def cut(whole: bytes) -> bytes:
    return whole[:1000]


def flip(whole: bytes) -> bytes:
    middle = len(whole) // 2
    return whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :]


@pytest.mark.parametrize("damage", [cut, flip, lambda whole: b""], ids=["cut", "flipped", "empty"])
def test_a_broken_newest_checkpoint_makes_way_for_the_one_before(exp, damage, capsys):
    (exp / NEWEST).write_bytes(damage((exp / NEWEST).read_bytes()))
    assert newest_whole(exp)
    assert (epoch_of(exp / NEWEST), (exp / PREVIOUS).exists()) == (1, False)
    broken, instead = capsys.readouterr().err.splitlines()
    assert broken.startswith(f"{exp / NEWEST}: cannot be read (")
    assert instead == f"going on from {exp / PREVIOUS}, which is the epoch before"


def test_a_kill_between_two_renamings_leaves_the_one_before(exp):
    (exp / NEWEST).unlink()
    assert newest_whole(exp)
    assert epoch_of(exp / NEWEST) == 1


def test_two_broken_checkpoints_are_for_the_user_to_remove(exp):
    for name in (NEWEST, PREVIOUS):
        (exp / name).write_bytes(cut((exp / name).read_bytes()))
    with pytest.raises(
        DataError, match=f"{NEWEST} and .*{PREVIOUS}: no checkpoint that can be read; remove them to train"
    ):
        newest_whole(exp)
