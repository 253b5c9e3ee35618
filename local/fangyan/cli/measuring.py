"""Verbs on the alignment of varieties: features, retrieval, and what explains it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from fangyan.cli import choose_layer, cli, configuration, option, report_built, sets, shardable
from fangyan.errors import UserError
from fangyan.rounding import group_digits, percent
from fangyan.shards import Shard

layers_to_score = option(
    "layer",
    "layer to score (may be repeated; default: every dumped one); a+b concatenates two",
    str,
    multiple=True,
    default=(),
)


@cli.command()
@option(
    "encoder",
    "SPEC: espnet:<exp folder, model.zip or Hub id>, random:<the same>, hf:<Hub id or folder of transformers>, "
    "text:<Hub id or folder of sentence-transformers>, llm:<experiment, folder or Hub id of a model that reads "
    "units>, firered:<Hub id or folder of FireRedASR>, fbank, mfcc, or what a package adds",
    str,
)
@sets()
@option(
    "column",
    "with an encoder of text, or a model with a text side: the column of --data to read, such as text_cmn (each "
    "sentence once) or text (once for each variety)",
    str,
    default="",
)
@option("text_prefix", "put before each text (default: what the model's settings say)", str, default=None)
@option("layer", "layer to write (may be repeated; default: every one)", str, multiple=True, default=())
@option("out", "folder for <set>/<layer>/feats.{scp,ark}")
@shardable
def dump(
    encoder: str,
    data: tuple[Path, ...],
    column: str,
    text_prefix: str | None,
    layer: tuple[str, ...],
    out: Path,
    part: Shard,
) -> None:
    """Features of every layer of an encoder. Of recordings, or of a text column.

    \b
    Example: fangyan dump --encoder fbank --data data/test \\
      --out exp/fbank/feats
    """
    from fangyan.features import dump

    report_built(bool(dump.dump(encoder, data, out, part, column, text_prefix, layer)), out)


@cli.command()
@option("exp", "experiment folder: features in feats and baselines/NAME/feats, results beside them")
@option("encoder", "SPEC of its encoder, as for dump (default: that of EXP)", str, default="")
@option("baseline", "NAME=SPEC to compare with (may be repeated)", str, multiple=True, default=())
@sets()
@option(
    "layer",
    "layer to score (may be repeated; default: every dumped one); a+b concatenates two; results of some layers go to "
    "EXP/layers/NAMES",
    str,
    multiple=True,
    default=(),
)
@configuration("measures", "list of measurements (YAML)", default=Path("conf/measure.yaml"))
@option("also", "measurement to add to the list (may be repeated)", str, multiple=True, default=())
@option("set", "MEASUREMENT.OPTION=VALUE beats the list (may be repeated)", str, multiple=True, default=())
@shardable
def measure(
    exp: Path,
    encoder: str,
    baseline: tuple[str, ...],
    data: tuple[Path, ...],
    layer: tuple[str, ...],
    measures: Path,
    also: tuple[str, ...],
    set: tuple[str, ...],
    part: Shard,
) -> None:
    """All that a list of measurements says. Of an encoder and of its baselines.

    \b
    Example: fangyan measure --exp exp/a --baseline fbank=fbank --data \\
      data/test
    """
    from fangyan import measure
    from fangyan.encoders.families import spec_of

    measurements = measure.plan.read(measures, also, set)
    model = measure.Subject(exp, encoder or spec_of(exp), layer)
    baselines = [measure.baseline(exp, words) for words in baseline]
    outs = []
    for out, built in measure.measure(measurements, model, baselines, data, part):
        report_built(built, out)
        outs.append(out)
    print_recalls({str(out.relative_to(exp)): out for out in outs}, [path.name for path in data])


def print_recalls(folders: Mapping[str, Path], names: Sequence[str]) -> None:
    """Prints a table of R@1 of the folders of retrievals, by what each is called there; of others it tells nothing."""
    from fangyan.measure.selection import recall_table

    if lines := recall_table(folders, names):
        click.echo(f"\nR@1 in percent, mean over the pairs of varieties\n{lines}")


@cli.command()
@option("feats", "folder of dumped features, <set>/<layer>/feats.scp")
@sets()
@option(
    "score",
    "seqsim (F1 over frames), its precision or recall, pooled (cosine of mean frames), dtw",
    str,
    default="seqsim",
)
@option(
    "normalise", "what is done to the frames of a variety first: none, centre, whiten", str, default="none"
)
@layers_to_score
@option(
    "against",
    "folder of dumped features of a text column, retrieved from and searched in as well (may be repeated); "
    "--layer 'a|b' is then layer a of --feats and b of this, whose default is the last",
    multiple=True,
    default=(),
)
@option("column", "text column of each --against (default: as its dump says)", str, multiple=True, default=())
@option("sentences", "column whose equal values are translations, such as labels", str, default="utt2sent")
@option("by", "column of sides, such as utt2spk: speakers, also two of one variety", str, default="utt2lang")
@option("out", "folder for <set>/{pairs,groups,ranks}.tsv")
@shardable
def retrieve(feats, data, score, normalise, layer, against, column, sentences, by, out, part) -> None:
    """Retrieval between the varieties of a set, and with texts.

    \b
    Example: fangyan retrieve --feats exp/a/feats --data data/test \\
      --out exp/a/retrieval
    """
    from fangyan.measure import retrieval

    if column and len(column) != len(against):
        raise UserError(f"--column: one for each --against, got {len(column)} for {len(against)}")
    texts = list(zip(against, column or [""] * len(against), strict=True))
    report_built(
        bool(retrieval.retrieve(feats, data, out, score, normalise, layer, part, texts, sentences, by)), out
    )
    print_recalls({out.name: out}, [path.name for path in data])


@cli.command()
@option("retrieval", "folder of retrieve, <set>/ranks.tsv")
@option("set", "name of a set (may be repeated)", str, multiple=True)
@option("out", "folder for <set>/intervals.tsv")
def intervals(retrieval: Path, set: tuple[str, ...], out: Path) -> None:
    """95 % bootstrap intervals of the means of each layer. The bootstrap is over sentences (and sites).

    \b
    Example: fangyan intervals --retrieval exp/a/retrieval --set test \\
      --out exp/a/intervals
    """
    from fangyan.measure import significance

    report_built(bool(significance.intervals(retrieval, set, out)), out)


@cli.command()
@option("a", "a set's folder of retrieve (with ranks.tsv)")
@option("layer_a", "its layer", str)
@option("b", "the folder it is compared with (may be the same)")
@option("layer_b", "its layer", str)
def significance(a: Path, layer_a: str, b: Path, layer_b: str) -> None:
    """Whether two systems or layers differ on the same queries. Difference of mean R@1, interval and p-value.

    \b
    Example: fangyan significance --a exp/a/retrieval/test --layer_a norm \\
      --b exp/b/retrieval/test --layer_b norm
    """
    from fangyan.measure import significance

    found = significance.paired_test(a, layer_a, b, layer_b)
    click.echo(
        f"R@1 {percent(found.a)} and {percent(found.b)} %, difference {percent(found.difference, '+')} "
        f"(95 %: {percent(found.low, '+')} to {percent(found.high, '+')}), p = {found.p:.4g}; "
        f"n = {found.n:,}, {group_digits(found.clusters)}, chance {percent(found.chance)} %"
    )


@cli.command()
@option("feats", "folder of dumped features, <set>/<layer>/feats.scp")
@sets("data directory with utt2ipa, or text to read (may be repeated)")
@option("score", "seqsim (F1 over frames) or pooled (cosine of mean frames)", str, default="seqsim")
@option("quantile", "0 to 1, how strict: the larger, the fewer queries are kept", float, default=0.05)
@layers_to_score
@option("out", "folder for <set>/{controlled,bins}.tsv")
def control(
    feats: Path, data: tuple[Path, ...], score: str, quantile: float, layer: tuple[str, ...], out: Path
) -> None:
    """R@1 on the queries that phonetic distance gets wrong. Is it meaning that aligns, or do cognates sound alike?

    \b
    Example: fangyan control --feats exp/a/feats --data data/test \\
      --out exp/a/control
    """
    from fangyan.measure import pronunciation_control

    report_built(bool(pronunciation_control.control(feats, data, out, score, quantile, layer)), out)


@cli.command()
@option("encoder", "SPEC of an encoder", str)
@option("out", "folder for {layers,words}.tsv")
def synonymy(encoder: str, out: Path) -> None:
    """Whether words are nearer to synonyms or to what sounds alike. Synonyms in other varieties, layer by layer.

    \b
    Example: fangyan synonymy --encoder espnet:exp/a --out exp/a/synonymy
    """
    from fangyan.measure import word_test

    report_built(word_test.synonymy(encoder, out), out)


@cli.command()
@option("encoder", "SPEC, as for dump", str)
@sets()
@option("query", "utterance id; with --target: explain this pair", str, default="")
@option("target", "utterance id", str, default="")
@option("feats", "folder of dumped features: explain the most telling pairs of each set", default=None)
@option("count", "with --feats: so many hits and as many misses", int, default=4)
@option(
    "layer",
    "layer of the encoder (default: the one chosen on --dev, or of a pair the recommended one; else the last)",
    str,
    default="",
)
@option("dev", "the development set's folder of retrieve, to choose the layer by", default=None)
@option(
    "retrieval", "without one: the folder of retrieve, to take the layer that the report shows", default=None
)
@choose_layer
@option("wording", "transcript to align: text_cmn or text (default: what the model writes)", str, default="")
@option("out", "folder for <query>--<target>/, or with --feats for <set>/")
def explain(encoder, data, query, target, feats, count, layer, dev, retrieval, folds, wording, out) -> None:
    """Why two utterances are alike: frames, matches, characters.

    \b
    Example: fangyan explain --encoder espnet:exp/a --data data/test \\
      --query yue-m6-s0864 --target cmn-f4-s0864 --out exp/a/explain
    """
    from fangyan.measure import explain

    if bool(query and target) == bool(feats):
        raise UserError("name --query and --target to explain a pair, or --feats to have telling ones chosen")
    layer = layer or _layer_to_explain(encoder, dev, retrieval, [one.name for one in data], folds)
    if feats:
        built = bool(explain.explain_telling(encoder, feats, data, out, count, layer, wording))
    else:
        built = explain.explain(encoder, data, query, target, out, layer, wording)
    report_built(built, out)


def _layer_to_explain(
    encoder: str, dev: Path | None, retrieval: Path | None, sets: Sequence[str], folds: bool
) -> str:
    """The layer that nobody asked for, told on stderr with the reason; empty: the recommended one, else the last."""
    from fangyan.encoders import recommended
    from fangyan.encoders.choice import Choice
    from fangyan.features.at_layer import report_choice
    from fangyan.measure.folds import layer_of_report
    from fangyan.measure.selection import chosen_on

    if dev:
        choice = Choice(chosen_on(dev), f"chosen on {dev.name}")
    elif retrieval:
        shown = layer_of_report(retrieval, sets, recommended(encoder).layer, folds)
        choice = Choice(shown, "as the report shows")
    else:
        choice = recommended(encoder)
    report_choice(encoder, choice)
    return choice.layer
