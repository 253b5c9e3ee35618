"""What a training run depends on, and what its model is to write down."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fangyan import config as configs
from fangyan.data import datadir
from fangyan.data.checks import check_data_directory
from fangyan.data.entries import locate_id
from fangyan.data.text import DEFAULT, NormalForm, normalise, removals
from fangyan.errors import DataError, UserError, known_names
from fangyan.files import fingerprint, produce, read_text, write_text
from fangyan.registry import ASR, task_name
from fangyan.training import sentencepieces

TARGETS = ("text_cmn", "text")
"""What the model writes down: the Mandarin wording or the variety's own."""


@dataclass(frozen=True)
class Run:
    """What a training run depends on. ``exp``: its folder; ``train``, ``dev``: data; ``tokens``: token list.

    ``init``: whose weights the encoder starts from (`training.initialise`); empty: random ones. ``text_form``: words
    of a `data.text.NormalForm`; empty: Han characters.
    """

    config: Path
    train: Path
    dev: Path
    tokens: Path
    target: str
    seed: int
    exp: Path
    init: str = ""
    text_form: str = ""

    @property
    def settings(self) -> dict[str, Any]:
        """What the configuration says; the default task is not in it, whether it is named or not."""
        settings = configs.compose(self.config)
        return {key: value for key, value in settings.items() if (key, value) != ("task", ASR)}

    @property
    def task(self) -> str:
        """The name of the training task."""
        return task_name(self.settings, self.config)

    @property
    def form(self) -> NormalForm:
        """The normal form of what the model writes down."""
        return NormalForm.parse(self.text_form)

    @property
    def stats(self) -> Path:
        """Lengths, mean and variance."""
        return self.exp / "stats"

    @property
    def vocabulary(self) -> list[str]:
        """The tokens, in ESPnet's order."""
        return read_text(self.tokens / "tokens.txt", "run the stage tokens first").split()

    @property
    def split(self) -> Callable[[str], Sequence[str]]:
        """What splits a text into its tokens: sentencepieces where the token list is made of such, or characters."""
        return sentencepieces.load_splitter(self.tokens / sentencepieces.MODEL)

    def sets(self) -> dict[str, Path]:
        """The data directories by ESPnet's name of their role."""
        return {"train": self.train, "valid": self.dev}


def targets(data: Path, target: str, form: NormalForm = DEFAULT) -> dict[str, str]:
    """Utterance id -> normalised ``target`` transcript, where anything of it remains (see `describe_transcripts`).

    They are no fault of the data: ``OK`` is a transcript, which only some forms keep. `DataError` where all are such.
    """
    file = transcripts(data, target)
    texts = datadir.read_map(file)
    normal = {key: normalise(text, form) for key, text in texts.items()}
    kept = {key: text for key, text in normal.items() if text}
    if not kept:
        lost = "; ".join(removals(texts, form)) or "they have no words"
        raise DataError(f"{file}: the text form keeps nothing of any transcript: {lost}")
    return kept


def transcripts(data: Path, target: str) -> Path:
    """The file of the ``target`` wording of a data directory; `UserError` for no such wording, or where it has none."""
    if target not in TARGETS:
        raise UserError(f"unknown target {target!r}: {known_names(target, TARGETS)}")
    check_data_directory(data)
    if not (data / target).is_file():
        raise DataError(
            f"{data / target}: no such file: this data directory has no such wording; where it had one before, Kaldi's "
            "and lhotse's tools do not copy it: copy it from the directory before"
        )
    return data / target


def empty_transcripts(texts: Mapping[str, str], form: NormalForm = DEFAULT) -> list[str]:
    """The ids of the transcripts of which a normal form leaves nothing."""
    return [key for key, text in texts.items() if not normalise(text, form)]


def describe_transcripts(file: Path, form: NormalForm = DEFAULT) -> list[str]:
    """What to tell of the transcripts in ``file``: of how many a form leaves nothing, and what it takes out of others.

    One line each; none where nothing is lost.
    """
    texts = datadir.read_map(file)
    empty = empty_transcripts(texts, form)
    lines = [f"{file}: {line}" for line in removals(texts, form)]
    if empty:
        lines.insert(
            0,
            f"{locate_id(file, empty[0])}: of {len(empty):,} of {len(texts):,} transcripts the normal form leaves "
            f"nothing, the first is {empty[0]} ({texts[empty[0]]}): they are neither learnt nor scored",
        )
    return lines


def write_tokens(
    data: Path,
    target: str,
    out: Path,
    form: NormalForm = DEFAULT,
    vocabulary: int = 0,
    texts: Sequence[Path] = (),
) -> bool:
    """Writes ``out/tokens.txt``, says whether it had to: the characters of a set, most frequent first.

    ``texts``: directories whose ``text`` is counted with them, such as those that the task pretrain learns from.
    With a ``vocabulary`` above 0 so many sentencepieces instead; their model is beside it. The space between two Latin
    words is the character ``<space>``, as ESPnet's tokeniser has it.
    """

    def build(folder: Path) -> None:
        known = [*targets(data, target, form).values()]
        known += (text for folder in texts for text in targets(folder, "text", form).values())
        tokens = sentencepieces.learn_pieces(known, vocabulary, folder) if vocabulary else _characters(known)
        write_text(folder / "tokens.txt", "\n".join(["<blank>", "<unk>", *tokens, "<sos/eos>"]) + "\n")

    inputs = {"text": fingerprint(transcripts(data, target)), "target": target} | form_inputs(form)
    if vocabulary:
        inputs["vocabulary"] = vocabulary
    if texts:
        inputs["texts"] = fingerprint(*(transcripts(folder, "text") for folder in texts))
    return produce(out, inputs, build)


def _characters(texts: Sequence[str]) -> list[str]:
    counts = Counter(char for text in texts for char in text)
    return [char.replace(" ", "<space>") for char in sorted(counts, key=lambda char: (-counts[char], char))]


def form_inputs(form: NormalForm) -> dict[str, str]:
    """What a form adds to the inputs that finished work is recognised by: what it says, and its tables."""
    return {"form": repr(form), "form_tables": fingerprint(*form.tables)}
