"""WenetSpeech: one JSON, long opus recordings, segments of several subsets."""

import json

TRAIN = "audio/train/youtube/B00000/Y0000000000_--5llN02F84.opus"
SEGMENTS = {
    "Y0000000000_--5llN02F84": [
        (0.0, 0.3, "怎么样这些日子住得还习惯吧", ["L", "M", "S"]),
        (0.3, 0.5, "还可以", ["L", "M"]),
        (0.5, 0.7, "哪里哪里", ["L"]),
        (0.7, 0.8, "听不清", ["W"]),
        (0.8, 0.9, "", ["L", "M", "S"]),
        (0.8, 0.9, "BYE", ["L", "M", "S"]),
        (0.9, 9.0, "比录音还长", ["L", "M", "S"]),
    ],
    "P0000000001": [(0.0, 0.2, "播客", ["L", "M", "S"])],  # its recording is an empty file
    "Y0000000002_unlabelled": [],
    "DEV_T0000000000": [(0.1, 0.3, "开发集", ["DEV"])],
    "TEST_NET_Y0000000000_-KTKHdZ2fb8": [(0.1, 0.3, "测试集", ["TEST_NET"])],
    "TEST_MEETING_T0000000001": [(0.1, 0.3, "开会", ["TEST_MEETING"])],
}


def path_of(recording: str) -> str:
    if not recording.startswith(("DEV", "TEST")):
        source = "youtube" if recording.startswith("Y") else "podcast"
        return f"audio/train/{source}/B00000/{recording}.opus"
    name = recording.rpartition("_T0")[0] or "TEST_NET"
    return f"audio/{name.lower()}/B00000/{recording}.opus"


def build(tree):
    audios = []
    for aid, segments in SEGMENTS.items():
        opus = {"format": "OGG", "subtype": "OPUS"}
        tree.wav(path_of(aid), 1.0, 48_000 if aid.startswith("TEST_MEETING") else 16_000, **opus)
        listed = [
            {
                "sid": f"{aid}_S{n:05}",
                "confidence": 1.0,
                "begin_time": begin,
                "end_time": end,
                "subsets": subsets,
                "text": text,
            }
            for n, (begin, end, text, subsets) in enumerate(segments)
        ]
        audio = {"aid": aid, "duration": 1.0, "md5": "0" * 32, "path": path_of(aid), "source": "youtube"}
        audios.append(audio | {"tags": ["drama"], "url": "https://example.org", "segments": listed})
    tree.remove(path_of("P0000000001"))
    tree.empty(path_of("P0000000001"))
    tree.text("WenetSpeech.json", json.dumps({"audios": audios}, ensure_ascii=False, indent=1))
