"""What a folder of results holds of probes, read strictly: `fangyan.measure.probing` says what they mean."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fangyan.errors import DataError
from fangyan.measure.probing import Probe
from fangyan.report.read.joint import folders
from fangyan.tables import read_sets


@dataclass(frozen=True)
class Probes:
    """One label on one set, in the same folds: the rows of each side, of speech first, by layer, shallow first."""

    name: str
    label: str
    held_out: str
    features: str
    sides: Mapping[str, Sequence[Probe]]


def read(home: Path, sets: Sequence[str]) -> list[Probes]:
    """What there is of each of ``sets``, by label; `DataError` for malformed tables and a layer that is there twice."""
    found: dict[tuple[str, str, str, str], dict[str, list[Probe]]] = {}
    for folder in folders(home, "probe"):
        for name, rows in read_sets(folder, sets, "probe.tsv", Probe).items():
            for row in rows:
                sides = found.setdefault((name, row.label, row.held_out, row.features), {})
                layers = sides.setdefault(row.side, [])
                if row.layer in [other.layer for other in layers]:
                    where = folder / name / "probe.tsv"
                    raise DataError(f"{where}: one row a layer, got {row.layer} of {row.label} again")
                layers.append(row)
    return [
        Probes(*key, dict(sorted(sides.items(), key=_speech_first))) for key, sides in sorted(found.items())
    ]


def _speech_first(side: tuple[str, Sequence[Probe]]) -> tuple[bool, str]:
    name, _ = side
    return name != "speech", name
