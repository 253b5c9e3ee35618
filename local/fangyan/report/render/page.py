"""Content as a self-contained HTML page and as Markdown, by the two templates, with its pictures as PNG."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

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
    date: str = ""  # a sentence
    command: str = ""  # that gives the numbers again
    html: str = "report.html"  # what it is called where it is more than Markdown can show


def markdown(page: Page, html: Path) -> str:
    """``page`` as Markdown, as it is to stand beside ``html``."""
    return _templates(html.parent).get_template("RESULTS.md").render(vars(page) | {"html": html.name})


def write(page: Page, html: Path, markdown_file: Path) -> None:
    """Writes ``page`` to ``html`` and to ``markdown_file``, its pictures to ``images/`` beside these."""
    for section in page.sections:
        for block in section.blocks:
            if isinstance(block, Picture | Image):
                block.save(markdown_file.parent / "images" / f"{block.name}.png")
    templates = _templates(html.parent)
    content = vars(page) | {"contrast": tables.CONTRAST}
    write_text(html, templates.get_template("report.html").render(content))
    write_text(markdown_file, markdown(page, html))


_SEGMENT = r"\w(?:[\w.-]*\w)?"
_PATH = re.compile(rf"(?<![\w./-]){_SEGMENT}(?:/{_SEGMENT})+/?")


def html_links(folder: Path, text: str) -> Markup:
    """``text`` for HTML, where each path in it that exists in ``folder`` is a link."""
    return Markup(_linked(folder, str(escape(text)), '<a href="{address}">{path}</a>'))


def markdown_links(folder: Path, text: str) -> str:
    """``text`` as plain words of Markdown, where each path in it that exists in ``folder`` is a link."""
    return _linked(folder, tables.escape(text), "[{path}]({address})")


def _linked(folder: Path, text: str, form: str) -> str:
    def link(found: re.Match) -> str:
        path = found[0]
        return form.format(address=quote(path), path=path) if (folder / path).exists() else path

    return _PATH.sub(link, text)


def _templates(folder: Path) -> Environment:
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
        "links": partial(html_links, folder),
        "links_md": partial(markdown_links, folder),
        "table": tables.markdown,
    }
    return environment
