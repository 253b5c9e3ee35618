"""MagicData: a table and folders of speakers a set."""

HEAD = "UtteranceID\tSpeakerID\tTranscription\n"


def build(tree):
    tree.text(
        "train/TRANS.txt",
        HEAD + "14_3466_20170826171404.wav\t14_3466\t今天天气怎么样？\n"
        "14_3466_20170826171405.wav\t14_3466\tFIL\n"
        "14_3466_20170826171406.wav\t14_3466\t\n"
        "14_3466_20170826171407.wav\t14_3466\n"  # the row ends early
        "14_3466_20170826171408.wav\t14_3466\t没有录音\n"
        "16_4013_20170819121429.wav\t16_4013\t坏的\n"
        "5_970_20170616000125.wav\t5_970\t放 SPK 一首歌\n"
        "5_970_20170616000125.wav\t5_970\t放一首歌\n",
        crlf=True,
    )
    tree.wavs(*(f"train/14_3466/14_3466_2017082617140{n}.wav" for n in range(4, 8)))
    tree.wavs("train/16_4013/16_4013_20170819121429.wav", "train/5_970/5_970_20170616000125.wav")
    tree.wavs("train/5_970/5_970_20170616000126.wav")  # no transcript
    tree.text("dev/TRANS.txt", HEAD + "5_541_20170607142131.wav\t5_541\t打开空调。\n", encoding="utf-8-sig")
    tree.wavs("dev/5_541/5_541_20170607142131.wav")
    tree.text(
        "test/TRANS.txt", HEAD + "38_5721_1.wav\t38_5721\t关上窗。\n38_5721_2.wav\t38_5721\t我想听歌。\n"
    )
    tree.wav("test/38_5721/38_5721_1.wav", rate=44_100, channels=2)
    tree.empty("test/38_5721/38_5721_2.wav")
