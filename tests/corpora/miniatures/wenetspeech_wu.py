"""WenetSpeech-Wu: the benchmark as Parquet with the recordings in it, and a table as its sister corpora have them."""

import io
import json

import numpy as np
import pyarrow
import soundfile
from pyarrow import parquet

CORPUS, BENCH = "WenetSpeech-Wu", "WenetSpeech-Wu-Bench/understanding"
CLIPS = [
    ("sh0000001_0_100", "第一段是验证个", "第一段是验证的"),
    ("sh0000002_0_100", "侬饭吃过伐", "你吃饭了吗"),
    ("sh0000002_100_200", "伊勒海啥地方", None),  # no translation
    ("sh0000003_0_100", "再会", "明天见"),  # a sentence of test
    ("wu0001_7_8", "阿拉一道去", "我们一起去"),  # a recording of test
]


def wav(rate: int = 16_000) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.zeros(rate // 10), rate, format="WAV")
    return file.getvalue()


def build(tree):
    rows = [
        {"utt": clip, "text": text, "translation": words, "confidence": 0.9} for clip, text, words in CLIPS
    ]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    tree.text(f"{CORPUS}/metadata.jsonl", lines)
    tree.wavs(*(f"{CORPUS}/{clip}.wav" for clip, _, _ in CLIPS))
    asr = [
        ("wu0001_0_1", "今朝天气交关好", wav()),
        ("wu0002_0_1", "侬好", wav(44_100)),
        ("wu0002_1_2", "", wav()),
    ]
    table(tree, "asr", [*asr, ("wu0003_0_1", "录音是空个", b"")])
    table(tree, "ast", [("wu0001_0_1_seg00", "明天见。", wav()), ("wu0002_0_1", "", wav())])


def table(tree, task: str, rows: list[tuple[str, str, bytes]]) -> None:
    folder = tree.root / BENCH
    folder.mkdir(parents=True, exist_ok=True)
    columns = [{"task": task, "utt_id": clip, "audio": audio, "label": label} for clip, label, audio in rows]
    parquet.write_table(pyarrow.Table.from_pylist(columns), folder / f"{task}.parquet", row_group_size=2)
