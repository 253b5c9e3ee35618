import json

import pytest

from fangyan import corpora
from fangyan.corpora import wenetspeech
from fangyan.data import audio, datadir
from fangyan.data.datadir import Dropped, Utterance
from fangyan.errors import DataError, UserError

AID = "Y0000000000_--5llN02F84"


def kept(records) -> list[str]:
    return [r.text for r in records if isinstance(r, Utterance)]


def test_a_segment_has_its_recording_and_times(miniature):
    root = miniature("wenetspeech").root
    assert wenetspeech.splits(root)["train"][1] == Utterance(
        f"{AID}_S00001",
        str(root / f"audio/train/youtube/B00000/{AID}.opus"),
        "还可以",
        AID,
        "cmn",
        "还可以",
        text_cmn="还可以",
        start=0.3,
        end=0.5,
    )


@pytest.mark.parametrize(
    ("subset", "texts"),
    [
        ("S", ["怎么样这些日子住得还习惯吧", "BYE", "比录音还长", "播客"]),
        ("M", ["怎么样这些日子住得还习惯吧", "还可以", "BYE", "比录音还长", "播客"]),
        ("L", ["怎么样这些日子住得还习惯吧", "还可以", "哪里哪里", "BYE", "比录音还长", "播客"]),
    ],
)
def test_a_subset_is_trained_on_and_weak_labels_never(miniature, subset, texts):
    sets = wenetspeech.splits(miniature("wenetspeech").root, subset=subset)
    assert kept(sets["train"]) == texts
    assert [r for r in sets["train"] if isinstance(r, Dropped)] == [
        Dropped(f"{AID}_S00004", "empty transcript")
    ]
    assert {name: kept(records) for name, records in sets.items() if name != "train"} == {
        "dev": ["开发集"],
        "test_net": ["测试集"],
        "test_meeting": ["开会"],
    }


def test_opus_is_cut_and_what_cannot_be_cut_is_counted(miniature, tmp_path):
    homes = corpora.prepare("wenetspeech", miniature("wenetspeech").root, tmp_path / "data")
    assert [(u.text, u.duration) for u in datadir.read(homes["train"])] == [
        ("怎么样这些日子住得还习惯吧", 0.3),
        ("还可以", 0.2),
        ("BYE", 0.1),
    ]
    (meeting,) = datadir.read(homes["test_meeting"])
    assert audio.probe(meeting.wav) == audio.Info(16_000, 1, 3_200)
    dropped = {d.id: d for d in datadir.read_dropped(homes["train"])}
    late, empty = dropped[f"{AID}_S00006"], dropped["P0000000001_S00000"]
    assert late.reason == "segment outside its recording"
    assert "segment 0.9 to 9 s does not lie within its 1.000 s" in late.detail
    assert empty.reason == "unreadable audio" and "empty file" in empty.detail


def test_another_layout_is_told_from_the_expected_one(miniature):
    mini = miniature("wenetspeech")
    with pytest.raises(UserError, match="no subset 'XL': .*known are L, M, S"):
        wenetspeech.splits(mini.root, subset="XL")
    mini.tree.text(
        "WenetSpeech.json", json.dumps({"audios": [{"aid": "a", "path": "b", "segments": [{"sid": 1}]}]})
    )
    with pytest.raises(DataError, match=r"audios 1: segment 1: expected the keys sid begin_time .*, got sid"):
        wenetspeech.splits(mini.root)
    mini.tree.text("WenetSpeech.json", '{"audios": [{"key": "a"}]}')
    with pytest.raises(
        DataError, match=r"WenetSpeech\.json: audios 1: expected the keys aid path segments, got key"
    ):
        wenetspeech.splits(mini.root)
    mini.tree.text("WenetSpeech.json", '{"audios": [{"aid": ')
    with pytest.raises(DataError, match=r"WenetSpeech\.json: not readable as JSON"):
        wenetspeech.splits(mini.root)
