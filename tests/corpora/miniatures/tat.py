"""TAT: two volumes, two microphones, a key of its own, a folder of one microphone, JSON with a BOM."""

import json

UTTERANCES = {
    "TAT-Vol1-train-master": {
        "TA_TAF0019": {"0010-6.34": ("我欲去tshit-thô", "我要去玩"), "0010-6.35": ("食飽未？", "吃飽了嗎？")},
        "TA_TAM0020": {
            "0010-6.34": ("我欲去tshit-thô", "我要去玩"),
            "0011-1.1": ("明仔載會落雨", "明天會下雨"),
        },
        "IU_IUF0003": {"0012-1.1": ("這是伊講的", "這是他說的")},  # a speaker of test
    },
    "TAT-Vol2-train": {
        "TS_TSM0020": {"0035-6.13": ("", ""), "0035-6.14": ("tsin hó", "很好"), "0035-6.15": ("真好", "很好")}
    },
    "TAT-Vol1-eval": {"KK_KKF0001": {"0020-1.1": ("明仔載會落雨。", "明天會下雨。")}},
    "TAT-Vol1-test-master": {"IU_IUF0003": {"0021-1.1": ("伊真愛食麵", "他很愛吃麵")}},
}
KEYS = {"TAT-Vol1-eval": "TAT-Vol1-eval-key"}


def build(tree):
    for folder, speakers in UTTERANCES.items():
        for speaker, said in speakers.items():
            for key, (text, mandarin) in said.items():
                for channel, microphone in (("03", "condenser"), ("04", "lavalier")):
                    tree.wav(f"{folder}/{microphone}/wav/{speaker}/{key}-{channel}.wav")
                words = {"提示卡編號": key.split("-")[0], "漢羅台文": text, "台羅": "x", "中文": mandarin}
                tree.text(
                    f"{KEYS.get(folder, folder)}/json/{speaker}/{key}.json",
                    json.dumps(words, ensure_ascii=False, indent=1),
                    "utf-8-sig",
                )
    tree.wav("TAT-Vol1-train-master/condenser/wav/TA_TAF0019/0010-6.36-03.wav")  # no transcript
    tree.remove("TAT-Vol1-train-master/condenser/wav/TA_TAM0020/0010-6.34-03.wav")
    tree.wav("TAT-Vol2-train/condenser/wav/TS_TSM0020/0035-6.15-03.wav", rate=44_100, channels=2)
    tree.text("TAT-Vol1-train-master/json/.DS_Store", "finder")
