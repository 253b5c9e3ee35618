import json

import pytest

from fangyan import corpora
from fangyan.corpora import wenetspeech_chuan
from fangyan.data import audio, datadir
from fangyan.data.datadir import Dropped, Utterance
from fangyan.errors import DataError

TRAIN, EVAL = "WSC-Train", "WSC-Eval/WSC-Eval-ASR"


def kept(records) -> list[tuple]:
    return [(r.id, r.text) for r in records if isinstance(r, Utterance)]


def left_out(records) -> list[tuple]:
    return [(r.id, r.reason) for r in records if isinstance(r, Dropped)]


def test_a_clip_has_its_recording_as_speaker(miniature):
    root = miniature("wenetspeech_chuan").root
    clip = "013165482321_aaaaa_1_2180"
    assert wenetspeech_chuan.splits(root)["train"][0] == Utterance(
        clip,
        str(root / TRAIN / "audio/013165482321" / f"{clip}.wav"),
        "巴适得板",
        "013165482321_aaaaa",
        "cmn-southwestern",
        "cmn-southwestern:巴适得板",
    )


def test_sets_are_apart_and_what_is_left_out_is_listed(miniature):
    sets = wenetspeech_chuan.splits(miniature("wenetspeech_chuan").root)
    assert kept(sets["dev"]) == [("013165482320_dwM1G_56_5920", "你要爪子嘛")]
    assert kept(sets["train"]) == [
        ("013165482321_aaaaa_1_2180", "巴适得板"),
        ("013165482321_aaaaa_2_1680", "要得要得"),
    ]
    assert left_out(sets["train"]) == [
        ("013165482321_aaaaa_3_1680", "missing recording"),
        ("70421921610_w8U9e_99_2100", "speaker of a held-out set"),
        ("013165482322_bbbbb_1_1000", "sentence of a held-out set"),
    ]
    assert kept(sets["test_easy"]) == [
        ("70421921610_w8U9e_73_2100", "摆龙门阵"),
        ("704219216917_w0chD_9_1680", "这*个（娃儿）"),
    ]
    assert left_out(sets["test_easy"]) == [("704219216917_w0chD_10_900", "empty transcript")]
    assert left_out(sets["test_hard"]) == [("nowhere_1_2", "missing recording")]


def test_the_older_edition_has_a_table_a_recording(miniature):
    mini = miniature("wenetspeech_chuan")
    expected = kept(wenetspeech_chuan.splits(mini.root)["train"])
    table = mini.root / TRAIN / "wsc_metadata.jsonl"
    rows = [json.loads(line) for line in table.read_text(encoding="utf-8").split("\n") if line]
    for n, row in enumerate(rows):
        older = {
            "wav_utt_id_timestamp": row["utt"],
            "wav_utt_id_timestamp_path": f"/data/{row['utt']}.wav",
            "timestamp": [0, 1],
            "text": row["text"],
            "text_punc": row["text"] + "。",
            "spk_num": "single",
            "confidence": row["confidence"],
        }
        mini.tree.text(f"{TRAIN}/audio_labels/{n}.jsonl", json.dumps(older, ensure_ascii=False))
    mini.tree.text(f"{TRAIN}/wsc_metadata.jsonl", '{"utt_id": "x", "url": "of whole recordings"}')
    assert kept(wenetspeech_chuan.splits(mini.root)["train"]) == expected


def test_prepare_converts_what_is_not_16_khz_mono(miniature, tmp_path):
    homes = corpora.prepare("wenetspeech_chuan", miniature("wenetspeech_chuan").root, tmp_path / "data")
    assert list(homes) == ["train", "dev", "test_easy", "test_hard"]
    (hard,) = datadir.read(homes["test_hard"])
    assert audio.probe(hard.wav) == audio.Info(16_000, 1, 1_600)


def test_only_sure_transcripts_are_taken_on_request(miniature):
    sets = wenetspeech_chuan.splits(miniature("wenetspeech_chuan").root, confidence="0.9")
    assert [text for _, text in kept(sets["train"])] == ["巴适得板"]
    assert ("013165482321_aaaaa_2_1680", "low confidence") in left_out(sets["train"])


def test_another_layout_is_told_from_the_expected_one(miniature):
    mini = miniature("wenetspeech_chuan")
    mini.tree.text(f"{TRAIN}/wsc_metadata.jsonl", '{"utt_id": "x", "url": "y"}')
    with pytest.raises(
        DataError, match=r"wsc_metadata\.jsonl:1: expected a column rover_result or text, got utt_id"
    ):
        wenetspeech_chuan.splits(mini.root)
    mini.tree.rename(f"{EVAL}/Easy/text", "txt")
    with pytest.raises(
        DataError, match=r"WSC-Eval: expected WSC-Eval-ASR/Easy/text below it, found WSC-Eval-ASR"
    ):
        wenetspeech_chuan.splits(mini.root)
