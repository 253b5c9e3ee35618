"""The character error rate by variety: (substitutions + deletions + insertions) / reference characters.

Reference and hypothesis are both brought to one `text.NormalForm` first, that in which the model learnt to write; what
is a character in it counts as one: a Latin letter, the space between two Latin words.
"""

import json
from pathlib import Path

from fangyan import datadir
from fangyan.errors import DataError
from fangyan.files import DONE, is_done, read_text, write_table
from fangyan.text import DEFAULT, NormalForm, normalise

COLUMNS = ("variety", "sentences", "characters", "errors", "cer")
EXITS = ("layer", *COLUMNS)


def score(decoded: Path, data: Path, target: str, form: NormalForm = DEFAULT) -> list[dict]:
    """One row a variety and one for all of them, also written to ``decoded/cer.tsv`` (``cer`` a fraction)."""
    rows = error_rates(decoded, data, target, form)
    write_table(decoded / "cer.tsv", rows, COLUMNS)
    return rows


def score_exits(exits: Path, whole: Path, data: Path, target: str, form: NormalForm = DEFAULT) -> list[dict]:
    """The rows of `error_rates` for each ``exits/<layer>``, then for the whole model as ``norm``: ``exits/cer.tsv``.

    ``whole``: the folder that the whole model was decoded to; `DataError` for a layer of another model than that.
    """
    folders = {path.parent.name: path.parent for path in sorted(exits.glob("[!.]*/text"))}
    if not folders:
        raise DataError(f"{exits}: no <layer>/text there; run decode with --exit_layer first")
    decoded = json.loads(read_text(whole / DONE, "run the stage decode first"))
    for layer, folder in folders.items():
        if not is_done(folder, decoded | {"layer": layer}):
            raise DataError(
                f"{folder}: must be of the same model, settings and data as {whole}: decode it again or remove it"
            )
    rows = [
        {"layer": layer} | row
        for layer, folder in (folders | {"norm": whole}).items()
        for row in error_rates(folder, data, target, form)
    ]
    write_table(exits / "cer.tsv", rows, EXITS)
    return rows


def error_rates(decoded: Path, data: Path, target: str, form: NormalForm = DEFAULT) -> list[dict]:
    """One row a variety and one for all of them; `DataError` where ``decoded/text`` lacks an utterance."""
    hypotheses = _hypotheses(decoded / "text")
    references = datadir.read_map(data / target)
    for key in references:
        if key not in hypotheses:
            raise DataError(
                f"{decoded / 'text'}: a line for every utterance of {data / target}, got none for {key}"
            )
    varieties = datadir.read_map(data / "utt2lang")
    rows = []
    for name in [*sorted(set(varieties.values())), "all"]:
        keys = [key for key in references if name in (varieties[key], "all")]
        pairs = [references[k] for k in keys], [hypotheses[k] for k in keys]
        rows.append({"variety": name} | error_rate(*pairs, form))
    return rows


def error_rate(references: list[str], hypotheses: list[str], form: NormalForm = DEFAULT) -> dict:
    """The number of sentences, reference characters and errors, and the rate, of normalised pairs (jiwer)."""
    import jiwer

    references = [normalise(text, form) for text in references]
    if not all(references):
        raise DataError("a reference has Han characters, or what else its form keeps, got one without any")
    counts = jiwer.process_characters(references, [normalise(text, form) for text in hypotheses])
    errors = counts.substitutions + counts.deletions + counts.insertions
    characters = counts.hits + counts.substitutions + counts.deletions
    return {
        "sentences": len(references),
        "characters": characters,
        "errors": errors,
        "cer": errors / characters,
    }


def _hypotheses(path: Path) -> dict[str, str]:
    """Utterance id -> text; unlike a transcript, a hypothesis may be empty."""
    lines = read_text(path, "run the stage decode first").splitlines()
    return {key: text for key, _, text in (line.partition(" ") for line in lines)}
