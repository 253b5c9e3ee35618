"""Common Voice: four locales of a release; mp3 of 32 and 44.1 kHz, stray quotes, a BOM, CR LF, overlaps."""

RELEASE = "cv-corpus-25.0-2026-03-09"
HEAD = (
    *"client_id path sentence_id sentence sentence_domain up_votes down_votes".split(),
    *"age gender accents variant locale segment".split(),
)
CLIPS = {
    "zh-CN": {
        "test": [(1, 1, "今天下雨。")],
        "dev": [(2, 2, "你吃饭了吗？"), (1, 3, "谁说的？")],  # the second is of a speaker of test
        "validated": [
            (3, 4, "我们去上海。"),
            (3, 5, '他说"好'),
            (1, 6, "他来了。"),  # a speaker of test
            (3, 7, "今天下雨！"),  # a sentence of test
            (3, 8, ""),
            (3, 9, "OK"),
            (3, 10, "录音不见了"),
            (3, 11, "录音是空的"),
            (3, 4, "我们去上海。"),
        ],
    },
    "zh-HK": {"test": [(11, 1, "聽日見")], "dev": [(12, 2, "早晨")], "validated": [(13, 3, "食咗飯未！")]},
    "yue": {
        "test": [(21, 1, "今日落雨")],
        "dev": [(22, 2, "食咗飯未？")],
        "validated": [(23, 3, "佢哋去睇戲")],
    },
    "nan-tw": {
        "test": [(31, 1, "天光（thinn-kng）")],
        "dev": [(32, 2, "落雨(lo̍h-hōo)")],
        "validated": [(33, 3, "食飯（tsia̍h-pn̄g）"), (33, 4, "（hó）")],
    },
}


def build(tree):
    for locale, tables in CLIPS.items():
        home = f"{RELEASE}/{locale}"
        whole = tables | {"validated": [clip for clips in tables.values() for clip in clips]}
        for table, clips in whole.items():
            lines = ["\t".join(HEAD), *(row(locale, *clip) for clip in clips), ""]
            form = "utf-8-sig" if locale == "yue" else "utf-8"
            tree.text(f"{home}/{table}.tsv", "\n".join(lines), form, crlf=locale == "zh-HK")
        for _, n, _ in whole["validated"]:
            odd = {"rate": 44_100, "channels": 2} if n == 5 else {"rate": 32_000}
            tree.wav(f"{home}/clips/common_voice_{locale}_{n}.mp3", format="MP3", **odd)
    tree.remove(f"{RELEASE}/zh-CN/clips/common_voice_zh-CN_10.mp3")
    tree.remove(f"{RELEASE}/zh-CN/clips/common_voice_zh-CN_11.mp3")
    tree.empty(f"{RELEASE}/zh-CN/clips/common_voice_zh-CN_11.mp3")


def row(locale: str, client: int, n: int, sentence: str) -> str:
    cells = [f"{client:016x}" * 8, f"common_voice_{locale}_{n}.mp3", "0f" * 32, sentence, "", "2", "0"]
    return "\t".join([*cells, "", "", "", "", locale, ""])
