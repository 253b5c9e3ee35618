"""Verbs on speech recognition: train an encoder with hybrid CTC/attention, and see what it recognises."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import click

from fangyan.cli import (
    cli,
    configuration,
    option,
    print_warnings,
    report_built,
    report_changes,
    sets,
    shardable,
)
from fangyan.rounding import percent
from fangyan.shards import Shard

text_form = option(
    "text_form",
    "normal form of transcripts, NAME=VALUE words out of latin digits script variants (latin=true digits=spoken)",
    str,
    default="",
)


def experiment(*more: Callable) -> Callable:
    """The options of a training run, handed over as one `training.Run`, and ``more`` options of the verb's own."""
    options = (
        configuration("config", "ESPnet training configuration (YAML)"),
        option("train", "training data directory"),
        option("dev", "development data directory"),
        option("tokens", "folder of tokens.txt"),
        option("target", "the wording to write down: text_cmn (Mandarin) or text (the variety's own)", str),
        option("seed", "random seed", click.IntRange(0, 2**32 - 1)),
        option("exp", "experiment folder"),
        option(
            "init",
            "weights the encoder starts from: a Whisper of the Hub or a folder, espnet:<model>",
            str,
            default="",
        ),
        text_form,
        *more,
    )

    def command(verb: Callable) -> Callable:
        def with_job(**values) -> None:
            from fangyan.training import Run

            job = Run(**{name: values.pop(name) for name in Run.__dataclass_fields__})
            verb(job, **values)

        with_job.__doc__ = verb.__doc__
        for decorate in reversed(options):
            with_job = decorate(with_job)
        return cli.command(verb.__name__)(with_job)

    return command


@cli.command()
@option("data", "training data directory")
@option("target", "text_cmn or text", str)
@option(
    "vocabulary",
    "so many sentencepieces instead of characters (0: characters)",
    click.IntRange(min=0),
    default=0,
)
@option("texts", "directory whose text is written as well (may be repeated)", multiple=True, default=())
@text_form
@option("out", "folder for tokens.txt")
def tokens(
    data: Path, target: str, vocabulary: int, texts: tuple[Path, ...], text_form: str, out: Path
) -> None:
    """The token list of a training set. What the text form leaves out of its transcripts is reported.

    \b
    Example: fangyan tokens --data data/train --target text_cmn \\
      --out data/tokens
    """
    from fangyan.data.text import NormalForm
    from fangyan.training import run

    form = NormalForm.parse(text_form)
    report_built(run.write_tokens(data, target, out, form, vocabulary, texts), out)
    print_warnings(run.describe_transcripts(data / target, form))


@cli.command()
@option("config", "ESPnet training configuration (YAML)")
@sets("data directory to teach on (may be repeated)")
def teach(config: Path, data: tuple[Path, ...]) -> None:
    """A teacher's vectors of the transcripts, for the task align.

    \b
    Example: fangyan teach --config conf/train/align.yaml \\
      --data data/train --data data/dev
    """
    from fangyan import config as configs
    from fangyan.training import teacher

    if not configs.compose(config).get("teacher"):
        click.echo(f"{config}: names no teacher, so there is nothing to do")
        return
    for folder in data:
        report_built(teacher.teach(config, folder), folder / teacher.COLUMN)


@experiment()
def stats(job) -> None:
    """Lengths, mean and variance of the training features.

    \b
    Example: fangyan stats --config conf/train/e_branchformer.yaml \\
      --train data/train --dev data/dev --tokens data/tokens --target text_cmn \\
      --seed 1 --exp exp/a
    """
    from fangyan.training import collect_stats, run

    report_built(collect_stats(job), job.stats)
    for data in job.sets().values():
        print_warnings(run.describe_transcripts(data / job.target, job.form))


@experiment(
    option(
        "ngpu",
        "GPUs of each node, a process on each; 0: the CPU (default: one if there is one)",
        click.IntRange(min=0),
        default=None,
    ),
    option(
        "num_nodes",
        "nodes to train on; srun or torchrun starts the processes there",
        click.IntRange(min=1),
        default=1,
    ),
)
def train(job, ngpu: int | None, num_nodes: int) -> None:
    """An encoder trained with hybrid CTC/attention. SIGUSR1 stops it (exit code 75); run again, it resumes.

    \b
    Example: fangyan train --config conf/train/e_branchformer.yaml \\
      --train data/train --dev data/dev --tokens data/tokens --target text_cmn \\
      --seed 1 --exp exp/a
    """
    from fangyan import training
    from fangyan.training.local_ranks import launch_ranks, missing_ranks
    from fangyan.training.ranks import launched_rank, this_rank

    if launched_rank(os.environ).world == 1 and training.is_trained(job):
        report_built(False, job.exp)
        return
    if count := missing_ranks(ngpu, num_nodes):
        sys.exit(launch_ranks([sys.executable, *sys.orig_argv[1:]], count))
    here = this_rank(ngpu, num_nodes)
    trained = training.train(job, here)
    if here.first:
        report_built(trained, job.exp)


@cli.command("train_dual")
@configuration("config", "configuration of the dual encoder (YAML)")
@option("train", "training data directory, with a column of units")
@option("dev", "development data directory, with a column of units")
@option("units", "folder of the model of units that the column is of")
@option("column", "the name of that column", str, default="units")
@option("seed", "random seed", click.IntRange(0, 2**32 - 1))
@option("exp", "experiment folder")
def train_dual(**values) -> None:
    """An LLM trained as dual encoder of units of speech and of text. Killed, it goes on when it is run again.

    \b
    Example: fangyan train_dual --config conf/train/dual.yaml --train data/train \\
      --dev data/dev --units exp/units --exp exp/a --seed 1
    """
    from fangyan.dual.run import DualRun, describe_cuts
    from fangyan.dual.train import train

    job = DualRun(**values)
    print_warnings(describe_cuts(job))
    report_built(train(job), job.exp)


@cli.command()
@configuration("config", "ESPnet training configuration (YAML; may be repeated)", multiple=True)
@option("vocabulary", "number of tokens", click.IntRange(min=1), default=5000)
def params(config: tuple[Path, ...], vocabulary: int) -> None:
    """Parameters and frame rates of the models of configurations.

    \b
    Example: fangyan params --config conf/train/e_branchformer.yaml
    """
    from fangyan.progress import track
    from fangyan.training.parameter_counts import count_parameters, parameter_table

    tracked = track(config, "params", "configurations")
    click.echo(parameter_table([count_parameters(path, vocabulary) for path in tracked]))


@cli.command()
@option("exp", "experiment folder, model.zip or Hub id", str)
@sets()
@configuration("config", "decoding configuration (YAML)")
@option(
    "exit_layer",
    "decode from this encoder layer instead of the last, layer01 ... or norm, into <set>/<layer> (may be repeated)",
    str,
    multiple=True,
    default=(),
)
@option("out", "folder for <set>/text")
@shardable
def decode(
    exp: str, data: tuple[Path, ...], config: Path, exit_layer: tuple[str, ...], out: Path, part: Shard
) -> None:
    """Hypotheses by joint CTC/attention beam search.

    \b
    Example: fangyan decode --exp exp/a --data data/test \\
      --config conf/decode.yaml --out exp/a/decode
    """
    from fangyan.recognition import decoding

    report_built(bool(decoding.decode(exp, data, config, out, exit_layer, part)), out)


@cli.command()
@option("decode", "folder of the hypotheses")
@option("data", "data directory")
@option("target", "text_cmn or text", str)
@option("exits", "folder of hypotheses by exit layer, <layer>/text: scored as well", default=None)
@text_form
def score(decode: Path, data: Path, target: str, exits: Path | None, text_form: str) -> None:
    """The character error rate of each variety and exit layer.

    \b
    Example: fangyan score --decode exp/a/decode/test --data data/test \\
      --target text_cmn
    """
    from fangyan.data.text import NormalForm
    from fangyan.recognition import cer

    form = NormalForm.parse(text_form)
    tables = [folder / "cer.tsv" for folder in (decode, exits) if folder]
    with report_changes(tables[0], lambda: tables):
        rows = cer.score(decode, data, target, form)
        for row in cer.score_exits(exits, decode, data, target, form) if exits else rows:
            place = f"{getattr(row, 'layer', '')} {row.variety:8}".lstrip()
            left_out = f"  ({row.left_out} left out)" if row.left_out else ""
            click.echo(f"{place} {row.sentences:5,} sentences  CER {percent(row.cer):>5} %{left_out}")
    print_warnings(cer.describe_removals(decode, data, target, form))
