"""Verbs on running a recipe: check its options, submit a command as a job of Slurm, see how far an experiment is."""

import sys
from pathlib import Path

import click

from fangyan.cli import cli, option


@cli.command()
@option("exp", "experiment folder")
@option("template", "the script that run.sh is of (default: emb.sh)", default=None)
@option("stage", "stage that is to run (may be repeated)", str, multiple=True, default=())
@click.argument(
    "options", nargs=-1, type=click.UNPROCESSED, help="NAME=VALUE of each option of run.sh, after --"
)
def check(exp: Path, template: Path | None, stage: tuple[str, ...], options: tuple[str, ...]) -> None:
    """What is wrong with the options of run.sh.

    It asks this in the recipe's folder before its first stage.

    \b
    Example: fangyan check --exp exp/a --stage train -- seed=1
    """
    from fangyan import recipes

    mistakes = recipes.mistakes(options, stage, exp, template or recipes.PIPELINE)
    for sentence in mistakes:
        click.echo(f"run.sh: {sentence}", err=True)
    sys.exit(2 if mistakes else 0)


@cli.command()
@option("kind", "class of job: cpu, gpu or train, described in conf/slurm.yaml", str)
@option("stage", "name of the stage, of its jobs and of the folder of their logs", str)
@option("exp", "experiment folder: scripts, logs and results go to log/<stage>/ there")
@option("shards", "so many array tasks, each with --shard I/N; then a job with --merge N", int, default=1)
@option("ngpu", "for training: GPUs of each node, a process each", int, default=None)
@option("num_nodes", "for training: nodes", int, default=1)
@click.option("--dry_run", is_flag=True, help="print the job scripts, submit nothing")
@click.option(
    "--no_wait", is_flag=True, help="submit and leave; the last job's id is the last word on stdout"
)
@option("after", "with --no_wait: id of the job that has to end well before", str, default="")
@click.argument(
    "command", nargs=-1, required=True, type=click.UNPROCESSED, help="command and its arguments, after --"
)
def submit(kind, stage, exp, shards, ngpu, num_nodes, dry_run, no_wait, after, command) -> None:
    """A command as a job of Slurm. It is waited for, its end explained, its exit code passed on.

    Results that others can be compared with: `submission`.

    \b
    Example: fangyan submit --kind gpu --stage bench --exp exp/a \\
      -- fangyan bench
    """
    from fangyan import cluster

    for job in cluster.jobs(kind, stage, exp / "log" / stage, command, shards, ngpu, num_nodes):
        if dry_run:
            click.echo(job.script)
        elif no_wait:
            after = cluster.submit(job, after, print_progress)
            click.echo(after)
        elif code := cluster.run(job, print_progress):
            sys.exit(code)


@cli.command()
@option("exp", "experiment folder")
@click.argument("stage", nargs=-1, required=True, help="stages, in order")
def status(exp: Path, stage: tuple[str, ...]) -> None:
    """How far an experiment is: its stages, jobs, times and sizes.

    \b
    Example: fangyan status --exp exp/a data train decode
    """
    from fangyan.cluster import status

    stages = status.status(exp, stage)
    owner = status.owner(exp)
    click.echo(f"{exp}: {'in use by ' + owner if owner else 'no run is in progress'}")
    click.echo(status.table(stages))


def print_progress(sentence: str) -> None:
    """Says it on stderr, beside the progress of other stages."""
    click.echo(sentence, err=True)
