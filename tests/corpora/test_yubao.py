"""YuBao: the table of sites, and a miniature of the scraped tree with everything that goes wrong in it."""

import io
import json
import re
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from fangyan import corpora
from fangyan.corpora import yubao
from fangyan.data import audio, datadir
from fangyan.errors import DataError, UserError

ODD_IPA = "a⁵⁵ʔ̚\tt͡ɕʰi˥˩\n ɓɯ̃ŋ5/53"
SITES = """\
# miniature
site_id\tsite\tgroup
11127\t河北_承德市_滦平县\tzh_standard
26D56 26J45\t湖南_湘潭市_韶山市\thsn
26A53\t湖南_湘潭_湘乡\thsn
04G96\t上海_市区_杨浦区\twuu
"""
FOLDERS = {
    "11127": "河北_承德市_滦平县",
    "26J45": "湖南_湘潭市_韶山市",
    "26A53": "湖南_湘潭_湘乡 (copy of 'x' & y)",
    "04G96": "上海_市区_杨浦区",
}
SENTENCES = ("0001", "0002", "0003")


def wav(channels: int = 1, rate: int = 16_000) -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, np.zeros((rate // 10, channels)), rate, format="WAV")
    return stream.getvalue()


def rows() -> list[dict]:
    """The metadata of the four sites, of 26D56, which shares its name with 26J45, and of one outside the benchmark."""
    return [
        {
            "transcript": f"{site}话{sentence}",
            "translation": f"第{sentence}句",
            "ipa": ODD_IPA,
            "english": "hello",
            "utterance_id": f"{site}mb01yf{sentence}",
            "site": "湖南_湘潭市_韶山市" if site in ("26D56", "26J45") else site,
            "subgrouping": "官话",
        }
        for site in ("11127", "26D56", "26J45", "26A53", "04G96", "99Z99")
        for sentence in SENTENCES
    ]


def write_jsonl(path, table: list[dict]) -> None:
    lines = "\r\n".join(json.dumps(row, ensure_ascii=False) for row in table)
    path.write_bytes(b"\xef\xbb\xbf" + lines.encode() + b"\r\n\r\n")


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A complete tree: BOM and CR LF in the metadata, a stereo file of 44.1 kHz, an odd folder name."""
    (tmp_path / "sites.tsv").write_text(SITES, encoding="utf-8")
    monkeypatch.setattr(yubao, "SITES", tmp_path / "sites.tsv")
    root = tmp_path / "yu bao"
    for site, folder in FOLDERS.items():
        home = root / "scraped" / folder
        home.mkdir(parents=True)
        for sentence in SENTENCES:
            (home / f"{site}mb01yf{sentence}.wav").write_bytes(wav())
            (home / f"{site}mb01yf{sentence}.mp4").touch()
    (root / "scraped/上海_市区_杨浦区/04G96mb01yf0002.wav").write_bytes(wav(2, 44_100))
    (root / "scraped/上海_市区_杨浦区/._04G96mb01yf0002.wav").write_bytes(b"finder")
    write_jsonl(root / "yubao_videos.jsonl", rows())
    return root


def test_the_table_is_the_protocol():
    places = yubao.sites()
    groups = ("zh_dialect", "gan", "hsn", "min", "hak", "wuu", "yue")
    assert Counter(p.group for p in places) == {"zh_standard": 1} | dict.fromkeys(groups, 11)
    assert [p.name for p in places if p.group == "zh_standard"] == ["河北_承德市_滦平县"]
    assert len({p.name for p in places}) == 78
    ids = [key for p in places for key in p.ids]
    assert len(set(ids)) == len(ids) == 80
    assert all(re.fullmatch("[0-9A-Z]{5}", key) for key in ids)
    assert all(len(p.name.split("_")) == 3 for p in places)


def test_groups_hold_for_every_id_of_a_site():
    groups = yubao.groups()
    assert (groups["04G96"], groups["11127"], groups["32C89"]) == ("wuu", "zh_standard", "yue")
    assert groups["26D56"] == groups["26J45"] == "hsn"


def test_an_utterance_has_everything_in_the_table(root):
    (found,) = [u for u in yubao.splits(root)["test"] if u.id == "04G96mb01yf0003"]
    assert vars(found) | {"wav": ""} == {
        "id": "04G96mb01yf0003",
        "wav": "",
        "text": "04G96话0003",
        "speaker": "04G96mb01yf",
        "variety": "04G96",
        "sentence": "0003",
        "duration": 0.0,
        "text_cmn": "第0003句",
        "ipa": "a⁵⁵ʔ̚ t͡ɕʰi˥˩ ɓɯ̃ŋ5/53",
        "start": 0.0,
        "end": None,
        "changes": (),
    }
    assert found.wav == str(root / "scraped/上海_市区_杨浦区/04G96mb01yf0003.wav")


def test_of_sites_that_share_a_name_the_one_with_recordings_counts(root):
    sites = Counter(u.variety for u in yubao.splits(root)["test"])
    assert sites == {"11127": 3, "26J45": 3, "26A53": 3, "04G96": 3}
    for sentence in SENTENCES:
        (root / f"scraped/湖南_湘潭市_韶山市/26D56mb01yf{sentence}.wav").write_bytes(wav())
    assert {u.variety for u in yubao.splits(root)["test"]} == {"11127", "26D56", "26A53", "04G96"}


def test_prepare_writes_one_data_dir(root, tmp_path):
    home = corpora.prepare("yubao", root, tmp_path / "data")["test"]
    utterances = {u.id: u for u in datadir.read(home)}
    assert len(utterances) == 12
    assert utterances["26A53mb01yf0001"].wav.endswith("湘乡 (copy of 'x' & y)/26A53mb01yf0001.wav")
    assert audio.probe(utterances["04G96mb01yf0002"].wav) == audio.Info(16_000, 1, 1_600)
    assert datadir.read_dropped(home) == []


def test_gaps_are_refused_with_a_table(root):
    (root / "scraped/上海_市区_杨浦区/04G96mb01yf0002.wav").unlink()
    for sentence in SENTENCES:
        (root / f"scraped/河北_承德市_滦平县/11127mb01yf{sentence}.wav").write_bytes(b"")
    with pytest.raises(DataError) as caught:
        yubao.splits(root)
    message = str(caught.value)
    assert message.startswith(f"{root}: recordings are missing (or empty files) at 2 of 4 sites")
    assert "11127  0/3    11127mb01yf0001  河北_承德市_滦平县" in message
    assert "04G96  2/3    04G96mb01yf0002  上海_市区_杨浦区" in message
    assert "26A53" not in message
    assert "allow_missing=true" in message


def test_allowed_gaps_are_counted(root):
    (root / "scraped/上海_市区_杨浦区/04G96mb01yf0002.wav").write_bytes(b"")
    records = yubao.splits(root, allow_missing=True)["test"]
    dropped = [r for r in records if isinstance(r, datadir.Dropped)]
    assert dropped == [datadir.Dropped("04G96mb01yf0002", "missing recording", "上海_市区_杨浦区")]
    assert len(records) == 12


def test_a_sentence_that_upstream_lacks_is_no_gap_but_counted(root):
    table = [row for row in rows() if row["utterance_id"] != "04G96mb01yf0002"]
    write_jsonl(root / "yubao_videos.jsonl", table)
    records = yubao.splits(root)["test"]
    assert len([r for r in records if isinstance(r, datadir.Utterance)]) == 11
    assert [r for r in records if isinstance(r, datadir.Dropped)] == [
        datadir.Dropped("04G96mb01yf0002", "sentence missing upstream", "上海_市区_杨浦区")
    ]


def test_what_upstream_left_blank_is_unknown_and_the_recording_counts(root, tmp_path):
    table = rows()
    table[0] |= {"transcript": "", "ipa": None}
    write_jsonl(root / "yubao_videos.jsonl", table)
    home = corpora.prepare("yubao", root, tmp_path / "data")["test"]
    first = next(u for u in datadir.read(home) if u.id == "11127mb01yf0001")
    assert (first.text, first.text_cmn, first.ipa) == ("□", "第0001句", "□")


def test_parquet_as_downloaded_gives_the_same(root):
    import pyarrow
    from pyarrow import parquet

    expected = yubao.splits(root)
    (root / "yubao_videos.jsonl").unlink()
    folder = root / "yubao_videos" / "data"
    folder.mkdir(parents=True)
    parquet.write_table(
        pyarrow.Table.from_pylist(rows()[:7]), folder / "train-00000-of-00002.parquet", row_group_size=3
    )
    parquet.write_table(pyarrow.Table.from_pylist(rows()[7:]), folder / "train-00001-of-00002.parquet")
    assert yubao.splits(root) == expected
    (folder / "train-00001-of-00002.parquet").write_bytes(b"PAR1 cut off")
    with pytest.raises(DataError, match=r"train-00001-of-00002\.parquet: not readable as parquet"):
        yubao.splits(root)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{broken", r"yubao_videos\.jsonl:1: a line is one JSON object, got '\{broken'"),
        ("[1, 2]", r"yubao_videos\.jsonl:1: the columns of yubao_videos are utterance_id .*, got \[1, 2\]"),
        (
            '{"id": "04G96mb01yf0001", "text": "x"}',
            r"jsonl:1: the columns of yubao_videos are .*, got id text: upstream has changed",
        ),
        (
            '{"utterance_id": "04G96mb", "transcript": "", "translation": "", "ipa": ""}',
            r"yubao_videos\.jsonl:1: an utterance_id is like 04G96mb01yf0001, got '04G96mb'",
        ),
        (
            '{"utterance_id": "04G96mb01yf0003", "transcript": "", "translation": "", "ipa": ""}',
            r"jsonl:16: utterance ids are unique, got 04G96mb01yf0003 as in .*jsonl:1: keep one export",
        ),
    ],
)
def test_broken_metadata_is_named_with_file_and_line(root, line, message):
    lines = [line, *(json.dumps(row) for row in rows())]
    (root / "yubao_videos.jsonl").write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(DataError, match=message):
        yubao.splits(root)


def test_another_layout_is_answered_with_the_expected_one(root, tmp_path):
    with pytest.raises(UserError, match="--corpus_dir"):
        yubao.splits(None)
    with pytest.raises(DataError, match=r"nowhere: expected recordings such as .*, found no such folder"):
        yubao.splits(tmp_path / "nowhere")
    write_jsonl(root / "yubao_videos.jsonl", [row for row in rows() if row["utterance_id"][:5] != "26A53"])
    with pytest.raises(DataError, match=r"expected utterances of site 26A53 湖南_湘潭_湘乡, found none"):
        yubao.splits(root)
    for file in list(root.rglob("*.wav")):
        file.unlink()
    with pytest.raises(DataError, match=r"expected recordings such as .*, found no wav file"):
        yubao.splits(root)
    (root / "滦平县-1.wav").write_bytes(wav())
    with pytest.raises(DataError, match=r"expected recordings such as .*, found .*滦平县-1\.wav"):
        yubao.splits(root)


@pytest.fixture
def hub(root, monkeypatch):
    """The Hub, where ``answer`` decides what a download writes to a folder; how it was called is in ``calls``."""
    (root / "yubao_videos.jsonl").unlink()
    hub = SimpleNamespace(calls=[], answer=lambda folder: write_jsonl(folder / "data.jsonl", rows()))

    def snapshot_download(repository, *, repo_type, local_dir, allow_patterns):
        hub.calls.append((repository, repo_type, allow_patterns))
        local_dir.mkdir()
        hub.answer(local_dir)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    return hub


def test_metadata_that_is_not_there_is_downloaded_once(root, hub):
    found = yubao.splits(root)
    assert hub.calls == [("kalbin/yubao_videos", "dataset", ["*.jsonl", "*.parquet"])]
    assert (root / "yubao_videos/data.jsonl").exists() and len(found["test"]) == 12
    assert yubao.splits(root) == found and len(hub.calls) == 1


def test_without_a_way_to_the_hub_it_says_what_to_type_and_why(root, hub):
    def half(folder):
        write_jsonl(folder / "data.jsonl", rows()[:3])
        raise OSError("Name or service\nnot known")

    before = sorted(root.iterdir())
    hub.answer = half
    said = (
        r"expected the metadata as yubao_videos\.parquet.*found none and no way to the Hub "
        r"\(Name or service not known\): "
        r"\S*hf download kalbin/yubao_videos --repo-type dataset --local-dir '.*yu bao/yubao_videos'"
    )
    with pytest.raises(DataError, match=said):
        yubao.splits(root)
    assert sorted(root.iterdir()) == before  # nothing half-written


def test_nothing_is_downloaded_where_a_folder_stands_or_no_recording_lies(root, hub, tmp_path):
    with pytest.raises(DataError, match="expected recordings"):
        yubao.splits(tmp_path / "nowhere")
    (root / "yubao_videos").mkdir()
    with pytest.raises(DataError, match=r"expected the metadata .* found none: \S*hf download"):
        yubao.splits(root)
    assert not hub.calls


def test_two_recordings_of_an_utterance_are_refused(root):
    (root / "04G96mb01yf0001.wav").write_bytes(wav())
    with pytest.raises(DataError, match=r"04G96mb01yf0001\.wav: an utterance has one recording, got another"):
        yubao.splits(root)
