"""The report of an experiment: RESULTS.md, one self-contained HTML page, figures as PNG, and matrices of groups."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from fangyan.data import datadir
from fangyan.files import DONE, is_done, read_text, stamp
from fangyan.files import made_from as was_made_from
from fangyan.measure import results_folder
from fangyan.progress import Progress
from fangyan.report import inputs, losses

if TYPE_CHECKING:
    from fangyan.report.read.results import Results
    from fangyan.report.render.page import Page

__all__ = ["Asked", "headline", "renew", "report"]

STAMP = ".reported"
"""The folder that says what a report was made from."""
RESULTS, PAGE = "RESULTS.md", "report.html"


@dataclass(frozen=True)
class Asked:
    """What a report is to be of: results of the experiment ``exp``, and how its command line asked for them."""

    exp: Path
    dev: str
    """The set on which the layer is chosen; empty: none is."""
    test: Sequence[str]
    """The sets that are reported."""
    command: str = ""
    """Quoted as the way to the numbers."""
    data: Path | None = None
    """The folder of the data directories: the wording of sentences, the groups of varieties."""
    layers: Sequence[str] = ()
    """Some layers alone, as `fangyan.measure` was asked for them; none: all."""
    recommended: str = ""
    """The layer to show where none is chosen; empty, or not scored: the last."""
    folds: bool = False
    """Whether halves of the sentences choose it (`fangyan.measure.folds`)."""

    @property
    def home(self) -> Path:
        """Where the report stands."""
        return results_folder(self.exp, self.layers)

    @property
    def sets(self) -> list[str]:
        """All sets whose results it shows."""
        return [name for name in (self.dev, *self.test) if name]


def renew(asked: Asked) -> bool:
    """Writes what `report` does and says whether it had to: nothing where all that it is made of is as it was."""
    files, home = inputs.results(asked.exp, asked.home), asked.home
    data = [asked.data / name for name in asked.sets if (asked.data / name).is_dir()] if asked.data else []
    made_from = {
        "asked": vars(asked) | {"exp": asked.exp.resolve().name, "data": None},
        "results": inputs.state(files, asked.exp),
        "parts": losses.parts_of(files, asked.exp, asked.sets),
        "data": {folder.name: datadir.identity(folder) for folder in data},
        "code": inputs.code(),
    }
    if is_done(home / STAMP, made_from):
        return False
    losses.check_there(home / RESULTS, was_made_from(home / STAMP) or {}, made_from["parts"], asked.sets)
    (home / STAMP / DONE).unlink(missing_ok=True)  # killed, it is half one report and half another
    written = report(asked)
    pictures = (home / "images").glob("*.png")
    stamp(home / STAMP, made_from, [written, home / PAGE, *pictures])
    return True


def report(asked: Asked) -> Path:
    """The path of ``RESULTS.md``; beside it ``report.html``, ``images/*.png`` and ``tables/*.groups.*``.

    Raises `UserError` and `DataError` as `results.read` does, and where a fuller report is there (`report.losses`);
    parts that were never made are named in the report.
    """
    from fangyan.report.read import results
    from fangyan.report.render import matrices, page

    home = asked.home
    with Progress("report", 3, "steps") as bar:
        experiment = results.read(
            asked.exp,
            asked.dev,
            asked.test,
            asked.command,
            asked.data,
            asked.layers,
            asked.recommended,
            asked.folds,
        )
        bar.update()
        content = _page(experiment, asked)
        losses.check_fuller(home / RESULTS, page.markdown(content, home / PAGE))
        bar.update()
        matrices.write(experiment, home / "tables")
        page.write(content, home / PAGE, home / RESULTS)
        bar.update()
    return home / RESULTS


def _page(experiment: "Results", asked: Asked) -> "Page":
    """All that the report says."""
    from fangyan.report.render import tables, unchosen
    from fangyan.report.render.page import Page
    from fangyan.report.sections import heroes, remarks, sections

    return Page(
        title=f"Results of {' at '.join(filter(None, (experiment.tag, ', '.join(asked.layers))))}",
        headline=tables.headline(experiment) if experiment.chosen else unchosen.headline(experiment),
        heroes=heroes(experiment),
        remarks=remarks(experiment),
        sections=sections(experiment),
        date=f"Reported on {date.today().isoformat()}.",
        command=asked.command,
    )


def headline(path: Path) -> str:
    """The head of a written RESULTS.md: title, remarks and its table of scores."""
    return read_text(path).partition("\n## ")[0].strip()
