"""A user's own data directories: train and test."""


def build(tree):
    for name, sentence in (("train", "s1"), ("test", "s2")):
        for variety in ("hak", "yue"):
            tree.wav(f"w/{name} {variety}.wav")
        wavs = "".join(f"{name}{v} {tree.root}/w/{name} {v}.wav\n" for v in ("yue", "hak"))
        tree.text(f"{name}/wav.scp", wavs)
        tree.text(f"{name}/utt2lang", f"{name}hak hak\n{name}yue yue\n")
        tree.text(f"{name}/utt2sent", f"{name}hak {sentence}\n{name}yue {sentence}\n", crlf=True)
