"""FLEURS: parallel read sentences of FLoRes in 102 languages, Mandarin and Cantonese among them.

What: sets train, dev and test; some 2,000 sentences, about 10 h of training speech a language, 16 kHz. The sentence id
is shared by all languages. Mandarin (cmn) and Cantonese (yue) are taken unless ``locales`` names other folders; the
variety is the language part of the folder's name (en_us: en). A sentence was read by one to three people: of dev and
test the first recording in the file is taken (the protocol of YuBao's authors), of train all. ``text`` is the raw
transcription; ``text_cmn`` that of the Mandarin with the same id: where the Mandarin is at hand, sentences that it
lacks are left out. FLEURS does not say who speaks, so each utterance is its own speaker, as is usual in Kaldi.
Licence: CC BY 4.0.
Where to get it: ``hf download google/fleurs --repo-type dataset --include "data/cmn_hans_cn/*"
--include "data/yue_hant_hk/*" --local-dir DIR``, then unpack each ``audio/<set>.tar.gz`` where it lies. The corpus
root is ``DIR/data``: it has ``<locale>/{train,dev,test}.tsv`` and ``<locale>/audio/{train,dev,test}/*.wav``.
Citation: Conneau et al. 2022, FLEURS: few-shot learning evaluation of universal representations of speech, SLT.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from fangyan.corpora.common.layouts import drop_unlisted
from fangyan.data.datadir import Dropped, Utterance
from fangyan.errors import DataError, UserError
from fangyan.files import read_text

SETS = ("train", "dev", "test")
LOCALES = "cmn_hans_cn yue_hant_hk"
MANDARIN = "cmn_hans_cn"
COLUMNS = "id, file, raw transcription, normalised transcription, characters, samples, gender"


@dataclass(frozen=True)
class Row:
    """What a line of a table says."""

    sentence: str
    file: str
    text: str


def splits(
    root: Path | None, jobs: int = 1, limit: int = 0, *, recordings: str = "first", locales: str = LOCALES
) -> dict[str, list[Utterance | Dropped]]:
    """The utterances of train, dev and test (those that are there), locale by locale in the order of the tables.

    ``recordings``: of a sentence in dev and test, ``first`` or ``all``. ``locales``: folder names parted by spaces.
    """
    if root is None:
        raise UserError("corpus fleurs: say where the folders of the locales lie with --corpus_dir DIR")
    if recordings not in ("first", "all"):
        raise UserError(f"corpus fleurs: recordings is first or all, got {recordings!r}")
    chosen = locales.split()
    return {
        name: [
            record
            for locale in chosen
            for record in _records(root, locale, name, every=name == "train" or recordings == "all")
        ]
        for name in _sets(root, chosen)
    }


def _sets(root: Path, locales: list[str]) -> list[str]:
    """The sets of the locales: each has the same ones, with the recordings unpacked."""
    there = {name: {table.parent.name for table in root.glob(f"*/{name}.tsv")} for name in SETS}
    known = sorted(set().union(*there.values()))
    for locale in locales:
        if locale not in known:
            raise DataError(
                f"{root / locale}: expected a folder with train.tsv, dev.tsv, test.tsv, found none; such folders in "
                f"{root}: {' '.join(known) or 'none (--corpus_dir names the folder of the locales)'}"
            )
    sets = [name for name in SETS if there[name] & set(locales)]
    for name in sets:
        for locale in locales:
            _check_set(root / locale, name, sets)
    return sets


def _check_set(folder: Path, name: str, sets: list[str]) -> None:
    table, audio = folder / f"{name}.tsv", folder / "audio" / name
    if not table.exists():
        raise DataError(f"{table}: every locale has the sets {' '.join(sets)}, found no such file")
    if not audio.is_dir():
        unpack = f"tar -xzf {quote(f'{audio}.tar.gz')} -C {quote(str(audio.parent))}"
        raise DataError(f"{audio}: expected the folder of the recordings, found none: {unpack}")


def _records(root: Path, locale: str, name: str, every: bool) -> Iterator[Utterance | Dropped]:
    """The recordings of a set in a locale: of ``every`` reader of a sentence, or else the first."""
    mandarin = _mandarin(root / MANDARIN / f"{name}.tsv")
    readers: Counter[str] = Counter()
    for row in _rows(root / locale / f"{name}.tsv"):
        readers[row.sentence] += 1
        key = f"{locale}-{row.sentence:0>4}-{readers[row.sentence]}"
        if not every and readers[row.sentence] > 1:
            yield Dropped(key, "further recording of a sentence", row.file)
        elif not row.text:
            yield Dropped(key, "empty transcript", row.file)
        elif mandarin and row.sentence not in mandarin:
            yield Dropped(key, "no Mandarin wording", row.file)
        else:
            yield Utterance(
                id=key,
                wav=str(root / locale / "audio" / name / row.file),
                text=row.text,
                speaker=key,
                variety=locale.partition("_")[0],
                sentence=row.sentence,
                text_cmn=mandarin.get(row.sentence, ""),
            )
    folder = root / locale / "audio" / name
    yield from drop_unlisted(folder, {str(folder / row.file) for row in _rows(root / locale / f"{name}.tsv")})


def _mandarin(table: Path) -> dict[str, str]:
    """Sentence -> its Mandarin; nothing where the Mandarin is not at hand."""
    return {row.sentence: row.text for row in _rows(table) if row.text} if table.exists() else {}


def _rows(table: Path) -> Iterator[Row]:
    """The lines of a table: tab-separated, without header or quoting."""
    for n, line in enumerate(read_text(table).split("\n"), 1):
        if not line.strip():
            continue
        cells = line.split("\t")
        if len(cells) != 7:
            raise DataError(f"{table}:{n}: a line is {COLUMNS} (7 cells), got {len(cells)} in {line[:60]!r}")
        sentence, file, text = cells[:3]
        if not sentence.isdecimal():
            raise DataError(f"{table}:{n}: the first cell is the sentence's number, got {sentence!r}")
        yield Row(sentence, file, " ".join(text.split()))
