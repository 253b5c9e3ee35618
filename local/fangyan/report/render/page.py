"""Content as a self-contained HTML page and as Markdown, by the two templates, with its pictures as PNG."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from fangyan.files import write_text
from fangyan.report.render import tables
from fangyan.report.render.blocks import Hero, Image, Picture, Section
from fangyan.report.render.tables import Table


@dataclass(frozen=True)
class Page:
    """What stands on a page, from top to bottom."""

    title: str
    headline: Table
    heroes: Sequence[Hero]
    remarks: Sequence[str]
    sections: Sequence[Section]


def write(page: Page, html: Path, markdown: Path) -> None:
    """Writes ``page`` to ``html`` and to ``markdown``, its pictures to ``images/`` beside these."""
    for section in page.sections:
        for block in section.blocks:
            if isinstance(block, Picture | Image):
                block.save(markdown.parent / "images" / f"{block.name}.png")
    templates = _templates()
    content = vars(page) | {"contrast": tables.CONTRAST}
    write_text(html, templates.get_template("report.html").render(content))
    write_text(markdown, templates.get_template("RESULTS.md").render(content))


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
