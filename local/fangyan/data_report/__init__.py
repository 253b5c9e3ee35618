"""What data directories hold and what in them looks wrong: tables, SURVEY.md and one self-contained page."""

from collections.abc import Sequence
from pathlib import Path

from fangyan.data import datadir, varieties
from fangyan.data_report import columns, sections
from fangyan.data_report.sound import measure_set
from fangyan.data_report.suspects import SUSPICIOUS, suspects
from fangyan.errors import UserError
from fangyan.files import fingerprint, produce, write_table
from fangyan.report.render import page


def survey(folders: Sequence[Path], out: Path, hear: bool = False, jobs: int = 1) -> bool:
    """Writes ``out`` and says whether it had to: ``SURVEY.md``, ``survey.html`` and tables of the ``folders``.

    ``{sets,varieties,durations,overlap,suspicious}.tsv``. ``hear``: judge the audio as well, by ``jobs`` processes;
    what was measured of each utterance is kept in ``.<out>.sound/<set>/sound.tsv``, set by set.
    """
    if len({path.resolve() for path in folders}) < len(folders):
        raise UserError(f"each data directory once, got {' '.join(map(str, folders))}")
    identify = datadir.identity if hear else datadir.tables
    inputs = {"sets": {str(path): identify(path) for path in folders}, "hear": hear}
    inputs["varieties"] = fingerprint(varieties.TABLE)

    def build(folder: Path) -> None:
        sets = columns.read(folders)
        heard = zip(sets, folders, strict=True) if hear else ()
        sounds = {
            one.name: measure_set(
                path, out.with_name(f".{out.name}.sound") / one.name.replace("/", "_"), jobs
            )
            for one, path in heard
        }
        tables = {
            "sets": (columns.count_sets(sets), columns.SETS),
            "varieties": (columns.count_varieties(sets), columns.VARIETIES),
            "durations": (columns.count_durations(sets), columns.DURATIONS),
            "overlap": (columns.count_overlap(sets), columns.OVERLAP),
            "suspicious": (suspects(sets, sounds), SUSPICIOUS),
        }
        for name, (rows, header) in tables.items():
            write_table(folder / f"{name}.tsv", rows, header)
        found = {name: rows for name, (rows, _) in tables.items()}
        page.write(sections.page(found, sounds), folder / "survey.html", folder / "SURVEY.md")

    return produce(out, inputs, build)
