"""What stands in a written report: the tables of its Markdown, the tags and words of its page."""

import re
from html.parser import HTMLParser
from pathlib import Path


def rows(text: str, heading: str) -> list[list[str]]:
    """The cells of the rows of all Markdown tables below a heading, bold or not."""
    body = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in body.splitlines() if line.startswith("|") and not set(line) <= set("|-: ")]
    return [[cell.strip().strip("*") for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


class Page(HTMLParser):
    """Fails on tags that do not nest; gathers attributes, text and tags."""

    VOID = ("meta", "img", "link", "br", "hr")

    def __init__(self, path: Path):
        super().__init__()
        self.open, self.tags, self.attributes, self.text, self.classes = [], [], [], [], []
        self.feed(path.read_text(encoding="utf-8"))
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attributes]
        self.classes.append(dict(attributes).get("class"))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)
