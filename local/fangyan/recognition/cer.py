"""The character error rate by variety: (substitutions + deletions + insertions) / reference characters.

Reference and hypothesis are both brought to one `data.text.NormalForm` first, that in which the model learnt to write;
what is a character in it counts as one: a Latin letter, the space between two Latin words. A reference of which the
form leaves nothing (``OK``, ``100``, ``(Applause)``) has no rate: it is left out with its hypothesis, counted and
listed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fangyan.data import datadir
from fangyan.data.checks import needed
from fangyan.data.entries import check_ids, locate_id
from fangyan.data.text import DEFAULT, NormalForm, normalise, removals
from fangyan.environment import record_day
from fangyan.errors import DataError
from fangyan.files import is_done, made_from, write_table
from fangyan.tables import Amount, Count, Total, write_rows
from fangyan.training.run import describe_transcripts, empty_transcripts, transcripts

ALL_VARIETIES = "all"
"""The variety of the row that sums the others up."""
WHOLE_MODEL = "norm"
"""The exit layer that is the whole model: its encoder ends with the final norm."""
UNSCORED = ".unscored.tsv"


@dataclass(frozen=True)
class Errors:
    """A row of ``cer.tsv``: the errors in those sentences of a variety that can be scored; the others are left out."""

    variety: str
    sentences: Count
    characters: Count
    errors: Total
    cer: Amount  # a fraction; more insertions than characters make it exceed 1
    left_out: Total = field(default=0, compare=False)


@dataclass(frozen=True)
class _Layer:
    layer: str


@dataclass(frozen=True)
class Exit(Errors, _Layer):
    """A row of the ``cer.tsv`` of early exit: what was decoded from a layer of the encoder."""


@dataclass(frozen=True)
class References:
    """The references of a data directory by id, all with a variety, and the ids that have nothing to be scored."""

    file: Path
    texts: Mapping[str, str]
    varieties: Mapping[str, str]
    unscored: frozenset[str]

    @classmethod
    def read(cls, data: Path, target: str, form: NormalForm) -> "References":
        """Those of ``data/target``; `DataError` where ``utt2lang`` has other ids, or where nothing can be scored."""
        file, languages = transcripts(data, target), needed(data, "utt2lang")
        texts, varieties = datadir.read_map(file), datadir.read_map(languages)
        check_ids(languages, varieties, file, texts)
        unscored = empty_transcripts(texts, form)
        if len(unscored) == len(texts):
            first = f", the first: {texts[unscored[0]]!r}" if unscored else ""
            raise DataError(
                f"{file}: some reference has Han characters, or what else its form keeps, got none in "
                f"{len(texts)} lines{first}: choose another --text_form or --target"
            )
        return cls(file, texts, varieties, frozenset(unscored))

    def of(self, variety: str) -> list[str]:
        """The ids of a variety; `ALL_VARIETIES`: of all varieties."""
        return [key for key in self.texts if variety in (self.varieties[key], ALL_VARIETIES)]


def score(decoded: Path, data: Path, target: str, form: NormalForm = DEFAULT) -> list[Errors]:
    """One row a variety and one for all of them, also written to ``decoded/cer.tsv``.

    ``decoded/.unscored.tsv`` lists the sentences that cannot be scored.
    """
    references = References.read(data, target, form)
    rows = error_rates(decoded, references, form)
    write_rows(decoded / "cer.tsv", rows, Errors)
    record_day(decoded / "cer.tsv")
    unscored = [
        {"id": key, "place": locate_id(references.file, key), "reference": references.texts[key]}
        for key in sorted(references.unscored)
    ]
    if unscored:
        write_table(decoded / UNSCORED, unscored, tuple(unscored[0]))
    else:
        (decoded / UNSCORED).unlink(missing_ok=True)
    return rows


def score_exits(exits: Path, whole: Path, data: Path, target: str, form: NormalForm = DEFAULT) -> list[Exit]:
    """The rows of `error_rates` for each ``exits/<layer>``, then for the `WHOLE_MODEL`: ``exits/cer.tsv``.

    ``whole``: the folder that the whole model was decoded to; `DataError` for a layer of another model than that.
    """
    folders = {path.parent.name: path.parent for path in sorted(exits.glob("[!.]*/text"))}
    if not folders:
        raise DataError(f"{exits}: no <layer>/text there; run decode with --exit_layer first")
    if (decoded := made_from(whole)) is None:
        raise DataError(f"{whole}: not decoded, or not all of it is there: run the stage decode first")
    for layer, folder in folders.items():
        if not is_done(folder, decoded | {"layer": layer}):
            raise DataError(
                f"{folder}: must be of the same model, settings and data as {whole}: decode it again or remove it"
            )
    references = References.read(data, target, form)
    rows = [
        Exit(layer, **vars(row))
        for layer, folder in (folders | {WHOLE_MODEL: whole}).items()
        for row in error_rates(folder, references, form)
    ]
    write_rows(exits / "cer.tsv", rows, Exit)
    return rows


def describe_removals(decoded: Path, data: Path, target: str, form: NormalForm = DEFAULT) -> list[str]:
    """What to tell of references and hypotheses before their rate is believed: what the form takes out, a line each."""
    text = decoded / "text"
    return describe_transcripts(data / target, form) + [
        f"{text}: {line}" for line in removals(read_hypotheses(text), form)
    ]


def error_rates(decoded: Path, references: References, form: NormalForm = DEFAULT) -> list[Errors]:
    """One row a variety of which something can be scored, and one for all of them.

    `DataError` where ``decoded/text`` has not exactly the utterances of the references.
    """
    hypotheses = read_hypotheses(decoded / "text")
    check_ids(references.file, references.texts, decoded / "text", hypotheses)
    rows = []
    for name in [*sorted(set(references.varieties.values())), ALL_VARIETIES]:
        keys = references.of(name)
        scored = [key for key in keys if key not in references.unscored]
        pairs = [references.texts[k] for k in scored], [hypotheses[k] for k in scored]
        if scored:
            rows.append(Errors(name, **error_rate(*pairs, form), left_out=len(keys) - len(scored)))
    return rows


def error_rate(references: list[str], hypotheses: list[str], form: NormalForm = DEFAULT) -> dict:
    """The number of sentences, reference characters and errors, and the rate, of normalised pairs (jiwer)."""
    import jiwer

    normal = [normalise(text, form) for text in references]
    if not all(normal):
        rule = "a reference has Han characters, or what else its form keeps"
        raise DataError(f"{rule}, got none in {references[normal.index('')]!r}")
    counts = jiwer.process_characters(normal, [normalise(text, form) for text in hypotheses])
    errors = counts.substitutions + counts.deletions + counts.insertions
    characters = counts.hits + counts.substitutions + counts.deletions
    return {
        "sentences": len(references),
        "characters": characters,
        "errors": errors,
        "cer": errors / characters,
    }


def read_hypotheses(path: Path) -> dict[str, str]:
    """Utterance id -> text, as any Kaldi file in any order; unlike a transcript, a hypothesis may be empty."""
    if not path.exists():
        raise DataError(f"{path}: no such file: run the stage decode first")
    return datadir.read_map(path, strict=False)
