"""SIGKILL of the process of each stage, at any moment: the same command again gives what an undisturbed one gives."""

import disturbed
import pytest


@pytest.mark.parametrize("stage", disturbed.STAGES)
def test_a_stage_that_is_killed_again_and_again_ends_as_if_nothing_had_been(calm, stage, tmp_path):
    home, steps = calm.until(stage, tmp_path / "recipe"), calm.steps[stage]
    for dies_at in dict.fromkeys((1, steps // 2, steps - 1)):
        ended = disturbed.run(stage, home, dies_at=dies_at)
        assert ended.code in (-9, 0)
    ended = disturbed.run(stage, home)
    assert ended.code == 0, ended.said
    assert disturbed.results(home) == calm.results(stage)
    assert not [path for path in home.rglob("*") if ".partial" in path.name or ".shards" in path.name]
    assert "up to date" in disturbed.run(stage, home).said or stage in ("data", "score", "report", "pack")


def test_what_was_recognised_before_a_kill_is_not_recognised_again(calm, tmp_path):
    home = calm.until("decode", tmp_path / "recipe")
    journal = home / "exp/micro/decode/.test.shards/1_of_1/.journal"
    kept = b""
    for dies_at in (calm.steps["decode"] // 2, 5, 5):
        assert disturbed.run("decode", home, dies_at=dies_at).code == -9
        assert journal.read_bytes().startswith(kept) and journal.read_bytes() != kept
        kept = journal.read_bytes()
