"""WenetSpeech-Chuan: the table of clips, some of their audio, and the sets that people annotated as Kaldi tables."""

import json

TRAIN, EVAL = "WSC-Train", "WSC-Eval/WSC-Eval-ASR"
CLIPS = [
    ("013165482320_dwM1G_56_5920", "你要爪子嘛", 0.97, True),
    ("013165482321_aaaaa_1_2180", "巴适得板", 0.9706, True),
    ("013165482321_aaaaa_2_1680", "要得要得", "0.5", True),
    ("013165482321_aaaaa_3_1680", "没得录音", 0.9, False),
    ("70421921610_w8U9e_99_2100", "测试的录音", 0.9, True),  # a recording of test
    ("013165482322_bbbbb_1_1000", "摆龙门阵。", 0.9, True),  # a sentence of test
]


def build(tree):
    rows = []
    for clip, text, confidence, there in CLIPS:
        words = {"utt": clip, "filename": f"{clip}.wav", "text": text, "domain": ["短视频"]}
        rows.append(words | {"gender": "male", "age": None, "wvmos": 0.95, "confidence": confidence})
        if there:
            tree.wav(f"{TRAIN}/audio/{clip[:12]}/{clip}.wav")
    tree.text(
        f"{TRAIN}/wsc_metadata.jsonl", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    )
    tree.text(f"{TRAIN}/README.md", "license: apache-2.0")
    easy = "70421921610_w8U9e_73_2100 摆龙门阵\n704219216917_w0chD_9_1680 这*个（娃儿）\n704219216917_w0chD_10_900\n"
    tree.text(f"{EVAL}/Easy/text", easy, crlf=True)
    tree.text(
        f"{EVAL}/Easy/wav.scp", "70421921610_w8U9e_73_2100 /home/nobody/70421921610_w8U9e_73_2100.wav\n"
    )
    tree.text(f"{EVAL}/Hard/text", "704219221815_wJZ9T_266_5820 安逸得很\nnowhere_1_2 没得\n")
    for clip in ("70421921610_w8U9e_73_2100", "704219216917_w0chD_9_1680", "704219216917_w0chD_10_900"):
        tree.wav(f"{EVAL}/Easy/wav/{clip}.wav")
    tree.wav(f"{EVAL}/Hard/wav/704219221815_wJZ9T_266_5820.wav", rate=44_100, channels=2)
