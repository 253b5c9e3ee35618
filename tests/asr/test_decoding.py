import pytest

from fangyan import cer
from fangyan.asr import decode
from fangyan.datadir import read_map
from fangyan.errors import DataError


@pytest.fixture
def quick(tmp_path):
    (tmp_path / "quick.yaml").write_text("beam_size: 2\nctc_weight: 0.5\nmaxlenratio: 0.5\n")
    return tmp_path / "quick.yaml"


def test_a_line_for_every_utterance_and_a_table(job, sung, quick, tmp_path):
    sets = [sung["dev"], sung["test"]]
    assert decode(job.exp, sets, quick, tmp_path / "decode") == [
        tmp_path / "decode/dev",
        tmp_path / "decode/test",
    ]
    assert decode(job.exp, sets, quick, tmp_path / "decode") == []
    lines = (tmp_path / "decode/test/text").read_text().splitlines()
    assert [line.split()[0] for line in lines] == list(read_map(sung["test"] / "text"))
    rows = cer.score(tmp_path / "decode/test", sung["test"], "text_cmn")
    assert [(row["variety"], row["sentences"]) for row in rows] == [
        ("cmn", 8),
        ("hak", 8),
        ("yue", 8),
        ("all", 24),
    ]


def test_an_unknown_decoding_option_is_refused(job, sung, tmp_path):
    (tmp_path / "bad.yaml").write_text("beam: 2\n")
    with pytest.raises(DataError, match=r"bad\.yaml: unknown key 'beam': did you mean 'beam_size'\?"):
        decode(job.exp, [sung["test"]], tmp_path / "bad.yaml", tmp_path / "decode")
