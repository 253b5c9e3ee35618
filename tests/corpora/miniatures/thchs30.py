"""THCHS-30: wavs and transcripts in data, folders of links to them that are the sets."""

WORDS = {
    "A2_0": "绿 是 阳春 烟 景",
    "A11_0": "绿 是 阳春 烟 景",
    "A11_1": "他 仅 凭 腰部 l = 的 力量",
    "A11_2": "",
    "B4_0": "菜 做好 了",
    "D4_0": "东北军 的 一些 爱国 将士",
    "D6_0": "东北军 的 一些 爱国 将士",
}
SETS = {"train": ["A2_0", "A11_0", "A11_1", "A11_2", "A11_3"], "dev": ["B4_0"], "test": ["D4_0", "D6_0"]}


def build(tree):
    for stem, words in WORDS.items():
        tree.text(
            f"data_thchs30/data/{stem}.wav.trn", f"{words}\nlv4 shi4\nl v4 sh ix4\n", crlf=stem == "B4_0"
        )
    for name, stems in SETS.items():
        for stem in stems:
            tree.wav(f"data_thchs30/data/{stem}.wav")  # A11_3 has no transcript
            for file in (f"{stem}.wav", f"{stem}.wav.trn"):
                tree.text(
                    f"data_thchs30/{name}/{file}", f"../data/{file}"
                )  # links as some systems unpack them
    tree.text("data_thchs30/train/A11_4.wav.trn", "../data/A11_4.wav.trn")
    tree.text("data_thchs30/data/A11_4.wav.trn", "没有 录音\n")
    tree.wav("data_thchs30/data/D6_0.wav", rate=44_100, channels=2)
