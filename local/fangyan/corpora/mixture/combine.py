"""Prepared sets of several corpora as one: whose utterances they are, what is held out, what is too much.

- Ids of utterances and speakers begin with the corpus, ``aishell-BAC009S0002W0122``; where they collide all the same
  (two parts with the same recordings) the mixture is refused. Ids are marked after the speaker where the speakers of
  two parts of a corpus begin one another (`corpora.common.admission.rename_for_order`).
- A sentence id with a Han character is a wording (`corpora.common.layouts.sentence_of`) and stays, so that corpora
  share sentences; any other is a number of its corpus alone, ``fleurs:17``.
- Train has no sentence of dev and of the test sets, and no speaker of the test sets; dev has no sentence of these. Two
  utterances are of one sentence where the id is the same, or the Mandarin wording, or the wording in one variety.
- Dev has as many utterances of each variety, or all there are, because ESPnet chooses the best epochs by the mean over
  the utterances of one set: so no variety decides alone. Its CER is scored by variety.
- A further column (`fangyan.data.columns`) that all kept utterances have a value in is carried; any other is reported.
- What is too much is chosen by a hash of the utterance id: the same in any mixture, and a larger cap keeps what a
  smaller one kept. Whole speakers are not: many voices teach more than much of a few.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import chain
from pathlib import Path

from fangyan.corpora.common.admission import rename_for_order
from fangyan.corpora.common.layouts import original_id, sentence_of
from fangyan.corpora.mixture.plan import Mixture, MixturePart
from fangyan.data import datadir
from fangyan.data.columns import CORPORA, CORPUS_WEIGHTS, Columns, read_all, write_all
from fangyan.data.datadir import Dropped, Utterance
from fangyan.data.text import is_han
from fangyan.errors import DataError
from fangyan.files import write_lines

Records = list[Utterance | Dropped]
OPTIONAL = ("text", "text_cmn", "ipa")


@dataclass(frozen=True)
class Prepared:
    """The data directory ``home`` of a set of a part."""

    part: MixturePart
    set: str
    home: Path

    @property
    def goal(self) -> str:
        """The set of the mixture that it goes into."""
        if self.set in ("train", "dev"):
            return self.set
        head, _, rest = self.set.partition("_")
        if head != "test":
            raise DataError(
                f"{self.home}: the sets of a mixture are train, dev, test and test_..., got {self.set}"
            )
        return "_".join(filter(None, ("test", self.part.name, rest)))

    def rename(self, name: str) -> str:
        """The name that an utterance or a speaker of it has in the mixture."""
        return f"{self.part.corpus}-{name}"


def group_by_set(prepared: Iterable[Prepared]) -> dict[str, list[Prepared]]:
    """Set of the mixture -> the sets that go into it; `DataError` where two become one test set."""
    sets: dict[str, list[Prepared]] = {}
    for item in prepared:
        others = sets.setdefault(item.goal, [])
        if others and item.goal not in ("train", "dev"):
            both = f"{others[0].home} and {item.home}"
            raise DataError(
                f"{both}: a test set of a mixture is of one part, got both as {item.goal}: rename a part"
            )
        others.append(item)
    return sets


def combine(
    mixture: Mixture, sets: Mapping[str, Sequence[Prepared]], without: Sequence[Dropped]
) -> dict[str, dict[str, Records]]:
    """The records of each set by part. ``without``: corpora that are missing, told with train under no part."""
    made = {
        goal: {item.part.name: _read(item) for item in of}
        for goal, of in sets.items()
        if goal not in ("train", "dev")
    }
    tests = _utterances(chain.from_iterable(of.values() for of in made.values()))
    sentences, speakers = _sentences(tests), {u.speaker for u in tests}
    dev = {item.part.name: _apart(_read(item, mixture.longest), sentences) for item in sets["dev"]}
    made["dev"] = _evened(dev, mixture.dev_utterances)
    sentences |= _sentences(_utterances(made["dev"].values()))
    train = {}
    for item in sets["train"]:  # one corpus after the other: they may be large
        records = _apart(_read(item, mixture.longest), sentences, speakers)
        train[item.part.name] = _capped(records, item.part)
    return made | {"train": {"": without} | train}


def write(folder: Path, by_part: Mapping[str, Records], of: Sequence[Prepared], home: Path) -> None:
    """Writes the data directory ``home`` of all records to ``folder``, with utt2corpus and columns that all have.

    Of train also what the parts weigh.
    """
    records = rename_for_order(list(chain.from_iterable(by_part.values())))
    dropped = [record for record in records if isinstance(record, Dropped)]
    kept = _uniform(_utterances([records]))
    datadir.write(folder, kept, dropped, _groups(of))
    write_all(folder, _columns(of), {u.id: original_id(u) for u in kept}, home)
    names = [part for part, records in by_part.items() for _ in records]
    both = zip(records, names, strict=True)
    parts = sorted((record.id, part) for record, part in both if isinstance(record, Utterance))
    write_lines(folder / CORPORA, (f"{key} {part}\n" for key, part in parts))
    weights = {item.part.name: item.part.weight for item in of}
    if "train" in {item.set for item in of} and len(set(weights.values())) > 1:
        write_lines(folder / CORPUS_WEIGHTS, (f"{part} {weights[part]}\n" for part in sorted(weights)))


def _columns(of: Iterable[Prepared]) -> Columns:
    """The further columns of all sets, under the ids of the mixture."""
    found: Columns = {}
    for item in of:
        for name, values in read_all(item.home).items():
            found.setdefault(name, {}).update((item.rename(key), value) for key, value in values.items())
    return found


def _groups(of: Iterable[Prepared]) -> dict[str, str]:
    """Variety -> its group, of all sets; `DataError` where two differ."""
    said: dict[str, tuple[str, Prepared]] = {}
    for item in of:
        for variety, group in datadir.read_groups(item.home).items():
            other, first = said.setdefault(variety, (group, item))
            if other != group:
                raise DataError(
                    f"{item.home / datadir.GROUPS}: a variety has one group, got {group!r} of {variety}, "
                    f"{other!r} in {first.home}"
                )
    return {variety: group for variety, (group, _) in said.items()}


def _read(item: Prepared, longest: float = float("inf")) -> Records:
    """The utterances of a set under the names they have in the mixture, without those longer than so many seconds."""
    corpus = item.part.corpus
    return [
        replace(
            u,
            id=item.rename(u.id),
            speaker=item.rename(u.speaker),
            sentence=u.sentence if any(map(is_han, u.sentence)) else f"{corpus}:{u.sentence}",
        )
        if u.duration <= longest
        else Dropped(item.rename(u.id), f"longer than {longest:g} s", f"{u.duration:.3f}")
        for u in datadir.read(item.home)
    ]


def _utterances(records: Iterable[Records]) -> list[Utterance]:
    return [record for part in records for record in part if isinstance(record, Utterance)]


def _sentences(utterances: Iterable[Utterance]) -> set[str]:
    return set(chain.from_iterable(map(_names, utterances)))


def _names(u: Utterance) -> set[str]:
    """What the sentence of an utterance goes by: its id and its wordings."""
    own = {sentence_of(u.text, u.variety)} if u.text else set()
    mandarin = {sentence_of("", u.variety, u.text_cmn)} if u.text_cmn else set()
    return {u.sentence} | own | mandarin


def _apart(records: Records, sentences: set[str], speakers: Iterable[str] = ()) -> Records:
    """The records without those of held-out sentences and speakers: left out by reason."""

    def judged(u: Utterance) -> Utterance | Dropped:
        if u.speaker in speakers:
            return Dropped(u.id, "speaker of a test set", u.speaker)
        if not sentences.isdisjoint(_names(u)):
            return Dropped(u.id, "sentence of a held-out set", u.text or u.text_cmn)
        return u

    return [judged(record) if isinstance(record, Utterance) else record for record in records]


def _evened(by_part: Mapping[str, Records], most: int) -> dict[str, Records]:
    """The records, of each variety ``most`` utterances at most, whatever part they are of."""
    varieties: dict[str, list[Utterance]] = {}
    for u in _utterances(by_part.values()):
        varieties.setdefault(u.variety, []).append(u)
    kept = set(
        chain.from_iterable(_first(utterances, most, lambda u: 1) for utterances in varieties.values())
    )
    return {
        part: _only(kept, records, "beyond the dev utterances of its variety")
        for part, records in by_part.items()
    }


def _capped(records: Records, part: MixturePart) -> Records:
    """The records, up to the hours of their part."""
    kept = set(_first(_utterances([records]), part.hours * 3600, lambda u: u.duration))
    return _only(kept, records, "beyond the hours of its corpus")


def _first(
    utterances: Iterable[Utterance], most: float, measure: Callable[[Utterance], float]
) -> Iterator[str]:
    """The ids of utterances in the order of their hashes, while they measure no more than ``most`` together."""
    for u in sorted(utterances, key=lambda u: blake2b(u.id.encode(), digest_size=8).digest()):
        most -= measure(u)
        if most < 0:
            return
        yield u.id


def _only(kept: set[str], records: Records, reason: str) -> Records:
    return [
        Dropped(record.id, reason) if isinstance(record, Utterance) and record.id not in kept else record
        for record in records
    ]


def _uniform(utterances: list[Utterance]) -> list[Utterance]:
    """The utterances without the wordings that only some of them have: a data directory has a file for all or none."""
    gaps = [name for name in OPTIONAL if not all(getattr(u, name) for u in utterances)]
    return [replace(u, **dict.fromkeys(gaps, "")) for u in utterances] if gaps else utterances
