"""A fabricated experiment and the tables that further stages leave in it: numbers whose means are found by hand."""

import base64
import json
from itertools import permutations
from pathlib import Path

from fangyan.data import datadir
from fangyan.measure.retrieval.tables import Group, Pair
from fangyan.report import Asked
from fangyan.report import report as write_report
from fangyan.tables import write_rows

CER = """variety\tsentences\tcharacters\terrors\tcer
cmn\t10\t100\t10\t0.1
yue\t10\t100\t26\t0.26
all\t20\t200\t36\t0.18
"""
HISTORY = """epoch\ttrain_loss\ttrain_acc\tvalid_loss\tvalid_acc\tvalid_cer_ctc\tseconds
1\t80.5\t0.25\t90.25\t0.2\t\t48
2\t40\t0.5\t45.5\t0.45\t0.875\t47
"""
TRAIN = {
    "seed": 7,
    "target": "text_cmn",
    "train_set": "train",
    "dev_set": "dev",
    "parameters": 1512345,
    "seconds": 95.0,
    "threads": 2,
    "code": {"commit": "0123456789abcdef", "dirty": True},
    "machine": {"cpu": "Abacus 3000", "cores": 2, "memory_gib": 15.6, "gpu": "none"},
    "versions": {"python": "3.12.3", "torch": "2.14.0"},
}


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def scores(folder: Path, layers: dict[str, tuple[float, ...]], codes=("cmn", "yue"), n=80) -> None:
    """pairs.tsv with the given R@1 of each ordered pair; R@5 is 1.2 times it, MRR 1.1 times, chance 1/n."""
    rows = [
        Pair(layer, source, target, n, value, 1.2 * value, 1.0, 1.1 * value, 1.0, 1 / n)
        for layer, values in layers.items()
        for (source, target), value in zip(permutations(codes, 2), values, strict=True)
    ]
    write_rows(folder / "pairs.tsv", rows, Pair)


def experiment(folder: Path) -> Path:
    """Layer 1 is best on dev (0.6 against 0.5), layer 2 on test (0.8 against 0.7)."""
    scores(folder / "retrieval" / "dev", {"layer01": (0.5, 0.7), "layer02": (0.4, 0.6)})
    scores(folder / "retrieval" / "test", {"layer01": (0.62, 0.78), "layer02": (0.78, 0.82)})
    scores(folder / "retrieval_pooled" / "dev", {"layer01": (0.2, 0.2), "layer02": (0.3, 0.3)})
    scores(folder / "retrieval_pooled" / "test", {"layer01": (0.21, 0.24), "layer02": (0.3, 0.3)})
    for name, layers in (("mfcc", ("mfcc",)), ("random", ("layer01", "layer02")), ("odd", ("x",))):
        for set_name in ("dev", "test"):
            values = {layer: (0.01 * (n + 2), 0.02 * (n + 2)) for n, layer in enumerate(layers)}
            scores(folder / "baselines" / name / "retrieval" / set_name, values)
    for set_name in ("dev", "test"):
        write(folder / "decode" / set_name / "cer.tsv", CER)
    write(folder / "history.tsv", HISTORY)
    write(folder / "train.json", json.dumps(TRAIN))
    write(folder / "times.tsv", "stage\tseconds\ndata\t12\ntrain\t60\ntrain\t35\n")
    return folder


def groups(exp: Path, *cells: tuple[str, str, int, float], folder: str = "retrieval") -> None:
    rows = [
        Group("layer01", a, b, "within" if a == b else "across", n, r, 1, 1, 1, 1, 0.0125)
        for a, b, n, r in cells
    ]
    write_rows(exp / folder / "test" / "groups.tsv", rows, Group)


def three_varieties(exp: Path, *codes: str) -> None:
    """R@1 0.1 a>b, 0.2 a>c, 0.3 b>a, 0.4 b>c, 0.5 c>a, 0.6 c>b on both sets."""
    for name in ("dev", "test"):
        scores(exp / "retrieval" / name, {"layer01": (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)}, codes)


SITES = ("03E88", "04G96", "32C89")
"""Beijing, Shanghai and Hong Kong."""


def data_directory(path: Path, wording: dict[str, str], codes=SITES, groups=None) -> Path:
    """A data directory in which everybody says the sentences of ``wording``, Mandarin by sentence; its folder."""
    utterances = [
        datadir.Utterance(f"{code}-{key}", "/nowhere.wav", text, code, code, key, 1.0, text)
        for code in codes
        for key, text in wording.items()
    ]
    datadir.write(path, utterances, groups=groups)
    return path.parent


RANKS = "layer\tsource\ttarget\tquery\tsentence\trank\tright\tcandidates\n"


def ranks(exp: Path, ranks: dict[str, tuple[int, ...]], layer="layer01", name="test") -> None:
    """ranks.tsv with the given ranks of each sentence among 10 candidates, after those of a worse layer."""
    lines = [
        f"{at}\tcmn\tyue\t{key}-{n}\t{key}\t{rank}\t1\t10\n"
        for at, places in (("layer00", dict.fromkeys(ranks, (10, 10))), (layer, ranks))
        for key, found in places.items()
        for n, rank in enumerate(found)
    ]
    write(exp / "retrieval" / name / "ranks.tsv", RANKS + "".join(lines))


INTERVALS = """layer metric mean low high n clusters chance
layer01 recall_at_1 0.7 0.61 0.785 160 80_sentences 0.0125
layer01 mrr 0.77 0.7 0.8 160 80_sentences 0.0125
layer02 recall_at_1 0.8 0.75 0.9 160 80_sentences 0.0125
layer02 mrr 0.88 0.8 0.9 160 80_sentences 0.0125
"""


def intervals(exp: Path, name="test", text=INTERVALS) -> None:
    table = text.replace(" ", "\t").replace("_sentences", " sentences")
    write(exp / "intervals" / name / "intervals.tsv", table)


# Sound finds 6 of 10 from cmn and 4 of 30 from yue: 10 of 40 together. 4 and 16 queries are controlled.
CONTROLLED = """layer source target n recall_at_1 chance quantile n_controlled recall_at_1_controlled mrr_controlled
 chance_controlled phonetics_recall_at_1 phonetics_recall_at_1_controlled partial_correlation
layer01 yue cmn 30 0.5 0.1 0.05 16 0.25 0.4 0.1 0.133333 0 -0.0126
layer01 cmn yue 10 0.9 0.1 0.05 4 0.75 0.8 0.1 0.6 0 -
layer01 all all 40 0.6 0.1 0.05 20 0.35 0.48 0.1 0.25 0 -0.0126
layer02 yue cmn 30 0.6 0.1 0.05 16 0.5 0.6 0.1 0.133333 0 0.2
layer02 cmn yue 10 1 0.1 0.05 4 1 1 0.1 0.6 0 0.4
layer02 all all 40 0.7 0.1 0.05 20 0.6 0.68 0.1 0.25 0 0.3
""".replace("\n ", " ")
BINS = """layer bin low high n recall_at_1 chance
layer01 1 0.05 0.204 20 0.75 0.1
layer01 2 0.206 0.5 20 0.45 0.1
layer02 1 0.05 0.204 20 0.8 0.1
"""


def control(exp: Path, name="test", controlled=CONTROLLED, bins=BINS) -> None:
    """The tables of the pronunciation control; a cell - is empty."""
    for file, text in (("controlled.tsv", controlled), ("bins.tsv", bins)):
        cells = [["" if cell == "-" else cell for cell in line.split(" ")] for line in text.splitlines()]
        write(exp / "control" / name / file, "".join("\t".join(row) + "\n" for row in cells))


SOURCES = "variety\tsource\tutterances\n"


TRIPLES = """layer n voices preference low high chance
layer01 8 4 0.5 0.405 0.625 0.5
norm 8 4 0.25 0.2 0.3 0.5
"""
WORDS = """layer source target word synonym homophone preference margin
layer01 cmn yue w4 s4 h4 0.5 0.1
layer01 cmn yue w1 s1 h1 0 -0.3
layer01 cmn yue w8 s8 h8 1 0.4214
layer01 yue cmn w2 s2 h2 0 -0.2
norm cmn yue w4 s4 h4 0 0
layer01 cmn yue w6 s6 h6 0.75 0.1
layer01 cmn yue w5 s5 h5 0.5 0.2
layer01 cmn yue w3 s3 h3 0.25 -0.9
layer01 cmn yue w7 s7 h7 1 0.05
"""


def words(home: Path, layers=TRIPLES, triples=WORDS) -> None:
    """The tables of the word-level test of an experiment or a baseline."""
    for file, text in (("layers.tsv", layers), ("words.tsv", triples)):
        write(home / "synonymy" / file, text.replace(" ", "\t"))


EXITS = """layer variety sentences characters errors cer
layer02 cmn 10 100 50 0.5
layer02 yue 10 100 150 1.5
layer02 all 20 200 200 1
norm cmn 10 100 10 0.1
norm yue 10 100 26 0.26
norm all 20 200 36 0.18
"""


def early_exit(exp: Path, text=EXITS, name="test") -> None:
    """The character error rates by exit layer."""
    write(exp / "early_exit" / name / "cer.tsv", text.replace(" ", "\t"))


TELLING = """folder kind answer query candidate score margin
hit1 hit right cmn-a yue-a 0.9 0.25
hit2 hit right yue-b cmn-b 0.8 0.125
hit3 hit right yue-c cmn-c 0.7 0.1
miss1_wrong miss wrong cmn-d yue-e 0.75 -0.0625
miss1_right miss right cmn-d yue-d 0.6875 -0.0625
"""
CHARACTERS = """side number character start end heard_start heard_end contribution match match_character
query 1 我 0 0.1 0 0.1 0.1 1 食
query 2 吃 0.1 0.2 0.1 0.2 0.4 1 食
query 3 早 0.2 0.3 0.2 0.3 0.05 2 <b>
query 4 饭 0.3 0.4 0.3 0.4 0.2 2 <b>
target 1 食 0 0.2 0 0.2 0.5 2 吃
target 2 <b> 0.2 0.3 0.2 0.3 0.25 4 饭
"""
DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
"""A PNG of one pixel."""


def explained(exp: Path, telling=TELLING, characters=CHARACTERS, name="test") -> None:
    """Explanations as they are listed, all with the same characters and the smallest picture there is."""
    folder = exp / "explain" / name
    write(folder / "telling.tsv", telling.replace(" ", "\t"))
    for line in telling.splitlines()[1:]:
        home = folder / line.split()[0]
        write(home / "characters.tsv", characters.replace(" ", "\t"))
        (home / "similarity.png").write_bytes(DOT)


def report(*asked, **more) -> Path:
    """The path of the RESULTS.md that is written of what is asked for as `Asked` has it."""
    return write_report(Asked(*asked, **more))
