"""What a search found, as HTML for the page: hits, picture, and the sentence that says what scores mean."""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from urllib.parse import quote

import matplotlib
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from fangyan.data.datadir import Utterance
from fangyan.data.varieties import varieties
from fangyan.demo.library import Library, Query
from fangyan.demo.trial import Trial
from fangyan.measure.explain.comparison import FrameComparison
from fangyan.measure.explain.figure import similarity
from fangyan.rounding import decimals, percent
from fangyan.search import Hit
from fangyan.style import PAPER, STYLE

TEMPLATES = Path(__file__).parent / "templates"


def name(code: str) -> str:
    """``Cantonese 粤语``; an unknown code stands for itself."""
    known = varieties().get(code)
    return f"{known.english} {known.chinese}" if known else code


def transcript(utterance: Utterance) -> str:
    """What is said, in the best words that the data has."""
    return utterance.text or utterance.text_cmn or utterance.id


def source(utterance: Utterance) -> str:
    """Where the page serves the recording."""
    return f"gradio_api/file={quote(str(Path(utterance.wav).absolute()))}"


@dataclass(frozen=True)
class VarietyHits:
    """What was found in a variety, the best first, of which ``count`` are shown.

    ``asked``: the utterance of the data that the query is, if it is one; ``trial``: what right answers score, if known.
    """

    variety: str
    ranked: Sequence[Hit]
    count: int
    asked: Utterance | None = None
    trial: Trial | None = None

    def is_right(self, hit: Hit) -> bool:
        """Whether a hit is known to say what was asked."""
        return self.asked is not None and self.asked.sentence == hit.entry.sentence

    def is_low(self, hit: Hit) -> bool:
        """Whether three of four right answers score more."""
        return self.trial is not None and hit.f1 < self.trial.right[0]

    @property
    def right_rank(self) -> int | None:
        """At which rank, from 1, the right answer comes; None where nobody says it, or nobody knows what is right."""
        return next((n for n, hit in enumerate(self.ranked, 1) if self.is_right(hit)), None)

    @property
    def lists(self) -> Iterator[tuple[str, int, Sequence[Hit]]]:
        """The hits shown, in lists of one kind: what is said above a list, the rank of its first hit, its hits."""
        shown = self.ranked[: self.count]
        high = sum(not self.is_low(hit) for hit in shown)
        yield "", 1, shown[:high]
        yield BELOW, high + 1, shown[high:]
        rank = self.right_rank
        if rank and rank > self.count:
            yield (
                f"The same sentence comes at rank {rank:,} of {len(self.ranked):,}",
                rank,
                [self.ranked[rank - 1]],
            )


BELOW = "Below what right answers score"


def hits(query: Query, found: Sequence[VarietyHits], asked: Utterance | None, shown: str) -> str:
    """The hits of each variety.

    ``asked``: the utterance of the data that the query is, if it is one: the hits that say the same are marked.
    ``shown``: the id of the hit whose picture is shown.
    """
    content = {"query": query, "found": found, "asked": asked, "shown": shown}
    return _template("hits.html").render(content, name=name, wording=transcript, source=source)


def picture(found: FrameComparison, frame_rate: float, title: str) -> str:
    """The cosines of all frames of two utterances, as in `fangyan.measure.explain`."""
    buffer = BytesIO()
    with matplotlib.rc_context(STYLE):
        similarity(found, frame_rate, title).savefig(buffer, format="png", dpi=200, facecolor=PAPER)
    uri = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    return _template("picture.html").render(uri=uri, title=title)


def meaning(library: Library) -> str:
    """What a score of this encoder on this data means."""
    return _template("meaning.html").render(library=library, trial=library.trial)


def welcome(library: Library) -> str:
    """What there is to be found, before anything is asked."""
    sentences = {utterance.sentence for utterance in library.utterances.values()}
    spoken = ", ".join(map(name, library.varieties))
    return message(
        f"Here are {len(library.utterances):,} recordings of {len(sentences):,} sentences, in {spoken}. "
        "What is found stands here, with the picture of why beside it."
    )


def message(text: str) -> str:
    """``text`` in the place of hits."""
    return Markup('<p class="message">{}</p>').format(text)


@cache
def _template(file: str) -> Template:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"decimals": decimals, "percent": percent}
    return environment.get_template(file)
