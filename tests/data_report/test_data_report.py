import numpy as np
import pytest

from fangyan.data import audio
from fangyan.data_report import survey
from fangyan.errors import DataError, UserError
from fangyan.files import read_table
from fangyan.report import headline


@pytest.fixture
def sets(write, tmp_path, said):
    audio.write(tmp_path / "loud.wav", np.ones(16_000))
    wav = str(tmp_path / "loud.wav")
    train = [said(f"a<i>-{n}", 4, 1.0, wav=wav) for n in range(3)] + [said("b-1", 5, 1.0, "yue", wav=wav)]
    return [write("train", *train), write("test", said("a<i>-7", 1, 1.0, wav=wav, text="食"))]


def test_tables_and_pages_are_written_once(sets, tmp_path):
    out = tmp_path / "out" / "survey"
    assert survey(sets, out) and not survey(sets, out)
    names = {"sets.tsv", "varieties.tsv", "durations.tsv", "overlap.tsv", "suspicious.tsv"}
    assert {path.name for path in out.glob("*.tsv")} == names
    assert read_table(out / "suspicious.tsv") == []
    text = (out / "SURVEY.md").read_text(encoding="utf-8")
    assert text.startswith("# Survey of train, test\n") and "Nothing looks suspicious." in text
    assert "train and test share 1 speaker." in text
    assert "| train | Cantonese (yue) |" in text and "## Sound" not in text
    assert (out / "images" / "durations.png").exists()
    assert "| train |  0.00 |          4 |" in headline(out / "SURVEY.md")


def test_the_page_says_how_many_transcripts_hold_what_the_default_form_leaves_out(write, said, tmp_path):
    rows = said("a-1", 2, 1.0, text="我有 3 个 OK"), said("a-2", 2, 1.0, text="2 个"), said("a-3", 2, 1.0)
    survey([write("train", *rows)], tmp_path / "survey")
    page = (tmp_path / "survey" / "SURVEY.md").read_text(encoding="utf-8")
    assert "2 transcripts with digits and 1 with Latin letters, which are learnt" in page


def test_the_page_is_one_file_and_nothing_in_the_data_is_markup(sets, tmp_path):
    survey(sets, tmp_path / "survey", hear=True)
    html = (tmp_path / "survey" / "survey.html").read_text(encoding="utf-8")
    assert "http" not in html.replace("http://www.w3.org", "") and "<script" not in html
    assert "a&lt;i&gt;-0" in html and "<i>" not in html
    assert '<h2 id="sound">Sound</h2>' in html and "clipping" in html


def test_audio_is_heard_if_so_chosen_and_by_several_processes_alike(sets, tmp_path):
    assert survey(sets, tmp_path / "one", hear=True)
    assert survey(sets, tmp_path / "two", hear=True, jobs=2)
    rows = read_table(tmp_path / "one" / "suspicious.tsv")
    assert {(row["reason"], row["value"]) for row in rows} == {("clipping", "1")} and len(rows) == 5
    for file in sorted((tmp_path / "one").rglob("*.*")):
        if file.suffix != ".done":
            assert (
                file.read_bytes() == (tmp_path / "two" / file.relative_to(tmp_path / "one")).read_bytes()
            ), file


def test_a_folder_named_twice_and_a_missing_one_are_refused(sets, tmp_path):
    with pytest.raises(UserError, match="each data directory once"):
        survey([sets[0], sets[0] / ".." / "train"], tmp_path / "survey")
    with pytest.raises(DataError, match="nowhere: no data directory there"):
        survey([tmp_path / "nowhere"], tmp_path / "survey")
