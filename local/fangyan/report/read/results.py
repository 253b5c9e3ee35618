"""What an experiment folder holds, read strictly; what it lacks is empty, never guessed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fangyan import environment, experiments
from fangyan.data import datadir
from fangyan.environment import StageTime
from fangyan.errors import UserError, known_names
from fangyan.ipa.dictionaries import IpaSource
from fangyan.measure import results_folder
from fangyan.measure.retrieval.kinds import by_kind
from fangyan.measure.retrieval.tables import Group, Pair
from fangyan.measure.selection import by_layer
from fangyan.measure.significance import Interval
from fangyan.measure.word_test import WordPreference
from fangyan.recognition.cer import Errors, Exit
from fangyan.report.read import (
    explain,
    intervals,
    joint,
    probes,
    pronunciation_control,
    sentences,
    word_test,
)
from fangyan.report.read.cer import read_exits
from fangyan.report.read.explain import Explanation
from fangyan.report.read.folds import Folded
from fangyan.report.read.joint import Joint
from fangyan.report.read.probes import Probes
from fangyan.report.read.pronunciation_control import Control
from fangyan.report.read.sentences import SentenceScore
from fangyan.report.read.space import Space, Taught, read_space, read_taught
from fangyan.report.read.systems import LayerOf, System, describe_choice, read_baselines, read_system
from fangyan.tables import read_rows, read_sets
from fangyan.training import history, summary
from fangyan.training.history import Epoch


@dataclass(frozen=True)
class Results:
    """All that a report is made of."""

    tag: str
    dev: str
    tests: tuple[str, ...]
    encoder: System
    choice: str = ""  # how the layer of the encoder came to be, in words that follow "the layer"
    baselines: tuple[System, ...] = ()
    cer: Mapping[str, Sequence[Errors]] = field(default_factory=dict)
    exits: Mapping[str, Mapping[str, Sequence[Exit]]] = field(default_factory=dict)  # by set and layer
    history: Sequence[Epoch] = ()
    train: Mapping[str, Any] = field(default_factory=dict)  # train.json, or where it was scored
    control: Mapping[str, Control] = field(default_factory=dict)
    sources: Mapping[str, Sequence[IpaSource]] = field(default_factory=dict)  # of the IPA of a set
    triples: Sequence[WordPreference] = ()  # of the chosen layer, most for sound first
    explanations: Mapping[str, Sequence[Explanation]] = field(default_factory=dict)
    intervals: Mapping[str, Mapping[str, Interval]] = field(
        default_factory=dict
    )  # by set and layer, or layers
    sentences: Mapping[str, Sequence[SentenceScore]] = field(
        default_factory=dict
    )  # of the chosen layer, hardest first
    speakers: Mapping[str, Sequence[Group]] = field(
        default_factory=dict
    )  # pairs of speakers, by their varieties
    groups: Mapping[str, Mapping[str, str]] = field(
        default_factory=dict
    )  # variety -> group, where a set has its own
    kinds: Mapping[str, Mapping[str, Sequence[Pair]]] = field(
        default_factory=dict
    )  # of pairs of the encoder by set, where speech and text find each other
    joint: Joint = field(default_factory=Joint)
    probes: Sequence[Probes] = ()
    taught: Taught | None = None
    spaces: Mapping[str, Space] = field(default_factory=dict)  # by set
    command: str = ""
    measured: str = ""  # the day of the newest scores
    seconds: Mapping[str, float] = field(default_factory=dict)  # by stage, reruns added up

    @property
    def chosen(self) -> bool:
        """Whether scores chose the layer of the encoder: if not, all its layers are the result."""
        return self.dev in self.encoder.seqsim or self.encoder.folded is not None


def read(
    exp: Path,
    dev: str,
    tests: Sequence[str],
    command: str = "",
    data: Path | None = None,
    layers: Sequence[str] = (),
    unchosen: str | None = None,
    folds: bool = False,
) -> Results:
    """The results in ``exp`` on the development set (may be empty) and the test sets, of all layers or of ``layers``.

    ``data``: folder of the data directories, which know the wording of sentences and groups of varieties. ``unchosen``:
    the layer to show where none is chosen; empty, or not among those scored: the last; None: none. ``folds``: whether
    halves of the sentences choose it.
    Raises `UserError` for a missing folder, for a set without results, for a development set that is also a test set,
    and for folds beside one; `DataError` for malformed files.
    """
    home, tests = results_folder(exp, layers), tuple(dict.fromkeys(tests))
    _check(exp, home, dev, tests, folds)
    of = LayerOf(dev, tests, unchosen, folds)
    encoder = replace(read_system("this encoder", home, of), words=word_test.read_layers(exp / "synonymy"))
    decoded = read_sets(exp / "decode", (dev, *tests), "cer.tsv", Errors)
    return Results(
        tag=exp.resolve().name,
        dev=dev,
        tests=tests,
        encoder=encoder,
        choice=describe_choice(encoder, of),
        baselines=read_baselines(exp / "baselines", of.beside(encoder)),
        cer=decoded,
        exits=read_exits(exp / "early_exit", (dev, *tests), decoded),
        sources=read_sets(home / "control", tests, "pronunciation.tsv", IpaSource),
        explanations=explain.read(home / "explain", tests, data),
        joint=joint.read(exp, tests),
        probes=probes.read(home, tests),
        command=command,
        **_of_layer(exp, home, encoder, tests, data),
        **_run(exp, home),
    )


OF_SETS = ("retrieval", "decode", "early_exit", "control", "explain")
"""What of an experiment has a folder for each set."""


def scored_sets(exp: Path, *parts: str) -> list[str]:
    """The sets that have results in one of the folders ``parts`` of an experiment, by name."""
    return sorted({path.name for part in parts for path in (exp / part).glob("[!.]*/")})


def _check(exp: Path, home: Path, dev: str, tests: Sequence[str], folds: bool) -> None:
    """Raises `UserError` for what `read` names, so that no report of nothing takes the place of one of something.

    A development set needs scores of retrieval, wherever any set has them: a layer is chosen by nothing else.
    """
    experiments.check_there(exp)
    if dev in tests:
        raise UserError(
            f"--test {dev}: the layer is chosen on this set, so scores on it are no test: name another"
        )
    if dev and folds:
        raise UserError(
            f"--dev {dev}: chooses the layer, and so do folds: name no development set, or leave out folds"
        )
    if home != exp and not home.is_dir():
        beside = known_names(home.name, sorted(path.name for path in home.parent.glob("[!.]*/")))
        raise UserError(
            f"{home}: these layers were not scored by themselves: {beside}: run the stage measure"
        )
    known = scored_sets(home, *OF_SETS)
    able = scored_sets(home, "retrieval") or known
    for option, name, has in [("test", name, known) for name in tests] + [("dev", dev, able)] * bool(dev):
        if name not in has:
            advice = known_names(name, has) if has else "no set was scored there"
            raise UserError(
                f"--{option} {name}: no results of this set in {home}: {advice}: run the stage measure"
            )


def _of_layer(
    exp: Path, home: Path, encoder: System, tests: Sequence[str], data: Path | None
) -> dict[str, Any]:
    """The parts of `Results` that depend on the scores of the encoder."""
    scored = [name for name in tests if name in encoder.seqsim]
    return {
        "control": pronunciation_control.read(home / "control", tests, encoder.layer),
        "triples": word_test.read_triples(exp / "synonymy", encoder.layer),
        "intervals": _with_folds(intervals.read(home / "intervals", _means(encoder)), encoder.folded),
        "sentences": sentences.read(home / "retrieval", scored, encoder.layer, data),
        "speakers": read_sets(home / "retrieval_utt2spk", scored, "groups.tsv", Group),
        "kinds": {name: by_kind(home / "retrieval" / name, pairs) for name, pairs in encoder.seqsim.items()},
        "groups": {name: datadir.read_groups(data / name) for name in scored} if data else {},
        "spaces": {name: found for name in tests if data and (found := read_space(exp, data / name))},
    }


def _with_folds(
    found: Mapping[str, Mapping[str, Interval]], folded: Folded | None
) -> Mapping[str, Mapping[str, Interval]]:
    """The intervals of sets, and those of the result by folds."""
    if folded is None:
        return found
    layers = folded.folds.layers
    return {name: {**found.get(name, {}), layers: row} for name, row in folded.intervals.items()}


def _means(system: System) -> dict[str, dict[str, float]]:
    """Mean R@1 by set and layer."""
    return {
        name: {layer: mean.recall_at_1 for layer, mean in by_layer(pairs).items()}
        for name, pairs in system.seqsim.items()
    }


def _run(exp: Path, home: Path) -> dict[str, Any]:
    """How the results came to be: the training, or else this machine, for an encoder is scored where it is reported."""
    tables = [*home.glob("retrieval/*/pairs.tsv"), *home.glob("decode/*/cer.tsv")]
    trained = summary.read(exp)
    return {
        "history": history.read(exp),
        "train": trained or environment.here(),
        "taught": read_taught(exp, trained),
        "measured": max(map(environment.day_of, tables), default=""),
        "seconds": _read_seconds(exp / "times.tsv"),
    }


def _read_seconds(path: Path) -> dict[str, float]:
    seconds: dict[str, float] = {}
    for run in read_rows(path, StageTime):
        seconds[run.stage] = seconds.get(run.stage, 0.0) + run.seconds
    return seconds
