"""The report of an experiment: RESULTS.md, one self-contained HTML page, figures as PNG, and matrices of groups."""

from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from fangyan.files import read_text, write_text
from fangyan.report import matrices, results, tables
from fangyan.report.blocks import Image, Picture
from fangyan.report.sections import heroes, remarks, sections

__all__ = ["headline", "report"]


def report(exp: Path, dev: str, test: Sequence[str], command: str = "", data: Path | None = None) -> Path:
    """The path of ``exp/RESULTS.md``; beside it ``report.html``, ``images/*.png`` and ``tables/*.groups.*``.

    ``dev`` is the set on which the layer is chosen (empty: none is), ``test`` the sets that are reported;
    ``command`` is quoted as the way to the numbers; ``data``, the folder of the data directories, gives the wording of
    sentences and the groups of varieties.
    Raises `UserError` and `DataError` as `results.read` does; parts that are missing are named in the report.
    """
    experiment = results.read(exp, dev, test, command, data)
    content = {
        "tag": experiment.tag,
        "headline": tables.headline(experiment),
        "heroes": heroes(experiment),
        "remarks": remarks(experiment),
        "sections": sections(experiment),
        "contrast": tables.CONTRAST,
    }
    for section in content["sections"]:
        for block in section.blocks:
            if isinstance(block, Picture | Image):
                block.save(exp / "images" / f"{block.name}.png")
    matrices.write(experiment, exp / "tables")
    templates = _templates()
    write_text(exp / "report.html", templates.get_template("report.html").render(content))
    write_text(exp / "RESULTS.md", templates.get_template("RESULTS.md").render(content))
    return exp / "RESULTS.md"


def headline(path: Path) -> str:
    """The head of a written RESULTS.md: title, remarks and one row of scores a test set."""
    return read_text(path).partition("\n## ")[0].strip()


def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=lambda name: name == "report.html",
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "escape_md": tables.escape,
        "table": tables.markdown,
    }
    return environment
