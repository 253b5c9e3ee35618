"""The model card: front matter for the Hugging Face Hub, then what people want to know, as README.md."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from fangyan.corpora.common.licences import Corpus, describe
from fangyan.data.sources import UNKNOWN, Origin
from fangyan.data.varieties import varieties
from fangyan.encoders import llm_files
from fangyan.encoders.carrying import portable_name
from fangyan.encoders.choice import JOINT
from fangyan.encoders.families import spec_of
from fangyan.encoders.llm_files import Dual
from fangyan.encoders.unit_model import UnitModel
from fangyan.errors import UserError
from fangyan.measure.selection import by_layer
from fangyan.publish import learned, limits, rights
from fangyan.report.read import results
from fangyan.report.read.results import Results
from fangyan.report.render import tables
from fangyan.report.render.tables import Table, label
from fangyan.report.sections import cer
from fangyan.rounding import decimals, percent
from fangyan.training import summary

NAME = "README.md"
TAGS = (
    "espnet",
    "audio",
    "speech-encoder",
    "speech-to-speech-retrieval",
    "automatic-speech-recognition",
    "sinitic",
)
TAGS_OF_UNITS = ("audio", "speech-encoder", "speech-to-text-retrieval", "discrete-units", "sinitic")
HUB_ID = re.compile(r"[\w-][\w.-]*/[\w.-]+(@.+)?")
PLACE = "model.zip"
"""Where a card says that the model lies, until it is published."""


@dataclass(frozen=True)
class Facts:
    """All that a card is made of."""

    experiment: Results
    origins: Sequence[Origin]
    corpora: Sequence[Corpus]

    units: UnitModel | None = None
    """Those that it reads recordings as, of a language model that does."""
    dual: Dual | None = None
    """What such a model says of itself."""

    @property
    def layer(self) -> str:
        """The layer to compare utterances at; empty where none was chosen."""
        return self.experiment.encoder.layer or ""

    def named(self, name: str) -> str:
        """A test set as the world may know it: with its corpus, where all data is of one."""
        known = [corpus.name for corpus in self.corpora]
        return f"{known[0]} {name}" if len(known) == 1 and self.origins[0].corpus else name


def read(exp: Path) -> Facts:
    """What an experiment folder tells: its results, on all sets that were scored, and what it was trained on."""
    train = exp / summary.NAME
    if not train.exists():
        raise UserError(f"{exp}: no trained ESPnet model there: run ./run.sh --stage train")
    facts = summary.read(exp)
    retrieved = results.scored_sets(exp, "retrieval")
    dev = facts.get("dev_set", "") if facts.get("dev_set", "") in retrieved else ""
    tests = [name for name in results.scored_sets(exp, "retrieval", "decode") if name != facts.get("dev_set")]
    origins = summary.origins(facts)
    names = sorted({origin.corpus for origin in learned.origins(spec_of(exp))}) or [UNKNOWN]
    facts = Facts(results.read(exp, dev, tests), origins, [describe(name) for name in names])
    if not spec_of(exp).startswith("llm:"):
        return facts
    folder = llm_files.locate(f"{exp}")
    return replace(facts, units=llm_files.units(folder), dual=llm_files.read(folder))


def write(facts: Facts, repository: str = "", permission: str = "") -> str:
    """The card of a model that lies in a repository of the Hub, or else where it was packed."""
    experiment, units = facts.experiment, facts.units
    template = _templates().get_template("dual.md" if units else NAME)
    return template.render(
        front=_front_matter(facts, repository),
        title=repository.partition("/")[2] or experiment.tag,
        place=repository or ("packed" if units else PLACE),
        facts=facts,
        train=experiment.train,
        layer=facts.layer or (JOINT if units else "norm"),
        started=_started(experiment.train),
        units=units,
        dual=facts.dual,
        encoder=units and portable_name(units.encoder),
        carried=units and Path(units.encoder.partition(":")[2] or "-").exists(),
        taught=experiment.taught,
        headline=tables.headline(experiment),
        tables=[*_tables(experiment)],
        origins=_origins(facts.origins),
        limits=limits.sentences(experiment, facts.origins),
        licence=rights.licence_text(facts.corpora).strip(),
        permission=permission,
    )


def _tables(experiment: Results) -> list[Table]:
    layers = [
        tables.layers(experiment, name) for name in experiment.tests if name in experiment.encoder.seqsim
    ]
    return layers + [cer.varieties(experiment, name) for name in experiment.tests if name in experiment.cer]


def _origins(origins: Sequence[Origin]) -> Table:
    """Hours of training data by corpus and variety."""
    rows = [
        (
            o.corpus or "unknown",
            label(o.variety),
            decimals(o.hours, 2),
            f"{o.utterances:,}",
            f"{o.speakers:,}",
        )
        for o in origins
    ]
    total = decimals(sum(o.hours for o in origins), 2), f"{sum(o.utterances for o in origins):,}", ""
    header = ("corpus", "variety", "hours", "utterances", "speakers")
    return Table("Training data", "", header, (*rows, ("all", "", *total)), text_columns=2)


def _front_matter(facts: Facts, repository: str) -> str:
    """The YAML that the Hub reads."""
    from huggingface_hub import ModelCardData

    known = varieties()
    spoken = [known[o.variety].iso for o in facts.origins if o.variety in known]
    data = ModelCardData(
        language=list(dict.fromkeys(spoken)) or None,
        **rights.front_matter(facts.corpora),
        library_name="sentence-transformers" if facts.units else "espnet",
        pipeline_tag="feature-extraction",
        tags=list(TAGS_OF_UNITS if facts.units else TAGS),
        datasets=sorted({dataset for corpus in facts.corpora for dataset in corpus.datasets}) or None,
        base_model=_ancestor(facts.experiment.train),
        model_name=repository.partition("/")[2] or facts.experiment.tag,
        eval_results=_evaluations(facts) or None,
    )
    return data.to_yaml()


def _started(train: Mapping[str, Any]) -> str:
    """What training began from; of a path the last part."""
    return portable_name(str(train.get("init", ""))) or "not recorded"


def _ancestor(train: dict[str, Any]) -> str | None:
    """The Hub id of the model that training began from, if it did from one."""
    source = str(train.get("init", "")).removeprefix("espnet:")
    return source.partition("@")[0] if HUB_ID.fullmatch(source) and not Path(source).exists() else None


def _evaluations(facts: Facts) -> list:
    """R@1 and CER of every test set, in percent, as the Hub lists them."""
    from huggingface_hub import EvalResult

    experiment, found = facts.experiment, []
    for name in experiment.tests:
        where = {"dataset_type": facts.named(name).replace(" ", "/"), "dataset_name": facts.named(name)}
        mean = by_layer(experiment.encoder.seqsim.get(name, ())).get(facts.layer)
        if mean:
            metric = {"metric_type": "recall_at_1", "metric_name": f"R@1, SeqSim of {facts.layer}"}
            value = float(percent(mean.recall_at_1))
            found.append(EvalResult(task_type="feature-extraction", metric_value=value, **where, **metric))
        if name in experiment.cer:
            value = float(tables.total_cer(experiment, name))
            metric = {"metric_type": "cer", "metric_name": "CER"}
            found.append(
                EvalResult(task_type="automatic-speech-recognition", metric_value=value, **where, **metric)
            )
    return found


def _escaped(text: str) -> str:
    return "\n".join(map(tables.escape, text.split("\n")))


def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"escape_md": tables.escape, "escape_lines": _escaped, "table": tables.markdown}
    return environment
