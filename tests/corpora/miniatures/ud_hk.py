"""UD_Cantonese-HK and UD_Chinese-HK: two CoNLL-U files, one sentence that a voice cannot read."""

LIMIT = 2
SENTENCES = [
    ("你喺度搵乜嘢呀？", "你在找些什麼？"),
    ("ＯＫ！", "好的！"),  # no voice reads it as Cantonese
    ("聽日，佢哋去睇戲。", "明天，他們去看電影。"),
]


def build(tree):
    for folder, name, column in (
        ("UD_Cantonese-HK", "yue_hk-ud-test.conllu", 0),
        ("UD_Chinese-HK", "zh_hk-ud-test.conllu", 1),
    ):
        blocks = [block(n, texts[column]) for n, texts in enumerate(SENTENCES, 1)]
        tree.text(f"{folder}/{name}", "\n\n".join(blocks) + "\n\n", crlf=column == 1)


def block(n: int, text: str) -> str:
    comments = (f"# sent_id = {n}", f"# parallel_id = hk/{n}", f"# text = {text}", "# translit = x")
    words = [
        (1, text[:-1], "_", "VERB", "_", "_", 0, "root", "_", "SpaceAfter=No|Translit=x"),
        (2, text[-1], "_", "PUNCT", "_", "_", 1, "punct", "_", "_"),
    ]
    return "\n".join([*comments, *("\t".join(map(str, word)) for word in words)])
