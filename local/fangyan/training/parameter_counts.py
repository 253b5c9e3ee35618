"""How large the model of a configuration is, and how many frames a second it has."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fangyan.encoders.espnet import frame_rate
from fangyan.rounding import decimals
from fangyan.training.espnet_task import sketch

COLUMNS = ("configuration", "encoder", "decoder", "CTC", "total", "frames/s")


def count_parameters(config: Path, vocabulary: int) -> dict[str, Any]:
    """The parameters of a configuration's model by part, and the frame rate of its encoder; no weights are made."""
    model = sketch(config, ["<blank>", "<unk>", *map(str, range(vocabulary - 3)), "<sos/eos>"])

    def count(part) -> int:
        return sum(p.numel() for p in part.parameters()) if part is not None else 0

    parts = (getattr(model, name, None) for name in ("encoder", "decoder", "ctc"))
    counts = (*map(count, parts), count(model))
    return dict(zip(COLUMNS, (config.stem, *counts, frame_rate(model)), strict=True))


def parameter_table(rows: Sequence[dict[str, Any]]) -> str:
    """`count_parameters` of several configurations as a Markdown table, parameters in millions."""

    def cells(row: dict[str, Any]) -> list[str]:
        return [
            row["configuration"],
            *(f"{decimals(row[name] / 1e6, 2)} M" for name in COLUMNS[1:5]),
            f"{row['frames/s']:g}",
        ]

    lines = [COLUMNS, ["---", *["---:"] * 5], *map(cells, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
