"""What an experiment folder holds, read strictly; what it lacks is empty, never guessed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from fangyan import environment
from fangyan.data import datadir
from fangyan.encoders.choice import choose_layer
from fangyan.environment import StageTime
from fangyan.errors import DataError, UserError
from fangyan.ipa.dictionaries import IpaSource
from fangyan.measure import results_folder
from fangyan.measure.retrieval.tables import Group, Pair, check_pairs
from fangyan.measure.selection import by_layer
from fangyan.measure.significance import Interval
from fangyan.measure.word_test import Preference, WordPreference
from fangyan.recognition.cer import Errors, Exit
from fangyan.report.read import explain, intervals, pronunciation_control, sentences, word_test
from fangyan.report.read.cer import read_exits
from fangyan.report.read.explain import Explanation
from fangyan.report.read.pronunciation_control import Control
from fangyan.report.read.sentences import SentenceScore
from fangyan.tables import read_rows, read_sets
from fangyan.training import history, summary
from fangyan.training.history import Epoch


@dataclass(frozen=True)
class System:
    """The scores of one encoder by set, and its layer (None for several of which none was chosen)."""

    name: str
    layer: str | None
    seqsim: Mapping[str, Sequence[Pair]]
    pooled: Mapping[str, Sequence[Pair]]
    groups: Mapping[str, Sequence[Group]]
    words: Mapping[str, Preference]  # by layer


@dataclass(frozen=True)
class Results:
    """All that a report is made of."""

    tag: str
    dev: str
    tests: tuple[str, ...]
    encoder: System
    baselines: tuple[System, ...] = ()
    cer: Mapping[str, Sequence[Errors]] = field(default_factory=dict)
    exits: Mapping[str, Mapping[str, Sequence[Exit]]] = field(default_factory=dict)  # by set and layer
    history: Sequence[Epoch] = ()
    train: Mapping[str, Any] = field(default_factory=dict)  # train.json, or where it was scored
    control: Mapping[str, Control] = field(default_factory=dict)
    sources: Mapping[str, Sequence[IpaSource]] = field(default_factory=dict)  # of the IPA of a set
    triples: Sequence[WordPreference] = ()  # of the chosen layer, most for sound first
    explanations: Mapping[str, Sequence[Explanation]] = field(default_factory=dict)
    intervals: Mapping[str, Mapping[str, Interval]] = field(default_factory=dict)  # by set and layer
    sentences: Mapping[str, Sequence[SentenceScore]] = field(
        default_factory=dict
    )  # of the chosen layer, hardest first
    groups: Mapping[str, Mapping[str, str]] = field(
        default_factory=dict
    )  # variety -> group, where a set has its own
    command: str = ""
    measured: str = ""  # the day of the newest scores
    seconds: Mapping[str, float] = field(default_factory=dict)  # by stage, reruns added up

    @property
    def choice(self) -> str:
        """How the layer of the encoder came to be, in words that follow "the layer"."""
        return f"chosen on {self.dev}" if self.dev in self.encoder.seqsim else "scored alone"


BASELINES = {"random": "random weights", "fbank": "fbank", "mfcc": "MFCC"}
"""Folder of a baseline -> its name in tables, in their order; other folders follow under their own name."""


def read(
    exp: Path,
    dev: str,
    tests: Sequence[str],
    command: str = "",
    data: Path | None = None,
    layers: Sequence[str] = (),
) -> Results:
    """The results in ``exp`` on the development set (may be empty) and the test sets, of all layers or of ``layers``.

    ``data``: folder of the data directories, which know the wording of sentences and groups of varieties.
    Raises `UserError` for a missing folder, for a set without results, and for a development set that is also a test
    set; `DataError` for malformed files.
    """
    home, tests = results_folder(exp, layers), tuple(dict.fromkeys(tests))
    _check(exp, home, dev, tests)
    encoder = replace(
        _system("this encoder", home, dev, tests), words=word_test.read_layers(exp / "synonymy")
    )
    cer = read_sets(exp / "decode", (dev, *tests), "cer.tsv", Errors)
    scored = [name for name in tests if name in encoder.seqsim]
    return Results(
        tag=exp.resolve().name,
        dev=dev,
        tests=tests,
        encoder=encoder,
        baselines=_baselines(exp / "baselines", dev, tests),
        cer=cer,
        exits=read_exits(exp / "early_exit", (dev, *tests), cer),
        control=pronunciation_control.read(home / "control", tests, encoder.layer),
        sources=read_sets(home / "control", tests, "pronunciation.tsv", IpaSource),
        triples=word_test.read_triples(exp / "synonymy", encoder.layer),
        explanations=explain.read(home / "explain", tests, data),
        intervals=intervals.read(home / "intervals", _means(encoder)),
        sentences=sentences.read(home / "retrieval", scored, encoder.layer, data),
        groups={name: datadir.read_groups(data / name) for name in scored} if data else {},
        command=command,
        **_run(exp, home),
    )


OF_SETS = ("retrieval", "decode", "early_exit", "control", "explain")
"""What of an experiment has a folder for each set."""


def scored_sets(exp: Path, *parts: str) -> list[str]:
    """The sets that have results in one of the folders ``parts`` of an experiment, by name."""
    return sorted({path.name for part in parts for path in (exp / part).glob("[!.]*/")})


def _check(exp: Path, home: Path, dev: str, tests: Sequence[str]) -> None:
    """Raises `UserError` for what `read` names, so that no report of nothing takes the place of one of something.

    A development set needs scores of retrieval, wherever any set has them: a layer is chosen by nothing else.
    """
    if not exp.is_dir():
        raise UserError(f"{exp}: no such experiment folder: train, or score an encoder, first")
    if dev in tests:
        raise UserError(
            f"--test {dev}: the layer is chosen on this set, so scores on it are no test: name another"
        )
    known = scored_sets(home, *OF_SETS)
    able = scored_sets(home, "retrieval") or known
    for option, name, has in [("test", name, known) for name in tests] + [("dev", dev, able)] * bool(dev):
        if name not in has:
            advice = f"known are {', '.join(has)}" if has else "no set was scored there"
            raise UserError(
                f"--{option} {name}: no results of this set in {home}: {advice}: run the stage measure"
            )


def _baselines(folder: Path, dev: str, tests: Sequence[str]) -> tuple[System, ...]:
    folders = [path for path in sorted(folder.glob("[!.]*")) if path.is_dir()]
    known = list(BASELINES)
    folders.sort(key=lambda path: known.index(path.name) if path.name in known else len(known))
    return tuple(_system(BASELINES.get(path.name, path.name), path, dev, tests) for path in folders)


def _system(name: str, folder: Path, dev: str, tests: Sequence[str]) -> System:
    sets = (dev, *tests)
    seqsim = read_sets(folder / "retrieval", sets, "pairs.tsv", Pair)
    pooled = read_sets(folder / "retrieval_pooled", sets, "pairs.tsv", Pair)
    groups = read_sets(folder / "retrieval", sets, "groups.tsv", Group)
    for scores, sub in ((seqsim, "retrieval"), (pooled, "retrieval_pooled")):
        for set_name, pairs in scores.items():
            check_pairs(folder / sub / set_name / "pairs.tsv", pairs)
    layer = choose_layer(seqsim.get(dev, ())) or _only(seqsim)
    for set_name, pairs in seqsim.items():
        if layer and layer not in by_layer(pairs):
            path = folder / "retrieval" / set_name / "pairs.tsv"
            raise DataError(
                f"{path}: {dev} chose {layer}, got scores of {', '.join(by_layer(pairs))}: score it again"
            )
    return System(name, layer, seqsim, pooled, groups, word_test.read_layers(folder / "synonymy"))


def _only(scores: Mapping[str, Sequence[Pair]]) -> str | None:
    """The layer of all scores, where there is but one: it was chosen elsewhere, or is all there is."""
    layers = {pair.layer for pairs in scores.values() for pair in pairs}
    return layers.pop() if len(layers) == 1 else None


def _means(system: System) -> dict[str, dict[str, float]]:
    """Mean R@1 by set and layer."""
    return {
        name: {layer: mean.recall_at_1 for layer, mean in by_layer(pairs).items()}
        for name, pairs in system.seqsim.items()
    }


def _run(exp: Path, home: Path) -> dict[str, Any]:
    """How the results came to be: the training, or else this machine, for an encoder is scored where it is reported."""
    tables = [*home.glob("retrieval/*/pairs.tsv"), *home.glob("decode/*/cer.tsv")]
    newest = max((path.stat().st_mtime for path in tables), default=None)
    return {
        "history": history.read(exp),
        "train": summary.read(exp) or environment.here(),
        "measured": f"{date.fromtimestamp(newest)}" if newest else "",
        "seconds": _read_seconds(exp / "times.tsv"),
    }


def _read_seconds(path: Path) -> dict[str, float]:
    seconds: dict[str, float] = {}
    for run in read_rows(path, StageTime):
        seconds[run.stage] = seconds.get(run.stage, 0.0) + run.seconds
    return seconds
