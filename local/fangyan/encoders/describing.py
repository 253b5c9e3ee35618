"""Encoders as text: which SPECs there are, and the facts of some, for a terminal or as a table in Markdown."""

from collections.abc import Sequence
from math import inf

from fangyan import terminal
from fangyan.encoders import REGISTRY
from fangyan.encoders.facts import Facts
from fangyan.encoders.families import FAMILIES
from fangyan.rounding import NONE, data_size

UNKNOWN, LATER = "?", "known when its weights are here"
"""In the place of what only the weights can tell, in a table and in a line."""
COLUMNS = (
    "SPEC",
    "type",
    "layers",
    "frames/s",
    "width",
    "parameters",
    "weights",
    "licence",
    "batches",
    "at once",
)
FULL = {"weights": "files"}
"""What a line says instead of a column."""
NUMBERS = ("frames/s", "width", "parameters", "weights", "at once")


def list_forms() -> str:
    """A line for each family of encoders: an example of its SPEC, and what that names."""
    others = [(name, f"of the package {REGISTRY.package(name)}") for name in REGISTRY.installed()]
    rows = [(of.example, of.what) for of in FAMILIES.values()]
    return terminal.table(("SPEC, such as", "what it names"), [*rows, *others])


def describe(spec: str, facts: Facts) -> str:
    """The facts of an encoder, a line each, below its SPEC."""
    cells = dict(zip(COLUMNS[1:], _cells(spec, facts)[1:], strict=True))
    cells["weights"] = _files(facts)
    cells["compare at"] = facts.recommended or NONE
    told = {name: LATER if cell == UNKNOWN else cell for name, cell in cells.items() if cell != NONE}
    return "\n".join([spec, *(f"  {FULL.get(name, name):10}  {cell}" for name, cell in told.items())])


def markdown(rows: Sequence[tuple[str, Facts]]) -> str:
    """The facts of several encoders, each with its SPEC, as a table of a row each."""
    rule = ["---:" if name in NUMBERS else "---" for name in COLUMNS]
    lines = [COLUMNS, rule, *(_cells(f"`{spec}`", facts) for spec, facts in rows)]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


def _cells(spec: str, facts: Facts) -> list[str]:
    """What stands under `COLUMNS`; a dash for what it has not."""
    text = facts.modality == "text"
    return [
        spec,
        f"{facts.model_type}, of texts" if text else facts.model_type,
        span(facts.layers),
        NONE if text else _known(facts.frame_rate, "{:.4g}"),
        _known(facts.width, "{:,}"),
        NONE if facts.parameters == 0 else _known(facts.parameters and facts.parameters / 1e6, "{:,.1f} M"),
        data_size(sum(facts.files.sizes[name] for name in facts.files.weights))
        if facts.files.weights
        else NONE,
        facts.licence or ("not said" if facts.files.sizes else NONE),
        {True: "any lengths", False: "equal lengths", None: UNKNOWN}[facts.batched],
        _known(facts.longest, "any" if facts.longest == inf else "{:.3g} tokens" if text else "{:.3g} s"),
    ]


def span(names: Sequence[str]) -> str:
    """``layer00 to layer12, norm`` for the layers of that name; what only the weights can tell for none."""
    blocks = [name for name in names if name.startswith("layer")]
    ends = [f"{blocks[0]} to {blocks[-1]}"] if len(blocks) > 2 else blocks
    return ", ".join([*ends, *(name for name in names if name not in blocks)]) or UNKNOWN


def _known(value: float | None, form: str) -> str:
    return UNKNOWN if value is None else form.format(value)


def _files(facts: Facts) -> str:
    """How large the files are, and what of them is to be downloaded."""
    files = facts.files
    if not files.sizes:
        return NONE
    weights = "" if files.weights else ", without weights"
    size = f"{data_size(sum(files.sizes.values()))} in {len(files.sizes)} file{'s' * (len(files.sizes) > 1)}{weights}"
    if files.silence:
        return f"{size}, in the cache; what else there is the Hub did not say ({files.silence})"
    absent = f"to be downloaded {data_size(facts.download)}: {', '.join(files.absent)}"
    return f"{size}, {absent if files.absent else 'all here'}"
