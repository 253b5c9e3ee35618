"""MDCC: a table a set, a file a transcript."""

HEAD = "audio_path,text_path,sex,duration\n"
SETS = {
    "train": {
        "447_1709011939_75569_596.5_600.1": "但 係佢哋話俾我聽",
        "447_1709011939_75569_600.1_603.2": "\ufeff係 OK 嘅\r\n",
        "447_1709011939_75569_603.2_604.0": "",
        "447_1709011939_75569_604.0_605.0": None,  # no transcript
    },
    "valid": {"447_1711171106_19828_2.19996_6.49001": "今日天氣好好"},
    "test": {"447_1804041046_13350_13.56_16.64": "多謝各位", "447_1804261541_33391_974.16_977.84": "聽日見"},
}


def build(tree):
    for name, clips in SETS.items():
        rows = "".join(
            f"./audio/{clip}.wav,./transcription/{clip}.txt,female,{n}.08\n" for n, clip in enumerate(clips)
        )
        tree.text(f"dataset/cnt_asr_{name}_metadata.csv", HEAD + rows, crlf=name == "test")
        for clip, text in clips.items():
            tree.wav(f"dataset/audio/{clip}.wav")
            if text is not None:
                tree.text(f"dataset/transcription/{clip}.txt", text)
    tree.remove("dataset/audio/447_1804261541_33391_974.16_977.84.wav")
    first = "447_1709011939_75569_596.5_600.1"
    again = f"./audio/{first}.wav,./transcription/{first}.txt,male,3.6\n"
    train = tree.root / "dataset/cnt_asr_train_metadata.csv"
    train.write_text(train.read_text(encoding="utf-8") + again, encoding="utf-8")
