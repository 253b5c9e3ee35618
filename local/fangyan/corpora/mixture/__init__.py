"""Several corpora as one: what a file of ``conf/mixtures`` names, prepared one by one and combined.

::

    data/<part>/<set>           a corpus as `corpora.prepare` leaves it
    data/train                  the train sets, each up to its hours, without sentences of dev and the test sets
    data/dev                    of the dev sets as many utterances of each variety, without sentences of the test sets
    data/test_<part>[_<more>]   the test sets as they are

`plan` reads what is wanted and where it lies, `combine` says what becomes of it.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from shutil import rmtree

from fangyan import corpora
from fangyan.corpora.mixture.combine import Prepared, combine, group_by_set, write
from fangyan.corpora.mixture.plan import Mixture, find, read
from fangyan.data import datadir
from fangyan.data.columns import columns
from fangyan.data.datadir import Dropped
from fangyan.data.entries import check_ids
from fangyan.errors import UserError
from fangyan.files import DONE, produce
from fangyan.rounding import decimals

__all__ = ["mix"]


def mix(file: Path, roots: Path, out: Path, jobs: int = 1) -> dict[str, Path]:
    """The data directories of a mixture by set, in ``out``; finished ones are kept, those of another mixture removed.

    ``file``: the mixture; ``roots``: where its corpora lie (both YAML, `plan`). `UserError` with all corpora that are
    missing and how to get them; those that the user goes without are counted among what train left out.
    """
    mixture = read(file)
    folders = find(mixture, roots)
    without = [
        Dropped(name, "missing corpus", f"null in {roots}") for name, root in folders.items() if not root
    ]
    sets = group_by_set(_prepare(mixture, folders, out, jobs))
    for goal in ("train", "dev"):
        if goal not in sets:
            raise UserError(
                f"{file}: no corpus with a set {goal} and {mixture.wording}, among those in {roots}"
            )
    homes = _produce(mixture, sets, without, out)
    _remove_others(out, set(homes))
    unchosen = sorted(_varieties(homes["train"]) - _varieties(homes["dev"]))
    if unchosen:
        print(f"{homes['dev']}: no utterance of {' '.join(unchosen)}, which train has", flush=True)
    return homes


def _prepare(mixture: Mixture, folders: dict[str, Path | None], out: Path, jobs: int) -> list[Prepared]:
    """The sets of all corpora that are there and have the wording; the others are told."""
    chosen = {
        part: corpora.options(part.corpus, part.options) for part in mixture.parts
    }  # refused before any work
    prepared = []
    for part in mixture.parts:
        root = folders[part.corpus]
        sets = corpora.prepare(part.corpus, root, out / part.name, jobs, **chosen[part]) if root else {}
        for name, home in sets.items():
            if (home / mixture.wording).exists():
                prepared.append(Prepared(part, name, home))
            else:
                print(f"{home}: left out, it has no {mixture.wording}", flush=True)
    return prepared


def _produce(
    mixture: Mixture, sets: Mapping[str, Sequence[Prepared]], without: Sequence[Dropped], out: Path
) -> dict[str, Path]:
    of_all = {item.home for of in sets.values() for item in of}
    prepared = {str(home): datadir.tables(home, *columns(home)) for home in of_all}
    inputs = {"mixture": repr(mixture), "without": [corpus.id for corpus in without], "prepared": prepared}
    made = cache(lambda: combine(mixture, sets, without))  # once, and only if there is work
    homes = {goal: out / goal for goal in sets}

    def build(goal: str, folder: Path) -> None:
        write(folder, made()[goal], sets[goal], homes[goal])

    for goal, home in homes.items():
        produce(home, inputs, partial(build, goal))
        print(_summary(home), flush=True)
    return homes


def _varieties(home: Path) -> set[str]:
    return set(datadir.read_map(home / "utt2lang").values())


def _summary(home: Path) -> str:
    """``data/train: 2,812 utterances, cmn 1.93 h, yue 0.40 h; left out: 3 beyond the hours of its corpus``."""
    durations, varieties = (datadir.read_map(home / name) for name in ("utt2dur", "utt2lang"))
    check_ids(home / "utt2dur", durations, home / "utt2lang", varieties)
    hours: dict[str, float] = {}
    for key, variety in varieties.items():
        hours[variety] = hours.get(variety, 0.0) + float(durations[key]) / 3600
    by_variety = ", ".join(f"{variety} {decimals(hours[variety], 2)} h" for variety in sorted(hours))
    return f"{home}: {len(durations):,} utterances, {by_variety}{datadir.describe_changes(home)}"


def _remove_others(out: Path, goals: set[str]) -> None:
    """Sets of a mixture that had others are gone: ``--test_sets "test_*"`` would take them for those of this one."""
    for stamp in sorted(out.glob(f"*/{DONE}")):
        home = stamp.parent
        if home.name not in goals and "mixture" in json.loads(stamp.read_text(encoding="utf-8")):
            rmtree(home)
            print(f"{home}: removed, the mixture has no such set any more", flush=True)
