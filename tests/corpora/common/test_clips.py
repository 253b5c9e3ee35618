import json

import pytest

from fangyan.corpora.common import clips
from fangyan.corpora.common.clips import read_training_sets, recording_of
from fangyan.data.datadir import Dropped, Utterance
from fangyan.errors import DataError, UserError


@pytest.mark.parametrize(
    ("clip", "recording"),
    [
        ("gd0027722_620270_624350", "gd0027722"),
        ("013165482320_dwM1G_56_5920", "013165482320_dwM1G"),
        ("0000004453", "0000004453"),
        ("wu_1_2_seg00", "wu"),
        ("wu_1_2_seg_seg01", "wu"),
        ("wu_1", "wu_1"),
    ],
)
def test_a_clip_is_named_after_its_recording(clip, recording):
    assert recording_of(clip) == recording


@pytest.fixture
def folder(tmp_path):
    """A table of clips, all of which have a recording but the last; ``write`` writes it anew."""
    for n in range(4):
        (tmp_path / f"r{n}_0_1.wav").touch()

    def write(*changes: dict) -> list:
        rows = [{"key": f"r{n}_0_1", "text": f"第{n}句", "confidence": 0.5 + n / 10} for n in range(5)]
        rows = [row | change for row, change in zip(rows, [*changes, *[{}] * 5], strict=False)]
        (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
        return [tmp_path / "a.jsonl"]

    write()
    return tmp_path, write


def reasons(records) -> dict[str, str]:
    return {r.id: r.reason for r in records if isinstance(r, Dropped)}


def ids(records) -> list[str]:
    return [r.id for r in records if isinstance(r, Utterance)]


def test_audio_that_no_table_names_is_left_out_by_name(folder):
    root, write = folder
    files = write({}, {"key": "whole_0_1", "timestamp": "0_1"})
    (root / "whole.wav").touch()
    assert reasons(read_training_sets(files, root, "yue", [])["train"]) == {
        "r4_0_1": "missing recording",
        "r1_0_1": "no transcript",
    }


def test_dev_is_each_so_many_th_recording_and_train_is_apart_from_it(folder, monkeypatch):
    root, write = folder
    sets = read_training_sets(write(), root, "yue", [])
    assert (ids(sets["dev"]), ids(sets["train"])) == (["r0_0_1"], ["r1_0_1", "r2_0_1", "r3_0_1"])
    assert reasons(sets["train"]) == {"r4_0_1": "missing recording"}
    monkeypatch.setattr(clips, "HELD_OUT", 2)
    sets = read_training_sets(write({}, {"text": "第2句"}), root, "yue", sets["dev"])
    assert (ids(sets["dev"]), ids(sets["train"])) == (["r0_0_1", "r2_0_1"], ["r3_0_1"])
    assert reasons(sets["train"])["r1_0_1"] == "sentence of a held-out set"


def test_what_is_less_sure_is_left_out_by_name(folder):
    root, write = folder
    files = write({"confidence": None}, {"confidence": "0.9"})
    sets = read_training_sets(files, root, "yue", [], confidence="0.75")
    assert ids(sets["train"]) + ids(sets["dev"]) == ["r3_0_1", "r1_0_1"]
    assert reasons(sets["train"]) == {
        "r0_0_1": "low confidence",
        "r2_0_1": "low confidence",
        "r4_0_1": "missing recording",
    }
    with pytest.raises(UserError, match="a confidence is a number from 0 to 1, got 'high'"):
        read_training_sets(files, root, "yue", [], confidence="high")
    with pytest.raises(UserError, match=r"a\.jsonl:1: a confidence is a number from 0 to 1, got '\?'"):
        read_training_sets(write({"confidence": "?"}), root, "yue", [], confidence="0.5")


def test_of_a_translated_corpus_only_translations_count(folder):
    root, write = folder
    files = write(*({"translation": f"句{n}"} for n in range(3)), {"translation": None})
    sets = read_training_sets(files, root, "wuu", [], translated=True)
    assert [(u.id, u.text_cmn, u.sentence) for u in (*sets["dev"], *sets["train"][:2])] == [
        ("r0_0_1", "句0", "句0"),
        ("r1_0_1", "句1", "句1"),
        ("r2_0_1", "句2", "句2"),
    ]
    assert reasons(sets["train"])["r3_0_1"] == "no Mandarin wording"


def test_a_field_that_upstream_has_renamed_is_told_from_the_expected_ones(folder):
    root, _ = folder
    (root / "a.jsonl").write_text('{"utt": "r1_0_1", "transcript": "x"}')
    with pytest.raises(
        DataError, match=r"a\.jsonl:1: expected a column rover_result or text, got utt transcript: upstream"
    ):
        read_training_sets([root / "a.jsonl"], root, "yue", [])


def test_folders_are_those_of_the_hub(tmp_path):
    with pytest.raises(UserError, match="corpus x: say where A and B lie with --corpus_dir DIR"):
        clips.parts("x", None, ("A", "B"))
    (tmp_path / "C").mkdir()
    with pytest.raises(DataError, match="expected A or B in it, found C"):
        clips.parts("x", tmp_path, ("A", "B"))
    (tmp_path / "B").mkdir()
    assert clips.parts("x", tmp_path, ("A", "B")) == {"B": tmp_path / "B"}
    with pytest.raises(DataError, match=r"B: expected a table \(\.json .*\), found an empty folder"):
        clips.tables(tmp_path / "B")
