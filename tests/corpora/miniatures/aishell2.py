"""AISHELL-2, iOS: a transcript and a folder of wavs a set."""


def build(tree):
    tree.text(
        "AISHELL-2/iOS/data/trans.txt",
        "IC0001W0001\t厨房用品\n"
        "IC0001W0002\t听Yesterday Once More\n"
        "IC0001W0003\tHere's\n"
        "IC0001W0004\t\n"
        "ID0002W0001\t搬不走的要及时'关停并转'\n"
        "ID0002W0001\t搬不走的\n"
        "ID0002W0002\t没有录音\n",
    )
    for key in ("IC0001W0001", "IC0001W0002", "IC0001W0003", "IC0001W0004", "ID0002W0001", "ID0002W0009"):
        tree.wav(f"AISHELL-2/iOS/data/wav/{key[1:6]}/{key}.wav")
    tree.text("AISHELL-2/iOS/dev/trans.txt", "ID0012W0001\t开发集\n", crlf=True)
    tree.wav("AISHELL-2/iOS/dev/wav/D0012/ID0012W0001.wav")
    tree.text("AISHELL-2/iOS/test/trans.txt", "IT0013W0001\t测试集\n")
    tree.wav("AISHELL-2/iOS/test/wav/T0013/IT0013W0001.wav", rate=44_100, channels=2)
