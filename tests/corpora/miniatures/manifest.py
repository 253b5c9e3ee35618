"""A manifest: a table of each kind, the columns in any order, some of them left out."""

import json


def build(tree):
    tree.wavs("audio/a b.wav", "audio/c.wav", "audio/$(touch hacked).wav", "audio/e.wav")
    tree.wav("audio/long.opus", 1.0, 48_000, 2, format="OGG", subtype="OPUS")
    lines = [
        ("text", "audio", "variety", "speaker", "duration"),
        ('今天下"雨', "audio/a b.wav", "cmn", "s1", "0.1"),
        ("今日落雨", "audio/c.wav", "yue", "s2", "0.1"),
        ("", "audio/e.wav", "yue", "s2", "0.1"),
        ("今日落雪", "audio/gone.wav", "yue"),
    ]
    tree.text("train.tsv", "".join("\t".join(line) + "\n" for line in lines), "utf-8-sig", crlf=True)
    rows = [
        {
            "audio": "audio/long.opus",
            "variety": "wuu",
            "sentence": 7,
            "start": 0.1,
            "end": "0.3",
            "text": "侬好",
        },
        {"audio": "audio/long.opus", "variety": "hak", "sentence": 7, "start": 0.3, "end": 9, "text": "你好"},
        {
            "audio": "audio/$(touch hacked).wav",
            "variety": "hak",
            "sentence": "s 8",
            "text": "食飯",
            "id": "x",
        },
        {
            "audio": "audio/$(touch hacked).wav",
            "variety": "hak",
            "sentence": "s 9",
            "text": "食茶",
            "id": "x",
        },
    ]
    tree.text("test.jsonl", "".join(json.dumps(row, ensure_ascii=False) + "\n\n" for row in rows))
    tree.text("notes.txt", "not a table")
