"""The corpus or the mixture and the names of sets among the options of run.sh."""

from collections.abc import Iterator
from pathlib import Path

from fangyan.errors import UserError
from fangyan.recipes.options import Options, usage


def check_purpose(options: Options) -> None:
    """Whether there is an encoder to measure, or a set to train one with."""
    if _aimless(options):
        measured = ": name an encoder to measure, --encoder SPEC" if "encoder" in options.values else ""
        raise UserError(f"nothing is trained without --dev_set SET{measured}{_own_lines()}")


def check_set_names(options: Options) -> Iterator[str]:
    """Names of sets, of which nothing is known before they are prepared."""
    for name in ("train_set", "transcribed_set", "text_sets", "dev_set", "test_sets"):
        for word in options.words(name):
            if "/" in word:
                yield f"--{name} is a name in data/, got {word}: write {Path(word).name}"
        if not name.endswith("sets") and len(options.words(name)) > 1:
            yield f"--{name} is one set, got {options[name]!r}"


def check_corpus(options: Options) -> None:
    """The corpus, its options, and the folder in which it lies."""
    from fangyan import corpora

    if options["mixture"] or not options.runs("data"):
        return
    root = Path(options["corpus_dir"]) if options["corpus_dir"] else None
    corpora.options(options["corpus"], [word for word in options["corpus_options"].split(";") if word])
    try:
        corpora.check_root(options["corpus"], root)
    except UserError as error:
        asked = root is None and not _aimless(options)
        raise UserError(f"{error}{_own_lines() if asked else ''}") from None


def check_mixture(options: Options) -> None:
    """The mixture, and where its corpora lie."""
    from fangyan.corpora.mixture import plan

    if options["mixture"] and options.runs("data"):
        plan.find(plan.read(options.file("mixture")), Path("conf/corpora.yaml"))


def _aimless(options: Options) -> bool:
    """Whether there is neither an encoder nor what one would be chosen by."""
    return options.trains and not options["dev_set"] and bool({*options.stages} - {"data", "tokens"})


def _own_lines() -> str:
    """What the recipe says of itself, to be typed."""
    return "".join(f"\n  {line}" for line in usage())


RULES = (check_purpose, check_set_names, check_corpus, check_mixture)
