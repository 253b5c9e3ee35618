"""Common Voice: sentences read by volunteers in Mandarin, Cantonese and Taiwanese Hokkien, checked by volunteers.

What: the locales zh-CN and zh-TW (variety cmn), zh-HK and yue (yue), nan-tw (nan), those that are there or that
``locales`` names; of release 25.0 239, 80, 109, 211 and 22 h are validated. ``text`` is the sentence; of nan-tw without
the romanisation in parentheses, 食飯（tsia̍h-pn̄g). The speaker is the first 16 digits of ``client_id``; a person with
two accounts is two speakers. Mandarin sentences are ``text_cmn``, too, where no other variety is taken.
Sets: test and dev are upstream's (of dev, what test has is left out); train is ours, all of ``validated.tsv`` that
remains, for upstream's train is a fraction of it.
Overlap: none: train has no speaker and no sentence of dev or test, whatever the locale; what is left out is listed.
Licence: CC0 1.0; nobody may try to find out who the speakers are.
Where to get it: https://datacollective.mozillafoundation.org (account needed), an archive a locale:
``cv-corpus-25.0-2026-03-09/<locale>/{validated,dev,test}.tsv`` with ``clips/*.mp3``. The corpus root is the folder of a
release, or the one above; releases from 5.1 on will do.
Citation: Ardila et al. 2020, Common Voice: a massively-multilingual speech corpus, LREC, arXiv 1912.06670.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from fangyan.corpora.common.layouts import drop_empty, drop_overlap, list_names, read_columns, utterance
from fangyan.data.datadir import Dropped, Utterance
from fangyan.errors import DataError, UserError, known_names

VARIETIES = {"zh-CN": "cmn", "zh-TW": "cmn", "zh-HK": "yue", "yue": "yue", "nan-tw": "nan"}
"""Locale -> variety."""
ALL = "validated.tsv"
COLUMNS = ("client_id", "path", "sentence")
ROMANISED = re.compile(r"[（(][^（）()]*[）)]")
"""What stands in parentheses in a sentence of nan-tw."""


def splits(
    root: Path | None, jobs: int = 1, limit: int = 0, *, locales: str = ""
) -> dict[str, list[Utterance | Dropped]]:
    """The utterances of train, dev and test, locale by locale. ``locales``: parted by spaces, or all that are there."""
    folders = _folders(root, locales.split())
    test, dev, all_ = (
        list(chain.from_iterable(_records(folder, table_) for folder in folders))
        for table_ in ("test.tsv", "dev.tsv", ALL)
    )
    elsewhere = {record.id for record in (*dev, *test)}
    test = drop_empty(test)
    dev = drop_overlap(drop_empty(dev), test)
    train = drop_empty(record for record in all_ if record.id not in elsewhere)
    return {"train": drop_overlap(train, [*dev, *test]), "dev": dev, "test": test}


def _folders(root: Path | None, wanted: Sequence[str]) -> list[Path]:
    """The folders of the locales, those that are wanted or all, in the order of the table."""
    if root is None:
        raise UserError("corpus commonvoice: say where the release lies with --corpus_dir DIR")
    tables = chain.from_iterable(sorted(root.resolve().glob(depth + ALL)) for depth in ("", "*/", "*/*/"))
    found: dict[str, Path] = {}
    for folder in (path.parent for path in tables if path.parent.name in VARIETIES):
        if folder.name in found:
            raise DataError(
                f"{root}: a locale is of one release, got {found[folder.name]} and {folder}: name one of them"
            )
        found[folder.name] = folder
    known = [name for name in VARIETIES if name in found]
    if not known:
        raise DataError(f"{root}: expected {'/, '.join(VARIETIES)}/ with {ALL}, found {list_names(root)}")
    for name in wanted:
        if name not in known:
            raise UserError(f"corpus commonvoice: no locale {name!r} in {root}: {known_names(name, known)}")
    return [found[name] for name in wanted or known]


def _records(folder: Path, name: str) -> Iterator[Utterance]:
    variety = VARIETIES[folder.name]
    for row in read_columns(folder / name, COLUMNS):
        text = ROMANISED.sub("", row["sentence"]) if variety == "nan" else row["sentence"]
        yield utterance(
            key=Path(row["path"]).stem,
            wav=folder / "clips" / row["path"],
            text=text,
            speaker=row["client_id"][:16],
            variety=variety,
            text_cmn=text if variety == "cmn" else "",
        )
