"""The report of an experiment: RESULTS.md, one self-contained HTML page, figures as PNG, and matrices of groups."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from fangyan.data import datadir
from fangyan.files import DONE, is_done, read_text, stamp
from fangyan.measure import results_folder
from fangyan.progress import Progress
from fangyan.report import inputs

if TYPE_CHECKING:
    from fangyan.report.read.results import Results
    from fangyan.report.render.page import Page

__all__ = ["headline", "renew", "report"]

STAMP = ".reported"
"""The folder that says what a report was made from."""


def renew(
    exp: Path,
    dev: str,
    test: Sequence[str],
    command: str = "",
    data: Path | None = None,
    layers: Sequence[str] = (),
    recommended: str = "",
    folds: bool = False,
) -> bool:
    """Writes what `report` does and says whether it had to: nothing where all that it is made of is as it was."""
    home = results_folder(exp, layers)
    sets = [data / name for name in (dev, *test) if name and (data / name).is_dir()] if data else []
    made_from = {
        "asked": [exp.resolve().name, dev, list(test), command, list(layers), recommended, folds],
        "results": inputs.state(inputs.results(exp, home), exp),
        "data": {folder.name: datadir.identity(folder) for folder in sets},
        "code": inputs.code(),
    }
    if is_done(home / STAMP, made_from):
        return False
    (home / STAMP / DONE).unlink(missing_ok=True)  # killed, it is half one report and half another
    written = report(exp, dev, test, command, data, layers, recommended, folds)
    pictures = (home / "images").glob("*.png")
    stamp(home / STAMP, made_from, [written, home / "report.html", *pictures])
    return True


def report(
    exp: Path,
    dev: str,
    test: Sequence[str],
    command: str = "",
    data: Path | None = None,
    layers: Sequence[str] = (),
    recommended: str = "",
    folds: bool = False,
) -> Path:
    """The path of ``exp/RESULTS.md``; beside it ``report.html``, ``images/*.png`` and ``tables/*.groups.*``.

    Of some ``layers`` alone, as `fangyan.measure` was asked for them, all stand in `results_folder`.

    ``dev`` is the set on which the layer is chosen (empty: none is), ``test`` the sets that are reported;
    ``command`` is quoted as the way to the numbers; ``data``, the folder of the data directories, gives the wording of
    sentences and the groups of varieties; ``recommended`` is the layer to show where none is chosen (empty, or not
    scored: the last); ``folds``: whether halves of the sentences choose it (`fangyan.measure.folds`).
    Raises `UserError` and `DataError` as `results.read` does, and where a fuller report is there (`report.losses`);
    parts that were never made are named in the report.
    """
    from fangyan.report.losses import check_fuller
    from fangyan.report.read import results
    from fangyan.report.render import matrices, page

    home = results_folder(exp, layers)
    with Progress("report", 3, "steps") as bar:
        experiment = results.read(exp, dev, test, command, data, layers, recommended, folds)
        bar.update()
        content = _page(experiment, command, layers)
        check_fuller(home / "RESULTS.md", page.markdown(content, home / "report.html"))
        bar.update()
        matrices.write(experiment, home / "tables")
        page.write(content, home / "report.html", home / "RESULTS.md")
        bar.update()
    return home / "RESULTS.md"


def _page(experiment: "Results", command: str, layers: Sequence[str]) -> "Page":
    """All that the report says."""
    from fangyan.report.render import tables, unchosen
    from fangyan.report.render.page import Page
    from fangyan.report.sections import heroes, remarks, sections

    return Page(
        title=f"Results of {' at '.join(filter(None, (experiment.tag, ', '.join(layers))))}",
        headline=tables.headline(experiment) if experiment.chosen else unchosen.headline(experiment),
        heroes=heroes(experiment),
        remarks=remarks(experiment),
        sections=sections(experiment),
        date=f"Reported on {date.today().isoformat()}.",
        command=command,
    )


def headline(path: Path) -> str:
    """The head of a written RESULTS.md: title, remarks and its table of scores."""
    return read_text(path).partition("\n## ")[0].strip()
