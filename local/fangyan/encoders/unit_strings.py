"""What a language model reads of an utterance or a text: a prefix of variety and modality, then the content.

    [yue][speech]<u17><u803><u5>      an utterance, as its units
    [cmn][text]学生什么时候去机场        a text

The prefixes and the units are tokens of the model's extended vocabulary, one each (after Gomez et al. 2024, arXiv
2404.01616: a prefix of language and modality in training and in use).
"""

from collections.abc import Iterable, Sequence

MODALITIES = ("speech", "text")
SPEECH, TEXT = (f"[{modality}]" for modality in MODALITIES)


def unit_tokens(k: int) -> list[str]:
    """The tokens of the units 0 to k - 1."""
    return [f"<u{unit}>" for unit in range(k)]


def prefix_tokens(varieties: Iterable[str]) -> list[str]:
    """The tokens of prefixes: those of the modalities, then one for each variety, sorted."""
    return [SPEECH, TEXT, *(f"[{variety}]" for variety in sorted(set(varieties)))]


def of_units(units: Sequence[int], variety: str = "") -> str:
    """What is read of an utterance; without a ``variety`` its prefix names the modality alone."""
    return _variety(variety) + SPEECH + "".join(f"<u{unit}>" for unit in units)


def of_text(text: str, variety: str = "") -> str:
    """What is read of a text."""
    return _variety(variety) + TEXT + text


def _variety(variety: str) -> str:
    return f"[{variety}]" if variety else ""
