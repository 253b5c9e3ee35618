"""The character error rate by variety: (substitutions + deletions + insertions) / reference characters.

Reference and hypothesis are both brought to the one normal form of `text.normalise` first.
"""

from pathlib import Path

from fangyan import datadir
from fangyan.errors import DataError
from fangyan.files import read_text, write_table
from fangyan.text import normalise

COLUMNS = ("variety", "sentences", "characters", "errors", "cer")


def score(decoded: Path, data: Path, target: str) -> list[dict]:
    """One row a variety and one for all of them, also written to ``decoded/cer.tsv`` (``cer`` a fraction)."""
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
        rows.append(
            {"variety": name} | error_rate([references[k] for k in keys], [hypotheses[k] for k in keys])
        )
    write_table(decoded / "cer.tsv", rows, COLUMNS)
    return rows


def error_rate(references: list[str], hypotheses: list[str]) -> dict:
    """The number of sentences, reference characters and errors, and the rate, of normalised pairs (jiwer)."""
    import jiwer

    references = [normalise(text) for text in references]
    if not all(references):
        raise DataError("a reference has Han characters, got one without any")
    counts = jiwer.process_characters(references, [normalise(text) for text in hypotheses])
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
