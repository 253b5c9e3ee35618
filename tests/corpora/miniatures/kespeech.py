"""KeSpeech: Kaldi tables a part, with paths from the corpus root; not all of them have every id."""

PARTS = {
    "train_phase1": [
        ("1000106_0a1b2c3d", "1000106", "Zhongyuan", "房子是什么时候买的"),
        ("1000106_1a1b2c3d", "1000106", "Mandarin", "房子是什么时候买的"),
        ("1000107_00000001", "1000107", "Ji-Lu", "<SPOKEN_NOISE> 今天 很 好"),
        ("1000107_00000002", "1000107", "Ji-Lu", "<SPOKEN_NOISE>"),
        ("1000107_00000003", "1000107", "Ji-Lu", ""),
    ],
    "train_phase2": [("1000106_2a1b2c3d", "1000106", "Mandarin", "下雨了")],
    "dev_phase1": [("2000001_00000001", "2000001", "Jiao-Liao", "我们走吧")],
    "dev_phase2": [("2000001_00000002", "2000001", "Mandarin", "我们走吧")],
    "test": [
        ("3000001_00000001", "3000001", "Southwestern", "吃饭了没有"),
        ("3000001_00000002", "3000001", "Southwestern", "明天见"),
        ("ffff0001", "3000002", "Mandarin", "吃饭了没有"),
        ("ffff0002", "3000002", "Mandarin", "明天见。"),
    ],
}


def build(tree):
    for part, rows in PARTS.items():
        phase = part[-6:] if "phase" in part else "phase1"
        folder = f"KeSpeech/Tasks/ASR/{part}"
        wavs = {key: f"Audio/{speaker}/{phase}/{key}.wav" for key, speaker, _, _ in rows}
        tree.text(f"{folder}/wav.scp", "".join(f"{key} {wav}\n" for key, wav in wavs.items()))
        tree.text(f"{folder}/utt2spk", "".join(f"{key} {speaker}\n" for key, speaker, _, _ in rows))
        tree.text(f"{folder}/utt2subdialect", "".join(f"{key} {which}\n" for key, _, which, _ in rows))
        tree.text(
            f"{folder}/text", "".join(f"{key} {text}\n" for key, _, _, text in reversed(rows)), crlf=True
        )
        for wav in wavs.values():
            tree.wav(f"KeSpeech/{wav}")
    tree.text(
        "KeSpeech/Tasks/ASR/dev_phase2/wav.scp",
        "2000001_00000002 Audio/2000001/phase2/2000001_00000002.wav\n"
        "2000001_00000002 Audio/2000001/phase2/2000001_00000002.wav\n"
        "2000001_00000003 Audio/2000001/phase2/2000001_00000003.wav\n",  # which the other tables lack
    )
    text = "2000001_00000002 我们走吧\n2000001_00000009 没有录音\n"
    tree.text("KeSpeech/Tasks/ASR/dev_phase2/text", text)
