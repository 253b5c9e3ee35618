"""`fangyan.bench.towers`: both sides of a row do the same work, and a checkpoint with holes is one; no timings."""

from fangyan.bench import BENCHMARKS, towers


def test_the_rows_are_there():
    assert set(towers.BENCHMARKS) <= set(BENCHMARKS)
    assert {row.name for row in towers.BENCHMARKS} == {"tower_dump_vs_forward", "tower_load_memory"}


def test_the_weights_of_the_tower_are_a_twentieth_of_a_checkpoint_that_takes_no_space(tmp_path):
    size = towers.write_voxtral(tmp_path)
    file = (tmp_path / "model.safetensors").stat()
    assert 18 < file.st_size / size < 25
    assert file.st_blocks * 512 < 2**20
