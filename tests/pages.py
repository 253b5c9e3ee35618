"""README, docs and the READMEs of recipes as tests read them: fenced blocks, commands, code in the text."""

import re
import shlex
import textwrap
from collections.abc import Iterator
from pathlib import Path

from fangyan.files import ROOT

DOCS = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
RECIPES = sorted(ROOT.glob("egs2/*/*1/README.md"))
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?:^    .*\n)+", re.MULTILINE)
OPERATORS = ";|&()<>"


def read(page: Path) -> str:
    """The text of a page."""
    return page.read_text(encoding="utf-8")


def fences(page: Path) -> list[tuple[str, str]]:
    """Language and text of each fenced block."""
    return FENCE.findall(read(page))


def blocks(page: Path) -> list[str]:
    """The blocks of commands: fenced ones, and runs of indented lines that begin with one of ours."""
    indented = map(textwrap.dedent, INDENTED.findall(FENCE.sub("", read(page))))
    fenced = [text for language, text in fences(page) if language == "bash" and not text.startswith("#!")]
    return fenced + [
        run for run in indented if re.match(r"(\./run\.sh|python -m fangyan|fangyan|make|cd)\b", run)
    ]


def inline(page: Path) -> list[str]:
    """What stands in back ticks in the text."""
    return [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", FENCE.sub("", read(page)))]


def links(page: Path) -> list[str]:
    """What a page links to."""
    return re.findall(r"\]\(([^)\s]+)\)", read(page))


def anchors(page: Path) -> set[str]:
    """What a link may name of a page: its headings, as GitHub writes them."""
    titles = re.findall(r"^#+ (.*)$", read(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def commands(block: str) -> Iterator[list[str]]:
    """The words of each simple command of a block of bash."""
    lines = (re.sub(r"(^|\s)#.*", "", line) for line in block.replace("\\\n", " ").split("\n"))
    lexer = shlex.shlex(" ; ".join(lines), posix=True, punctuation_chars=OPERATORS)
    lexer.whitespace_split, lexer.commenters, words = True, "", []
    for word in [*lexer, ";"]:
        if not word or not set(word) <= set(OPERATORS):
            words.append(word)
        elif words:
            yield words
            words = []
