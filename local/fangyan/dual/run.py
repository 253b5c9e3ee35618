"""What a training of the dual encoder depends on: its settings, its units, its data."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from fangyan.data import datadir
from fangyan.data.checks import check_data_directory
from fangyan.data.entries import locate_id, read_map
from fangyan.dual import llm_folder
from fangyan.dual import settings as dual_settings
from fangyan.dual.negatives import with_negatives
from fangyan.dual.pairs import (
    OWN,
    Pair,
    Spoken,
    Wording,
    read_speech,
    read_texts,
    read_wordings,
    speech_speech,
    speech_text,
    text_text,
)
from fangyan.dual.settings import RANDOM, Settings
from fangyan.encoders import hub, unit_model
from fangyan.encoders.unit_model import SETTINGS, WEIGHTS, UnitModel
from fangyan.encoders.unit_strings import MODALITIES
from fangyan.errors import DataError, UserError, known_names
from fangyan.files import fingerprint
from fangyan.units.column import COLUMN, units_of

PREFIX = 2
"""Tokens of the prefix of an utterance."""


@dataclass(frozen=True)
class DualRun:
    """A training: configuration, data, the model of ``units`` that their ``column`` is of, the folder ``exp``."""

    config: Path
    train: Path
    dev: Path
    units: Path
    seed: int
    exp: Path
    column: str = COLUMN

    @cached_property
    def settings(self) -> Settings:
        """What the configuration says."""
        return dual_settings.read(self.config)

    @cached_property
    def unit_model(self) -> UnitModel:
        """The model of units."""
        return unit_model.load(self.units)

    @cached_property
    def speech(self) -> dict[str, list[Spoken]]:
        """The utterances that are learnt, by ESPnet's name of the role of their directory."""
        of = self.settings
        self._check_varieties()
        return {
            role: read_speech(data, units_of(self.units, data, self.column), of.text_column, of.varieties)
            for role, data in self.sets().items()
        }

    def _check_varieties(self) -> None:
        """`UserError` for a variety that is named and not there, `DataError` for one whose prefix is a modality's."""
        files = [data / "utt2lang" for data in self.sets().values()]
        there = {file: read_map(file) for file in files if file.is_file()}
        for file, varieties in there.items():
            if taken := next((key for key, code in varieties.items() if code in MODALITIES), ""):
                raise DataError(
                    f"{locate_id(file, taken)}: a variety is none of {', '.join(MODALITIES)} here"
                )
        known = sorted({code for varieties in there.values() for code in varieties.values()})
        if known and (missing := next((code for code in self.settings.varieties if code not in known), "")):
            raise UserError(
                f"{self.config}: varieties: no utterance of {missing}: {known_names(missing, known)}"
            )

    @cached_property
    def wordings(self) -> list[Wording]:
        """The texts learnt beside their Mandarin wording, each once; none where that data set has no weight.

        They are those of the training data, where it has both wordings, and those of ``text_data``.
        """
        if not self.settings.pairs.get("text_text"):
            return []
        own = all((self.train / name).is_file() for name in ("text", "text_cmn"))
        taught = read_wordings(self.train, self.settings.varieties) if own else []
        found = (wording for source in self.text_sources for wording in read_wordings(source))
        return list(dict.fromkeys([*taught, *found]))

    @cached_property
    def text_sources(self) -> list[Path]:
        """The data directories and tables of ``text_data``; of these all varieties are learnt."""
        sources = list(map(Path, self.settings.text_data))
        for source in sources:
            if not source.exists():
                raise UserError(
                    f"{self.config}: text_data: {source}: no such data directory, and no such table"
                )
        return sources

    @cached_property
    def pairs(self) -> dict[str, list[Pair]]:
        """The pairs of each data set that has a weight; `UserError` for one that has none."""
        spoken = self.speech["train"]
        make = {
            "speech_text": lambda: self._with_negatives(self.with_text(spoken), spoken),
            "speech_speech": lambda: speech_speech(spoken),
            "text_text": lambda: text_text(self.wordings, self.settings.text_variety),
        }
        sets = {name: make[name]() for name, weight in sorted(self.settings.pairs.items()) if weight}
        for name, pairs in sets.items():
            if not pairs:
                raise UserError(f"{self.config}: pairs: {name}: the training data has none: leave it out")
        return sets

    @cached_property
    def varieties(self) -> list[str]:
        """The varieties that have a prefix: those learnt, in speech or in text, and that of a typed sentence."""
        learnt = {one.variety for one in (*self.speech["train"], *self.wordings)}
        return sorted(learnt | {self.settings.text_variety})

    @cached_property
    def pretrain_texts(self) -> list[str]:
        """The strings on which the LLM is trained before, each once; none where the configuration asks for none."""
        sources = (self.settings.pretrain_text or {"data": []})["data"]
        read = (read_texts(Path(source), self.settings.text_variety) for source in sources)
        return list(dict.fromkeys(text for some in read for text in some))

    @cached_property
    def inputs(self) -> dict[str, Any]:
        """What the finished experiment is recognised by."""
        of, model = self.settings, (self.units / SETTINGS, self.units / WEIGHTS)
        for data in self.sets().values():
            check_data_directory(data)
        return {
            "settings": asdict(of),
            "seed": self.seed,
            "units": fingerprint(*filter(Path.exists, model)),
            "texts": fingerprint(*map(_identity, self.text_sources), self.pretrain_texts),
            "init": _content(of.llm),
            **{role: datadir.tables(data, *self._column_of(data)) for role, data in self.sets().items()},
        }

    def with_text(self, utterances: Iterable[Spoken]) -> list[Pair]:
        """The utterances, each with its text."""
        of = self.settings
        return speech_text(utterances, "" if of.text_column == OWN else of.text_variety)

    def _with_negatives(self, pairs: list[Pair], utterances: list[Spoken]) -> list[Pair]:
        if not self.settings.hard_negatives:
            return pairs
        return with_negatives(pairs, utterances, self.settings.text_variety)

    def _column_of(self, data: Path) -> list[str]:
        return [self.column] if (data / self.column).is_file() else []

    def sets(self) -> dict[str, Path]:
        """The data directories by ESPnet's name of their role."""
        return {"train": self.train, "valid": self.dev}


def describe_cuts(job: DualRun) -> list[str]:
    """What to tell of utterances that are longer than is read of them: a line for each directory with such."""
    most = job.settings.max_tokens - PREFIX
    counts = {role: sum(len(one.units) > most for one in spoken) for role, spoken in job.speech.items()}
    return [
        f"{job.sets()[role] / job.column}: {count:,} of {len(job.speech[role]):,} utterances have more than {most} "
        "units: they are cut there; max_tokens of the configuration says where"
        for role, count in counts.items()
        if count
    ]


def _identity(source: Path) -> str:
    """The content of a table of texts, or of the tables of a data directory."""
    return fingerprint(source) if source.is_file() else datadir.tables(source)


def _content(llm: str) -> str:
    """What stands for the content of an LLM."""
    return RANDOM if llm == RANDOM else fingerprint(*hub.content(llm_folder.files(llm), llm))
