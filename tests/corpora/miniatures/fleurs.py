"""FLEURS: Mandarin and Cantonese, each set with two readers of a sentence."""

LINES = {
    "cmn_hans_cn": "{n}1\t{n}10.wav\t山上有雪{n}。\t山上有雪\t山|上\t1600\tMALE\n"
    "{n}1\t{n}11.wav\t山上有雪{n}。\t\t\t1600\tMALE\n",
    "yue_hant_hk": "{n}1\t{n}20.wav\t山上有雪{n}。\t山上有雪\t山|上\t1600\tFEMALE\n",
}


def build(tree):
    for locale, lines in LINES.items():
        for n, name in enumerate(("train", "dev", "test")):
            table = lines.format(n=n)
            tree.text(f"{locale}/{name}.tsv", table)
            tree.wavs(*(f"{locale}/audio/{name}/{line.split()[1]}" for line in table.splitlines()))
