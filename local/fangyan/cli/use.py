"""Verbs that use a model: transcripts and features of recordings, likeness of two, search among many."""

import sys
from pathlib import Path

import click

from fangyan.cli import cli, configuration, on_terminal, option
from fangyan.errors import UserError, shown
from fangyan.rounding import decimals, percent

SPEC = (
    "espnet:<exp folder, model.zip or Hub id>, hf:<Hub id or folder of transformers>, llm:<experiment, folder or Hub "
    "id>, fbank, mfcc, ..."
)

layer = option(
    "layer",
    "layer of the encoder; a+b concatenates two (default: the one chosen on dev, or by its makers, else the last)",
    str,
    default="",
)


typed = option(
    "text",
    "in place of recordings a sentence, where the model has a text side (may be repeated)",
    str,
    multiple=True,
    default=(),
)


def inputs(name: str, needed: bool = True):
    """The recordings that a verb works on."""
    text, of_type = "audio files, folders of them, Kaldi data directories", click.Path(path_type=Path)
    return click.argument(
        name, nargs=-1, required=needed, type=of_type, metavar=f"{name.upper()}...", help=text
    )


def check_one_kind(recordings: object, texts: object) -> None:
    """`UserError` unless either recordings are given, or texts."""
    if bool(recordings) == bool(texts):
        given = "both" if recordings else "neither"
        raise UserError(f"recordings are to be named, or sentences to be typed with --text, got {given}")


@cli.command()
@click.argument(
    "spec", nargs=-1, metavar="[SPEC]...", help="encoders; without any: which forms of SPEC there are"
)
@click.option("--markdown", is_flag=True, help="One table, a row each.")
def encoders(spec: tuple[str, ...], markdown: bool) -> None:
    """What an encoder is, before its weights are fetched or read.

    Layers, frames a second, width, parameters, files and what of them is to be downloaded, the licence that its card
    says, whether utterances of unlike length are encoded together, and how much it takes at once.

    \b
    Example: fangyan encoders hf:openai/whisper-small fbank
    """
    from fangyan.encoders import describing

    if not spec:
        if markdown:
            raise UserError(
                "--markdown is a table of encoders that are named: fangyan encoders SPEC ... --markdown"
            )
        click.echo(describing.list_forms())
        return
    from fangyan.encoders.facts import facts

    if markdown:
        click.echo(describing.markdown([(name, facts(name)) for name in spec]))
    else:
        for name in spec:
            click.echo(describing.describe(name, facts(name)))


@cli.command()
@inputs("audio")
@option("model", "a model that was trained to write: espnet:<exp folder, model.zip or Hub id>", str)
@configuration("config", "decoding configuration (YAML)", default=Path("conf/decode.yaml"))
def transcribe(audio: tuple[Path, ...], model: str, config: Path) -> None:
    """What a trained model writes of recordings, a line each.

    It writes what it was trained to write, whatever variety is spoken: Mandarin (target text_cmn), or the variety's own
    words (target text). In a pipe a line is path, tab, text.

    \b
    Example: fangyan transcribe a.wav --model espnet:exp/a
    """
    from fangyan.recognition.transcribing import transcribe

    found = transcribe(model, audio, config)
    names = {key: shown(key) for key in found}
    width = max(map(len, names.values()))
    for key, text in found.items():
        click.echo(f"{names[key]:{width}}  {text}" if sys.stdout.isatty() else f"{names[key]}\t{text}")


@cli.command()
@inputs("audio", needed=False)
@typed
@option("lines", "a file of such sentences, one a line", default=None)
@option("encoder", f"SPEC: {SPEC}", str)
@layer
@option(
    "pool",
    "mean: one (d,) vector a recording, its mean frame, not L2-normalised (default: all its frames)",
    str,
    default="",
)
@option("out", "FILE.npz, or FILE.ark with FILE.scp beside it")
def embed(
    audio: tuple[Path, ...],
    text: tuple[str, ...],
    lines: Path | None,
    encoder: str,
    layer: str,
    pool: str,
    out: Path,
) -> None:
    """Frames of recordings, (T, d) by utterance id or path. Every layer of a data directory: `dump`.

    Of typed sentences, by an encoder of text or by a model that was trained towards one: (1, d), by the sentence.

    \b
    Example: fangyan embed a.wav recordings/ --encoder espnet:exp/a \\
      --out frames.npz
    """
    from fangyan.features import embedding

    check_one_kind(audio, text or lines)
    if audio:
        embedding.embed(encoder, audio, out, layer, pool)
    else:
        embedding.embed_texts(encoder, embedding.read_texts(text, lines), out, layer, pool)
    click.echo(f"{out}: written")


@cli.command()
@click.argument("a", type=click.Path(path_type=Path), help="an audio file")
@click.argument("b", type=click.Path(path_type=Path), help="another")
@option("encoder", f"SPEC: {SPEC}", str)
@layer
def compare(a: Path, b: Path, encoder: str, layer: str) -> None:
    """How alike two recordings are: SeqSim, cosine of mean frames.

    \b
    Example: fangyan compare a.wav b.wav --encoder espnet:exp/a
    """
    from fangyan.features.layers import layer_name
    from fangyan.measure import likeness

    at, found = likeness.compare_recordings(encoder, a, b, layer)
    scores = (found.precision, found.recall, found.f1, found.pooled)
    precision, recall, f1, pooled = (decimals(score, 4) for score in scores)
    of_a, of_b = found.frames
    click.echo(
        f"SeqSim precision {precision}, recall {recall}, F1 {f1}; cosine of the mean frames {pooled}; "
        f"{layer_name(at)}, {of_a:,} and {of_b:,} frames"
    )


@cli.command()
@inputs("audio")
@option("index", "folder of the index: a new one, or one to add to")
@option("encoder", f"SPEC, for a new index: {SPEC}", str, default="")
@layer
@option(
    "frames",
    "for a new index, how it keeps frames: f16, int8 (half of that), pq (an eighth), pool:N (an N-th) (default: f16)",
    str,
    default="",
)
def index(audio: tuple[Path, ...], index: Path, encoder: str, layer: str, frames: str) -> None:
    """An index of recordings to search. Frames stay on disk; what is there already is skipped.

    \b
    Example: fangyan index recordings/ --index my_index --encoder espnet:exp/a
    """
    from fangyan.search.building import LEFT_OUT, add

    added = add(index, audio, encoder, layer, frames)
    left_out = f", {len(added.left_out):,} left out (listed in {index / LEFT_OUT})" if added.left_out else ""
    click.echo(f"{index}: {added.new:,} recordings added, {added.known:,} were there{left_out}")


@cli.command("export_index")
@option("index", "folder of the index")
@option("to", "parquet, or a folder of plaid or qdrant", str, default="parquet")
@option("out", "what is written: FILE.parquet, else a folder")
def export_index(index: Path, to: str, out: Path) -> None:
    """An index as other programs read it: a table, PLAID, Qdrant.

    Parquet is a row a recording with its mean and frames. PLAID and Qdrant search by MaxSim: the precision of SeqSim
    times the frames of the query.

    \b
    Example: fangyan export_index --index my_index --to qdrant \\
      --out my_index.qdrant
    """
    from fangyan.search.export import export

    click.echo(f"{out}: {export(index, out, to):,} recordings")


@cli.command("join_indexes")
@click.argument(
    "parts", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PART...", help="indexes"
)
@option("index", "folder of the index that they are added to, or that they make")
def join_indexes(parts: tuple[Path, ...], index: Path) -> None:
    """Indexes copied together, as when each machine made one.

    Of one encoder, layer and form of frames. What is there already is skipped, and nothing is encoded again.

    \b
    Example: fangyan join_indexes part1 part2 --index whole
    """
    from fangyan.search.joining import join

    added = join(index, parts)
    click.echo(f"{index}: {added.new:,} recordings added, {added.known:,} were there")


@cli.command("index_forms")
@inputs("query")
@option("index", "folder of an index in half precision")
@option("frames", "a form to compare with (may be repeated)", str, multiple=True, default=())
@option("encoder", "SPEC of the index's encoder, where it lies elsewhere by now", str, default="")
def index_forms(query: tuple[Path, ...], index: Path, frames: tuple[str, ...], encoder: str) -> None:
    """What an index takes and loses in each form of --frames.

    The queries are data directories with utt2lang and text_cmn. A line a form: bytes of frames a recording; the time
    of a search as a ratio to f16; the share of queries whose best recording of another variety says the same in
    Mandarin; and of those whose best one is that of f16. It stores the index again in each form, below $TMPDIR.

    \b
    Example: fangyan index_forms data/test --index my_index
    """
    from fangyan.search import form_losses

    rows = form_losses.compare(index, query, frames or form_losses.COMPARED, encoder)
    click.echo("frames\tbytes\ttime\tr1\tsame_best")
    for row in rows:
        numbers = (decimals(row.bytes, 0), decimals(row.time, 2), percent(row.r1), percent(row.same_best))
        click.echo("\t".join((row.frames, *numbers)))


@cli.command()
@inputs("query", needed=False)
@typed
@option("index", "folder of the index")
@option("top", "hits to show", click.IntRange(1), default=10)
@option(
    "cut",
    "recordings that a first cut by mean frames leaves for SeqSim to rank",
    click.IntRange(1),
    default=500,
)
@option("variety", "find only recordings of this one (may be repeated)", str, multiple=True, default=())
@option("encoder", "SPEC of the index's encoder, where it lies elsewhere by now", str, default="")
def search(
    query: tuple[Path, ...],
    text: tuple[str, ...],
    index: Path,
    top: int,
    cut: int,
    variety: tuple[str, ...],
    encoder: str,
) -> None:
    """The recordings of an index that say what a query says.

    The query is a recording; or with --text a sentence in Mandarin, of an index of the layer joint. Best first. On a
    terminal a short table without the query itself; in a pipe or a file all that is known, separated by tabs.

    \b
    Example: fangyan search a.wav --index my_index --top 5
    """
    from fangyan.features.embedding import read_texts
    from fangyan.search import listing, search, search_texts

    check_one_kind(query, text)
    readers = on_terminal()
    if query:
        found = search(index, query, top, cut, variety, encoder, distinct=readers)
    else:
        found = search_texts(index, [*read_texts(text)], top, variety, encoder, distinct=readers)
    for line in listing.for_readers(found) if readers else listing.tab_separated(found):
        click.echo(line)
