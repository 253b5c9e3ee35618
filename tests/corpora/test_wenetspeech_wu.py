import pyarrow
import pytest
from pyarrow import parquet

from fangyan import corpora
from fangyan.corpora import wenetspeech_wu
from fangyan.data import audio, datadir
from fangyan.data.datadir import Dropped, Utterance
from fangyan.errors import DataError

CORPUS, BENCH = "WenetSpeech-Wu", "WenetSpeech-Wu-Bench"


def kept(records) -> list[tuple]:
    return [(r.id, r.text, r.text_cmn, r.sentence) for r in records if isinstance(r, Utterance)]


def left_out(records) -> list[tuple]:
    return [(r.id, r.reason) for r in records if isinstance(r, Dropped)]


def test_train_has_wu_and_mandarin_and_is_apart(miniature):
    root = miniature("wenetspeech_wu").root
    sets = wenetspeech_wu.splits(root)
    assert list(sets) == ["train", "dev", "test_asr", "test_ast"]
    assert sets["dev"] == [
        Utterance(
            "sh0000001_0_100",
            str(root / CORPUS / "sh0000001_0_100.wav"),
            "第一段是验证个",
            "sh0000001",
            "wuu",
            "第一段是验证的",
            text_cmn="第一段是验证的",
        )
    ]
    assert kept(sets["train"]) == [("sh0000002_0_100", "侬饭吃过伐", "你吃饭了吗", "你吃饭了吗")]
    assert left_out(sets["train"]) == [
        ("sh0000002_100_200", "no Mandarin wording"),
        ("sh0000003_0_100", "sentence of a held-out set"),
        ("wu0001_7_8", "speaker of a held-out set"),
    ]


def test_the_benchmark_has_wu_in_one_set_and_mandarin_in_the_other(miniature):
    sets = wenetspeech_wu.splits(miniature("wenetspeech_wu").root)
    assert kept(sets["test_asr"]) == [
        ("wu0001_0_1", "今朝天气交关好", "", "wuu:今朝天气交关好"),
        ("wu0002_0_1", "侬好", "", "wuu:侬好"),
        ("wu0003_0_1", "录音是空个", "", "wuu:录音是空个"),
    ]
    assert left_out(sets["test_asr"]) == [("wu0002_1_2", "empty transcript")]
    assert kept(sets["test_ast"]) == [("wu0001_0_1_seg00-ast", "", "明天见。", "明天见")]
    assert left_out(sets["test_ast"]) == [("wu0002_0_1-ast", "no Mandarin wording")]


def test_recordings_are_unpacked_once_and_converted(miniature, tmp_path):
    mini = miniature("wenetspeech_wu")
    homes = corpora.prepare("wenetspeech_wu", mini.root, tmp_path / "data")
    asr = datadir.read(homes["test_asr"])
    assert [(u.id, u.duration) for u in asr] == [("wu0001_0_1", 0.1), ("wu0002_0_1", 0.1)]
    assert all(audio.probe(u.wav).rate == 16_000 for u in asr)
    (gone,) = [d for d in datadir.read_dropped(homes["test_asr"]) if d.reason == "unreadable audio"]
    assert gone.id == "wu0003_0_1" and "empty file" in gone.detail
    assert not (homes["test_ast"] / "text").exists()
    assert datadir.read_map(homes["test_ast"] / "text_cmn") == {"wu0001_0_1_seg00-ast": "明天见。"}
    unpacked = sorted((tmp_path / "downloads").rglob("*.wav"))
    written = [path.stat().st_mtime_ns for path in unpacked]
    assert len(unpacked) == 6
    wenetspeech_wu.splits(mini.root)
    assert [path.stat().st_mtime_ns for path in unpacked] == written


def test_recordings_may_be_kept_in_a_record_as_the_hub_does(miniature):
    mini = miniature("wenetspeech_wu")
    row = {"utt_id": "a_0_1.wav", "label": "侬好", "audio": {"bytes": b"RIFF", "path": "a.wav"}}
    table = mini.root / BENCH / "understanding/asr.parquet"
    parquet.write_table(pyarrow.Table.from_pylist([row]), table)
    (found,) = wenetspeech_wu.splits(mini.root)["test_asr"]
    with open(found.wav, "rb") as file:
        assert (found.id, file.read()) == ("a_0_1", b"RIFF")


def test_either_table_and_either_folder_will_do(miniature):
    mini = miniature("wenetspeech_wu")
    mini.tree.remove(f"{BENCH}/understanding/ast.parquet")
    assert list(wenetspeech_wu.splits(mini.root)) == ["train", "dev", "test_asr"]
    mini.tree.rename(CORPUS, "elsewhere")
    assert list(wenetspeech_wu.splits(mini.root)) == ["test_asr"]


def test_another_layout_is_told_from_the_expected_one(miniature):
    mini = miniature("wenetspeech_wu")
    table = mini.root / BENCH / "understanding/asr.parquet"
    parquet.write_table(pyarrow.Table.from_pylist([{"id": "a", "text": "b"}]), table)
    with pytest.raises(
        DataError, match=r"asr\.parquet: row 1: the columns are utt_id label audio, got id text: up"
    ):
        wenetspeech_wu.splits(mini.root)
    table.unlink()
    mini.tree.remove(f"{BENCH}/understanding/ast.parquet")
    with pytest.raises(
        DataError, match=r"understanding: expected asr\.parquet or ast\.parquet, found an empty"
    ):
        wenetspeech_wu.splits(mini.root)
