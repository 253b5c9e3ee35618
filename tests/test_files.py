import os
import stat
import zipfile
from pathlib import Path

import pytest

from fangyan import files
from fangyan.errors import DataError


def test_atomic_leaves_nothing_behind_when_the_block_fails(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError), files.atomic(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_full_disk_has_the_name_of_what_was_written(tmp_path):
    with (
        pytest.raises(OSError, match=r"No space left on device: '.*a\.txt'"),
        files.atomic(tmp_path / "a.txt"),
    ):
        raise OSError(28, "No space left on device")
    with pytest.raises(OSError, match=r"'b'"), files.naming(tmp_path / "a.txt"):
        raise OSError(28, "No space left on device", "b")


def test_tables_come_back_as_written_with_comments_skipped(tmp_path):
    table = tmp_path / "t.tsv"
    files.write_table(table, [{"a": 0.123456789, "b": "話"}, {"a": 2, "b": ""}], ("a", "b"))
    assert table.read_text(encoding="utf-8") == "a\tb\n0.123457\t話\n2\t\n"
    table.write_text("# why\n" + table.read_text(encoding="utf-8"), encoding="utf-8")
    assert files.read_table(table) == [{"a": "0.123457", "b": "話"}, {"a": "2", "b": ""}]


def test_a_table_written_on_windows_is_read(tmp_path):
    (tmp_path / "t.tsv").write_bytes("\ufeffa\tb\r\n1\t2\r\n".encode())
    assert files.read_table(tmp_path / "t.tsv") == [{"a": "1", "b": "2"}]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a\tb\n1\n", r"t\.tsv:2: 2 columns \(a b\), got 1"),
        (b"", r"t\.tsv:1: a table starts with a header"),
        (b"a\tb\n1\t\xff\n", r"t\.tsv:2: must be UTF-8, got byte 0xff: write it as UTF-8"),
        (
            "a\tb\n".encode("utf-16"),
            r"t\.tsv:1: must be UTF-8, got byte 0xff: it is UTF-16, as Excel writes it",
        ),
        ("a\tb\n".encode("utf-16-le"), r"t\.tsv:1: must be text, got a NUL byte"),
        ("a\tb\n1\t天".encode()[:-1], r"t\.tsv:2: .*it ends within a character: get the file again"),
    ],
)
def test_malformed_tables_are_named_with_their_line(tmp_path, content, message):
    (tmp_path / "t.tsv").write_bytes(content)
    with pytest.raises(DataError, match=message):
        files.read_table(tmp_path / "t.tsv")


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(DataError, match=r"t\.tsv: no such file"):
        files.read_table(tmp_path / "t.tsv")


def test_fingerprint_sees_content_and_names_but_not_places(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x").write_text("1")
    same = files.fingerprint(tmp_path / "a")
    assert same == files.fingerprint(tmp_path / "b")
    (tmp_path / "b" / "x").write_text("2")
    assert same != files.fingerprint(tmp_path / "b")
    (tmp_path / "a" / "x").rename(tmp_path / "a" / "y")
    assert same != files.fingerprint(tmp_path / "a")


def test_produce_builds_once_and_again_when_an_input_changed(tmp_path):
    built = []

    def build(folder: Path) -> None:
        built.append(folder)
        (folder / "x").write_text(str(len(built)))

    out = tmp_path / "out"
    assert files.produce(out, {"seed": 1}, build)
    assert not files.produce(out, {"seed": 1}, build)
    assert (out / "x").read_text() == "1"
    assert files.produce(out, {"seed": 2}, build)
    assert (out / "x").read_text() == "2"
    assert files.made_from(out) == {"seed": 2}


@pytest.mark.parametrize("gone", ["x", "layer/y", ".z.tsv"])
def test_finished_work_of_which_a_file_is_gone_is_done_again(tmp_path, gone):
    def build(folder: Path) -> None:
        (folder / "layer").mkdir()
        for name in ("x", "layer/y", ".z.tsv"):
            (folder / name).touch()

    out = tmp_path / "out"
    assert files.produce(out, {}, build) and not files.produce(out, {}, build)
    (out / gone).unlink()
    assert not files.is_done(out, {}) and files.made_from(out) is None
    assert files.produce(out, {}, build) and not files.produce(out, {}, build)


def test_inputs_are_compared_as_they_are_written(tmp_path):
    inputs = {"layers": ("a", "b"), "of": {1: ()}}
    assert files.produce(tmp_path / "out", inputs, lambda folder: None)
    assert not files.produce(tmp_path / "out", inputs, lambda folder: None)


def test_a_stamp_that_lists_no_files_stays_good(tmp_path):
    files.write_json(tmp_path / files.DONE, {"seed": 1})
    assert files.is_done(tmp_path, {"seed": 1}) and not files.is_done(tmp_path, {"seed": 2})


@pytest.mark.parametrize("content", ["", "[]", "3", "{}", '{"seed": 1}', '{"seed": 2, "outputs": 3}'])
def test_a_stamp_of_other_work_or_none_counts_for_nothing(tmp_path, content):
    (tmp_path / files.DONE).write_text(content)
    assert not files.is_done(tmp_path, {"seed": 2})


def test_produce_never_trusts_what_a_killed_build_left(tmp_path):
    out = tmp_path / "out"

    def killed(folder: Path) -> None:
        (folder / "stale").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        files.produce(out, {}, killed)
    assert not out.exists()
    assert files.produce(out, {}, lambda folder: (folder / "x").write_text("whole"))
    assert sorted(p.name for p in out.iterdir()) == [files.DONE, "x"]


def test_unpack_brings_out_what_is_in_the_archive(tmp_path):
    with zipfile.ZipFile(tmp_path / "m.zip", "w") as bundle:
        bundle.writestr("exp/a/config.yaml", "x: 1")
    files.unpack(tmp_path / "m.zip", tmp_path / "out")
    assert (tmp_path / "out/exp/a/config.yaml").read_text() == "x: 1"


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "a/../../evil"])
def test_unpack_refuses_a_member_that_leaves_the_folder(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "m.zip", "w") as bundle:
        bundle.writestr("good", "x")
        bundle.writestr(name, "x")
    with pytest.raises(DataError, match="plain files below the folder"):
        files.unpack(tmp_path / "m.zip", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_unpack_refuses_links_and_devices(tmp_path, kind):
    link = zipfile.ZipInfo("link")
    link.external_attr = (kind | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "m.zip", "w") as bundle:
        bundle.writestr("good", "x")
        bundle.writestr(link, "/etc/passwd")
    with pytest.raises(DataError, match="got 'link'"):
        files.unpack(tmp_path / "m.zip", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def bomb(path: Path) -> None:
    """Ten million zeros in ten thousand bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr("zeros", bytes(10_000_000))


def test_unpack_refuses_a_bomb(tmp_path):
    bomb(tmp_path / "m.zip")
    message = r"m\.zip: what it holds is at most 100 times its size, got 10,000,000 bytes: a zip bomb\?"
    with pytest.raises(DataError, match=message):
        files.unpack(tmp_path / "m.zip", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_unpack_writes_no_more_of_a_bomb_than_it_declares(tmp_path):
    bomb(tmp_path / "m.zip")
    honest, lying = ((10_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    (tmp_path / "m.zip").write_bytes((tmp_path / "m.zip").read_bytes().replace(honest, lying))
    with pytest.raises(DataError, match="not readable as a zip archive"):
        files.unpack(tmp_path / "m.zip", tmp_path / "out")
    assert sum(path.stat().st_size for path in (tmp_path / "out").iterdir()) <= 10


@pytest.mark.parametrize("names", [("a", "a/b"), ("a/b", "a")])
def test_unpack_names_an_archive_whose_members_get_in_each_others_way(tmp_path, names):
    with zipfile.ZipFile(tmp_path / "m.zip", "w") as bundle:
        for name in names:
            bundle.writestr(name, "x")
    with pytest.raises(DataError, match=r"m\.zip: not readable as a zip archive"):
        files.unpack(tmp_path / "m.zip", tmp_path / "out")


@pytest.mark.parametrize("cut", [10, 60, 200])
def test_unpack_names_an_archive_that_was_cut(tmp_path, cut):
    with zipfile.ZipFile(tmp_path / "m.zip", "w") as bundle:
        bundle.writestr("weights", bytes(range(256)))
    content = (tmp_path / "m.zip").read_bytes()
    (tmp_path / "m.zip").write_bytes(content[:-cut])
    with pytest.raises(DataError, match=r"m\.zip: not readable as a zip archive"):
        files.unpack(tmp_path / "m.zip", tmp_path / "out")


def test_unpack_says_that_a_file_is_no_archive(tmp_path):
    (tmp_path / "m.zip").write_text("not a zip")
    with pytest.raises(DataError, match="not readable as a zip archive"):
        files.unpack(tmp_path / "m.zip", tmp_path)


@pytest.mark.parametrize("text", ["1", "-1", "+1.5", "1.", ".5", "1e-3", "2.5E+2"])
def test_a_number_is_a_plain_decimal(text):
    assert files.number(text) == float(text)


@pytest.mark.parametrize(
    "text",
    ["nan", "inf", "-Infinity", "1e400", "1_2", " 1", "1 ", "1\n", "１２", "٣", "0x1", "1,5", "", ".", "e3"],
)
def test_what_only_python_takes_for_a_number_is_none(text):
    with pytest.raises(ValueError, match="a number is a plain decimal"):
        files.number(text)


def test_no_message_names_a_temporary_path(tmp_path):
    def build(folder):
        (folder / "x").touch()
        raise DataError(f"{folder / 'x'}:3: a rule")

    with pytest.raises(DataError, match=f"^{tmp_path}/out/x:3: a rule$"):
        files.produce(tmp_path / "out", {}, build)


def test_a_version_is_size_and_time_and_none_where_there_is_no_file(tmp_path):
    file, twin = tmp_path / "a.wav", tmp_path / "b.wav"
    for path in (file, twin):
        path.write_bytes(b"1234")
        os.utime(path, ns=(0, 5))
    assert files.version(file) == (4, 5)
    assert files.versions([file, tmp_path / "no.wav", str(twin), "nul\0"]) == [(4, 5), None, (4, 5), None]
    assert files.versions([file, twin] * 1500) == [(4, 5)] * 3000  # in order, though asked side by side
    os.utime(file, ns=(0, 6))
    assert files.version(file) == (4, 6)
    with pytest.raises(FileNotFoundError):
        files.version(tmp_path / "no.wav")
