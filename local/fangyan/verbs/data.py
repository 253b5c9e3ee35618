"""Verbs on corpora and data directories."""

from pathlib import Path

from fangyan.verbs import cli, option


@cli.command()
@option("corpus", "name of a module in fangyan.corpora", str)
@option("corpus_dir", "where the corpus lies (for mini_sinitic: where it is generated)", default=None)
@option("out", "folder of the data directories", default=Path("data"))
@option("nj", "parallel jobs", int, default=1)
@option("limit", "only the first so many sentences of each set (0: all)", int, default=0)
@option(
    "corpus_option",
    "NAME=VALUE, what the corpus lets one choose (may be repeated)",
    str,
    multiple=True,
    default=(),
)
def data(
    corpus: str, corpus_dir: Path | None, out: Path, nj: int, limit: int, corpus_option: tuple[str, ...]
) -> None:
    """Kaldi data directories of a corpus."""
    from fangyan.corpora import options, prepare

    prepare(corpus, corpus_dir, out, nj, limit, **options(corpus, corpus_option))
