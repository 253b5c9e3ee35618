"""Full disks, places that cannot be written to: one sentence, and afterwards the same command gives what it should."""

import os
import shutil
import subprocess

import disturbed
import pytest

from fangyan.errors import trouble


@pytest.fixture
def disk(tmp_path):
    """An empty file system of a gigabyte, which `resize` changes."""
    home = tmp_path / "disk"
    home.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1g", "tmpfs", home]
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("file systems cannot be mounted here")
    yield home
    subprocess.run(["umount", home], check=True)


def remount(disk, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", disk], check=True)


def sentence(ended: disturbed.Ended, why: str) -> bool:
    """Whether it ended with one sentence that names a file, why it could not be written, and what to do."""
    last = ended.said.splitlines()[-1]
    told = last.startswith("fangyan: ") and why in last and last.endswith("then run the same again")
    return ended.code == 2 and told and "Traceback" not in ended.said


WRITE_MUCH = ("data", "stats", "train", "decode", "dump", "retrieve", "explain", "report", "pack")


@pytest.mark.parametrize("stage", WRITE_MUCH)
def test_a_full_disk_ends_a_stage_with_a_sentence_and_with_room_it_goes_on(calm, stage, disk):
    home = calm.until(stage, disk / "recipe")
    used = sum(path.stat().st_blocks * 512 for path in home.rglob("*"))
    needed = calm.size(calm.after(stage) - calm.before[stage])
    remount(disk, f"size={used + needed // 2}")
    ended = disturbed.run(stage, home)
    assert sentence(ended, "No space left on device: make room there"), ended
    remount(disk, "size=1g")
    ended = disturbed.run(stage, home)
    assert ended.code == 0, ended
    assert disturbed.results(home) == calm.results(stage)


@pytest.mark.parametrize("stage", ["data", "stats", "decode", "dump", "retrieve", "pack"])
def test_what_is_mounted_read_only_is_named(calm, stage, disk):
    home = calm.until(stage, disk / "recipe")
    remount(disk, "ro")
    assert sentence(disturbed.run(stage, home), "Read-only file system: get the permission to write there")


def test_what_somebody_else_owns_is_named(calm, tmp_path):
    if os.geteuid():
        pytest.skip("only root can give files away")
    home = calm.until("dump", tmp_path / "recipe")
    for path in (home, *home.rglob("*")):
        os.chown(path, 65534, 65534)
    assert sentence(disturbed.run("dump", home, obedient=True), "Permission denied: get the permission")


def test_a_file_in_the_way_of_a_folder_is_named(calm, tmp_path):
    home = calm.until("retrieve", tmp_path / "recipe")
    shutil.rmtree(home / "exp/micro/retrieval", ignore_errors=True)
    (home / "exp/micro/retrieval").write_text("mine")
    assert sentence(disturbed.run("retrieve", home), "retrieval: Not a directory: move the file")


def test_an_error_of_the_system_that_could_be_ours_is_none_of_the_users():
    assert trouble(FileNotFoundError(2, "No such file or directory", "x")) is None
    assert trouble(OSError("no number")) is None
    assert str(trouble(OSError(28, "No space left on device"))).startswith(
        "a file: No space left on device: "
    )
