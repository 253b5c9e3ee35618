from functools import partial

import pytest

from fangyan import files, shards
from fangyan.errors import DataError, UserError
from fangyan.shards import WHOLE, Shard

LETTERS = "abcdefg"


def build(letters, part, folder):
    """A shard: each letter in a file of its own."""
    for letter in part.of(letters):
        (folder / letter).write_text(letter.upper())


def merge(folders, folder):
    (folder / "all").write_text("".join(sorted(p.read_text() for f in folders for p in f.glob("[a-z]"))))


def produce(out, part, letters=LETTERS):
    return shards.produce_sharded(out, {"letters": letters}, part, partial(build, letters), merge)


@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_the_shards_merged_are_the_whole(tmp_path, count):
    for out in (tmp_path / "whole", tmp_path / "merged"):
        for part in (
            [WHOLE] if out.name == "whole" else [*reversed(Shard(0, count).shards()), Shard(0, count)]
        ):
            produce(out, part)
    assert (tmp_path / "merged/all").read_text() == "ABCDEFG"
    for name in ("all", ".done"):
        assert (tmp_path / "merged" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["merged", "whole"]
    assert sorted(p.name for p in (tmp_path / "whole").iterdir()) == [".done", "all"]


def test_every_item_is_in_one_shard_and_shards_are_of_equal_size():
    parts = [part.of(range(10)) for part in Shard(0, 4).shards()]
    assert sorted(n for part in parts for n in part) == list(range(10))
    assert {len(part) for part in parts} == {2, 3}


def test_finished_work_is_kept_and_what_its_shards_left_is_cleared_away(tmp_path):
    out = tmp_path / "out"
    assert produce(out, Shard(1, 2)) and not produce(out, Shard(1, 2))
    assert produce(out, WHOLE) and not produce(out, WHOLE)
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    assert not produce(out, Shard(2, 2)) and not produce(out, Shard(0, 2))


def test_a_shard_that_is_missing_or_stale_is_named(tmp_path):
    out = tmp_path / "out"
    produce(out, Shard(1, 2))
    with pytest.raises(
        UserError, match=r"out: shard 2/2 is not finished, .* with --shard 2/2 again, then merge"
    ):
        produce(out, Shard(0, 2))
    produce(out, Shard(2, 2), "abc")
    with pytest.raises(UserError, match="shard 2/2 is not finished, or from other inputs"):
        produce(out, Shard(0, 2))
    assert not out.exists()
    produce(out, Shard(2, 2))
    assert produce(out, Shard(0, 2)) and files.made_from(out) == {"letters": LETTERS}


@pytest.mark.parametrize("shard", ["", "2", "0/3", "4/3", "1/0", "-1/3", "a/b", "1/2/3", "½/1", "²/3"])
def test_a_shard_that_is_none_is_refused(shard):
    with pytest.raises(UserError, match=r"--shard is i/n, 2/4 for the second of four"):
        Shard.parse(shard)


def test_a_part_is_a_share_or_the_joining():
    assert (Shard.parse("1/1"), Shard.parse("2/4"), Shard.parse("1/1", 4)) == (
        WHOLE,
        Shard(2, 4),
        Shard(0, 4),
    )
    with pytest.raises(UserError, match="--shard 1/4 and --merge 4 are two steps"):
        Shard.parse("1/4", 4)


@pytest.mark.parametrize(("found", "odd"), [("ab", "c 0"), ("abcc", "c 2"), ("abcd", "d 1"), ("bb", "a 0")])
def test_all_is_there_exactly_once(found, odd):
    shards.check_exactly_once("here", "letter", "cab", "abc")
    with pytest.raises(DataError, match=f"^here: every letter is there exactly once, got {odd} times"):
        shards.check_exactly_once("here", "letter", found, "abc")
