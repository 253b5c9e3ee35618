"""Verbs on discrete units: learn them from a layer of an encoder, write them down for data directories."""

from pathlib import Path

import click

from fangyan.cli import cli, configuration, option, report_built, shardable
from fangyan.rounding import decimals
from fangyan.shards import Shard


@cli.command()
@option("encoder", "SPEC: espnet:<exp folder, model.zip or Hub id>, hf:<Hub id or folder>, mfcc, ...", str)
@option("layer", "layer of the encoder", str)
@option("data", "data directory to learn from (may be repeated)", multiple=True)
@option("k", "number of units", click.IntRange(2), default=500)
@option("seed", "random seed", click.IntRange(0, 2**31 - 1), default=1)
@option("frames", "frames to learn from, at most", click.IntRange(2), default=500_000)
@click.option("--merged", is_flag=True, help="runs of a unit are written as one")
@option("out", "folder of the model of units")
def kmeans(
    encoder: str, layer: str, data: tuple[Path, ...], k: int, seed: int, frames: int, merged: bool, out: Path
) -> None:
    """A model of k discrete units of speech, by k-means on a layer.

    Every speaker gives as many frames, where there is speech enough.

    \b
    Example: fangyan kmeans --encoder espnet:exp/a --layer layer04 \\
      --data data/train --k 500 --out exp/units/layer04_k500
    """
    from fangyan.units import kmeans

    report_built(kmeans.kmeans(encoder, layer, list(dict.fromkeys(data)), k, out, seed, frames, merged), out)


@cli.command("phone_units")
@option("encoder", "SPEC: espnet:<exp folder, model.zip or Hub id>, hf:<Hub id or folder>, mfcc, ...", str)
@option("layer", "layer of the encoder", str)
@option("data", "data directory with transcripts (may be repeated)", multiple=True)
@option("seed", "random seed", click.IntRange(0, 2**31 - 1), default=1)
@option("frames", "frames to learn from, at most", click.IntRange(1), default=200_000)
@option("out", "folder of the model of units")
def phone_units(encoder: str, layer: str, data: tuple[Path, ...], seed: int, frames: int, out: Path) -> None:
    """A model of units that are phones, from transcripts.

    A linear classifier on a layer, by CTC and forced alignment. Phones are those of the pronunciation
    dictionaries, or of utt2ipa.

    \b
    Example: fangyan phone_units --encoder espnet:exp/a --layer layer01 \\
      --data data/train --out exp/units/phones
    """
    from fangyan.units import phone_units

    report_built(phone_units.phone_units(encoder, layer, list(dict.fromkeys(data)), out, seed, frames), out)


@cli.command()
@option("units", "folder of the model of units")
@option("data", "data directory (may be repeated)", multiple=True)
@option("column", "name of the column", str, default="units")
@shardable
def units(units: Path, data: tuple[Path, ...], column: str, part: Shard) -> None:
    """The column of units of data directories, one for each frame.

    \b
    Example: fangyan units --units exp/units/layer04_k500 --data data/train \\
      --data data/dev
    """
    from fangyan.units import assign

    for folder in dict.fromkeys(data):
        report_built(bool(assign.assign(units, [folder], column, part)), folder / column)


@cli.command("text_to_unit")
@option("phones", "folder of a model of units that are phones")
@option("units", "folder of a model of hidden units")
@option("data", "data directory with transcripts and the column (may be repeated)", multiple=True)
@option("column", "the column of these units", str, default="units")
@configuration("config", "YAML file of sizes and training", default="conf/text_to_unit.yaml")
@option("seed", "random seed", click.IntRange(0, 2**31 - 1), default=1)
@option("out", "folder of the network")
def text_to_unit(
    phones: Path, units: Path, data: tuple[Path, ...], column: str, config: Path, seed: int, out: Path
) -> None:
    """A network that turns texts into hidden units.

    \b
    Example: fangyan text_to_unit --phones exp/units/phones --units exp/units/a \\
      --data data/train --out exp/units/a_of_texts
    """
    from fangyan.units import text_to_unit

    sets = list(dict.fromkeys(data))
    report_built(text_to_unit.text_to_unit(phones, units, sets, column, config, out, seed), out)


@cli.command("text_units")
@option("units", "folder of a model of units: phones, or with --model hidden ones")
@option("model", "folder of text_to_unit, for hidden units", default=None)
@option("data", "data directory (may be repeated)", multiple=True)
@option("column", "what is read", click.Choice(["text", "text_cmn"]), default="text")
@option(
    "durations",
    "how long phones last (default: measured; with --model as it says)",
    click.Choice(["measured", "published"]),
    default=None,
)
@option("seed", "random seed", click.IntRange(0, 2**31 - 1), default=1)
@option("out", "directory of texts")
def text_units(
    units: Path,
    model: Path | None,
    data: tuple[Path, ...],
    column: str,
    durations: str | None,
    seed: int,
    out: Path,
) -> None:
    """A directory of texts with their units, as if they were spoken.

    Phones of the pronunciation dictionaries, each repeated as long as it lasts: as it was aligned in the
    speech that the units are learnt from, or as published for SpeechLM.

    \b
    Example: fangyan text_units --units exp/units/phones --data data/train \\
      --column text_cmn --out data/texts
    """
    from fangyan.errors import UserError
    from fangyan.units import text_units

    if model and durations:
        raise UserError(
            f"--durations {durations}: with --model the network says how long units last: leave one out"
        )
    sets, kind = list(dict.fromkeys(data)), durations or text_units.MEASURED
    report_built(text_units.text_units(units, sets, column, out, kind, seed, model), out)


@cli.command("unit_report")
@option("units", "folder of a model of units (may be repeated)", multiple=True)
@option("data", "data directory with varieties; with sentences and speakers it says more")
@option("align", "model that says where each character is: espnet:<exp folder>", str, default="")
@option("phones", "folder of a model of phone_units, which says where each phone is", default=None)
@option("out", "folder for units.tsv")
def unit_report(units: tuple[Path, ...], data: Path, align: str, phones: Path | None, out: Path) -> None:
    """What units tell of words, varieties and speakers, by model.

    Use of the codebook, leakage of variety and speaker, likeness of translations, with --align purity of characters
    and with --phones of phones: a row for each model of units, each figure beside what it is by chance.

    \b
    Example: fangyan unit_report --units exp/units/layer04_k500 --data data/dev \\
      --align espnet:exp/a --out exp/units/report
    """
    from fangyan.measure.units import NAME, UnitRow, report
    from fangyan.tables import read_rows

    report_built(report(list(dict.fromkeys(units)), data, out, align, phones), out / NAME)
    for row in read_rows(out / NAME, UnitRow):
        words = [f"{row.units}: perplexity {decimals(row.perplexity, 1)} of {row.k:,}"]
        for label in ("variety", "speaker", "character", "phone"):
            if (nmi := getattr(row, f"{label}_nmi")) is not None:
                chance = decimals(getattr(row, f"{label}_chance"), 3)
                words.append(f"{label} {decimals(nmi, 3)} (by chance {chance})")
        if row.found is not None:
            words.append(f"translations found {decimals(row.found, 3)} (by chance 0.5)")
        click.echo(", ".join(words))
