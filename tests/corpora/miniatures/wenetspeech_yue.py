"""WenetSpeech-Yue: tables of two editions with audio that a user collected, and the sets that people annotated."""

import json

CORPUS, EVAL = "WenetSpeech-Yue", "WSYue-ASR-eval"
CLIPS = [
    ("gd0000001_0_100", "第一段係用嚟驗證嘅", "0.000_0.100", 0.99),
    ("gd0027722_620_820", "但系小母你又睬都唔睬", "0.620_0.820", 0.95),
    ("gd0027722_820_1000", "入咗船舱添", "0.820_1.000", "0.61"),
    ("gd0027722_820_1000", "入咗船舱添", "0.820_1.000", "0.61"),  # once more
    ("gd0027722_1000_9000", "长过成段录音", "1.000_9.000", 0.95),
    ("xg0011561_317530_322030", "啊紫薇啦", "317.530_322.030", None),  # a clip of its own
    ("xq0045690_1_2", "测试嘅录音", "0.001_0.002", 0.9),  # a recording of test
    ("gd0099999_1_2", "你好呀", "0.001_0.002", 0.9),  # a sentence of test
    ("gd0055555_0_1", "冇咗", "0.000_0.001", 0.9),  # no recording
    ("gd0027722_0_100", "", "0.000_0.100", 0.9),
]
GRID = '''\
File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 12.5
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "IntervalTier"
        name = "情感"
        intervals [1]:
            xmin = 0
            xmax = 12.5
            text = "中立"
    item [2]:
        class = "IntervalTier"
        name = "文本"
        intervals [1]:
            xmin = 0
            xmax = 4.0
            text = "佢话""好"""
        intervals [2]:
            xmin = 4.0
            xmax = 12.5
            text = "就系咁"
'''


def build(tree):
    rows = [
        {"key": key, "rover_result": text, "region": "广东", "time_stamp": times, "duration": 0.2}
        | ({} if confidence is None else {"confidence": confidence})
        for key, text, times, confidence in CLIPS
    ]
    tree.text(f"{CORPUS}/metadata-1.json", json.dumps(rows[:4], ensure_ascii=False))
    lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows[4:])
    tree.text(f"{CORPUS}/metadata-2.jsonl", lines + "\n\n", "utf-8-sig", crlf=True)
    tree.wav(f"{CORPUS}/audio/gd0027722.mp3", 1.2, 48_000, 2, format="MP3")
    tree.wav(f"{CORPUS}/audio/gd0000001.mp3", 1.2, 44_100, format="MP3")
    tree.wavs(*(f"{CORPUS}/audio/{clip}.wav" for clip in ("xg0011561_317530_322030", "gd0099999_1_2")))
    tree.wav(f"{CORPUS}/audio/xq0045690_1_2.flac", format="FLAC")
    content = (
        "xq0045690_251230_260310.wav\t青年\t中立\t女\t你好呀。\n"
        "0000004453.wav\t中年\t开心\t男\t今日 OK 喇\n"
        "0000004454.wav\t中年\t开心\t男\t \n"
        "0000004455.wav\t中年\t开心\t男\t冇录音\n"
    )
    tree.text(f"{EVAL}/Short/content.txt", content)
    tree.wavs(*(f"{EVAL}/Short/wav_/{clip}.wav" for clip in ("xq0045690_251230_260310", "0000004453")))
    tree.wavs(f"{EVAL}/Short/wav_/0000004454.wav", f"{EVAL}/Short/wav_/nobody.wav")
    tree.text(f"{EVAL}/Long/TextGrid/long0001.TextGrid", GRID, crlf=True)
    tree.wav(f"{EVAL}/Long/wav/long0001.wav", 31.0)
