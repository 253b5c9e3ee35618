"""AISHELL-1: one transcript for all sets, wavs by set and speaker."""


def build(tree):
    tree.wavs(
        "data_aishell/wav/train/S0002/BAC009S0002W0122.wav",
        "data_aishell/wav/train/S0002/BAC009S0002W0123.wav",
        "data_aishell/wav/train/S0003/BAC009S0003W0121.wav",
        "data_aishell/wav/train/S0003/BAC009S0003W0122.wav",  # no transcript
        "data_aishell/wav/train/S0003/BAC009S0003W0123.wav",  # empty transcript
        "data_aishell/wav/dev/S0724/BAC009S0724W0121.wav",
        "data_aishell/wav/test/S0764/BAC009S0764W0121.wav",
    )
    tree.wav("data_aishell/wav/train/S0002/BAC009S0002W0124.wav", rate=44_100, channels=2)
    tree.empty("data_aishell/wav/train/S0002/BAC009S0002W0125.wav")
    tree.text("data_aishell/wav/train/S0002/._BAC009S0002W0122.wav", "finder")
    tree.text(
        "data_aishell/transcript/aishell_transcript_v0.8.txt",
        "BAC009S0002W0122 而 对 楼市 成交\n"
        "BAC009S0002W0123 也 成为 地方 政府\n"
        "BAC009S0002W0123 也 成为 地方 政府\n"
        "BAC009S0002W0124 的 ｃ ｂ ａ\n"
        "BAC009S0002W0125 眼中钉\n"
        "BAC009S0003W0121 自 六月 底\n"
        "BAC009S0003W0123\n"
        "BAC009S0724W0121 广州市 房地产\n"
        "BAC009S0724W0122 通知 要求\n"  # no recording, of dev
        "BAC009S0764W0121 甚至 出现\n"
        "BAC009S0999W0121 无 人 录音\n",  # no recording, of a speaker without any
        encoding="utf-8-sig",
        crlf=True,
    )
