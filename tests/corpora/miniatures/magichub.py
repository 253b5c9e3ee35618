"""MagicHub: read sentences of three places and a conversation, each set with its own tables."""

HEAD = "CHANNEL\tUTTRANS_ID\tSPEAKER_ID\tPROMPT\tTRANSCRIPTION\n"
SHANGHAI = "Shanghai_Dialect_Scripted_Speech_Corpus_Daily_Use_Sentence"
VEHICLE = "Guangzhou_Cantonese_Scripted_Speech_Corpus_in_Vehicle"
TALK = "Changsha_Dialect_Conversational_Speech_Corpus"


def build(tree):
    _read(
        tree,
        f"{SHANGHAI}/UTTRANSINFO.txt",
        [
            ("G0004_S0001", "你好。", "侬好。"),
            ("G0004_S0002", "吃饭了吗？", "饭吃过伐？"),
            ("G0004_S0003", "", ""),
            ("G0004_S0004", "再见。", "再会。"),  # a sentence of test
            ("G0005_S0001", "下雨了。", "落雨了。"),
            ("G0006_S0001", "再见。", "再会！"),
        ],
        encoding="utf-8-sig",
    )
    _read(
        tree,
        f"{VEHICLE}/UTTERANCEINFO.txt",
        [
            ("G0004_1_S0001", "打開車窗", "打開車窗"),
            ("G0004_1_S0002", "", "再見"),
            ("G0007_1_S0001", "", "去 機場"),
        ],
        crlf=True,
    )
    tree.wav(f"{VEHICLE}/WAV/G0007/G0007_1_S0001.wav", rate=44_100, channels=2)
    tree.wav(f"{TALK}/WAV/A0001_S001_0_G0001.wav", seconds=0.6)
    tree.text(
        f"{TALK}/TXT/A0001_S001_0_G0001.txt",
        "[0.000,0.100]\t0\tnone\t[NOISE]\n"
        "[0.100,0.300]\tG0001\t女,长沙话\t恰饭冒咯\n"
        "[0.250,0.350]\tG0002\t男,长沙话\t[*]\n"
        "[0.300,0.450]\tG0002\t男,长沙话\t恰哒[LAUGHTER]\n"
        "[0.400,0.500]\tG0003\t女,长沙话\t咯样子\n"
        "[0.500,9.000]\tG0003\t女,长沙话\t太长哒\n",  # ends after the file
    )


def _read(tree, info: str, rows: list, **form) -> None:
    lines = (f"C0\t{key}.wav\t{key[:5]}\t{prompt}\t{text}\n" for key, prompt, text in rows)
    tree.text(info, HEAD + "".join(lines), **form)
    for key, _, _ in rows:
        tree.wav(f"{info.partition('/')[0]}/WAV/{key[:5]}/{key}.wav")
