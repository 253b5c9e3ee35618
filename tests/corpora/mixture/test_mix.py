from pathlib import Path

import pytest

from fangyan.corpora.mixture import mix
from fangyan.data import datadir
from fangyan.data.columns import read_column
from fangyan.errors import UserError
from fangyan.training.sampling import read_pool

ALL = "dev_utterances: 4\ncorpora: {aishell: {hours: 0.002}, kespeech: , mdcc: {weight: 3}}\n"
ROOTS, DATA = Path("corpora.yaml"), Path("data")


def stirred(text: str = ALL) -> dict[str, Path]:
    Path("mixture.yaml").write_text(text)
    return mix(Path("mixture.yaml"), ROOTS, DATA)


def varieties(home: Path) -> dict[str, int]:
    spoken = list(datadir.read_map(home / "utt2lang").values())
    return {variety: spoken.count(variety) for variety in sorted(set(spoken))}


def test_corpora_become_sets_and_what_is_left_out_is_counted(desk, capsys):
    homes = stirred()
    assert list(homes) == ["train", "dev", "test_aishell", "test_kespeech", "test_mdcc"]
    assert varieties(homes["dev"]) == {"cmn": 4, "cmn-zhongyuan": 4, "yue": 4}
    assert varieties(homes["test_mdcc"]) == {"yue": 6}
    utterances = datadir.read(homes["train"])
    assert sum(u.duration for u in utterances if u.variety == "cmn") <= 7.2  # 0.002 h
    told = capsys.readouterr().out
    assert f"data/train: {len(utterances)} utterances, cmn 0.00 h, cmn-zhongyuan" in told
    assert "beyond the hours of its corpus" in told and "beyond the dev utterances of its variety" in told
    assert {d.reason for d in datadir.read_dropped(homes["train"])} == {"beyond the hours of its corpus"}
    found = read_pool(homes["train"], {u.id: 1 for u in utterances})
    assert found.weights.tolist() == [3 if u.variety == "yue" else 1 for u in utterances]


def test_finished_work_is_kept_and_a_killed_mixture_is_made_again(desk, monkeypatch):
    homes = stirred()
    stamps = {name: (home / ".done").stat().st_mtime_ns for name, home in homes.items()}
    with monkeypatch.context() as patch:
        patch.setattr("fangyan.corpora.mixture.combine", None)
        assert stirred() == homes
    assert {name: (home / ".done").stat().st_mtime_ns for name, home in homes.items()} == stamps
    before = (homes["train"] / "text").read_text()
    homes["train"].rename(homes["train"].with_name(".train.partial"))
    stirred()
    assert (homes["train"] / "text").read_text() == before


def test_a_column_that_was_written_into_the_parts_is_carried_and_its_change_too(desk):
    homes = stirred()
    without = {home: (home / ".done").read_bytes() for home in homes.values()}
    for table in DATA.glob("*/train/utt2sent"):
        (table.parent / "units").write_text(table.read_text(encoding="utf-8"), encoding="utf-8")
    stirred()
    assert all((home / ".done").read_bytes() != stamp for home, stamp in without.items())
    assert set(read_column(homes["train"], "units")) == {u.id for u in datadir.read(homes["train"])}
    part = DATA / "mdcc/train/units"
    part.write_text("".join(f"{line.split()[0]} 7\n" for line in part.open(encoding="utf-8")))
    stirred()
    values = read_column(homes["train"], "units")
    assert {values[u.id] for u in datadir.read(homes["train"]) if u.variety == "yue"} == {"7"}
    for file in DATA.glob("*/train/units"):
        file.unlink()
    stirred()
    assert {home: (home / ".done").read_bytes() for home in homes.values()} == without


def test_sets_of_another_mixture_are_removed_and_those_of_the_user_stay(desk, capsys):
    stirred()
    datadir.write(DATA / "test_mine", datadir.read(DATA / "test_mdcc"))
    homes = stirred("corpora: {kespeech: }\n")
    assert list(homes) == ["train", "dev", "test_kespeech"]
    assert "data/test_mdcc: removed" in capsys.readouterr().out
    assert sorted(path.name for path in DATA.glob("test_*")) == ["test_kespeech", "test_mine"]


def test_a_corpus_that_the_user_goes_without_is_counted(desk, capsys, shelf):
    ROOTS.write_text(ROOTS.read_text().replace(str(shelf["mdcc"]), "null"))
    homes = stirred()
    assert "test_mdcc" not in homes
    (gone,) = (d for d in datadir.read_dropped(homes["train"]) if d.reason == "missing corpus")
    assert (gone.id, gone.detail) == ("mdcc", "null in corpora.yaml")
    assert "1 missing corpus" in capsys.readouterr().out


def test_sets_without_the_wording_are_left_out_and_reported(desk, capsys):
    homes = stirred(f"wording: text_cmn\n{ALL}")
    assert list(homes) == ["train", "dev", "test_aishell", "test_kespeech"]
    assert "data/mdcc/test: left out, it has no text_cmn" in capsys.readouterr().out
    with pytest.raises(
        UserError, match="no corpus with a set train and text_cmn, among those in corpora.yaml"
    ):
        stirred("wording: text_cmn\ncorpora: {mdcc: }\n")


def test_a_variety_that_dev_lacks_is_told(desk, capsys, shelf, tmp_path):
    (tmp_path / "own/train").mkdir(parents=True)
    rows = [f"{wav}\tcjy\t我们" for wav in sorted((shelf["mdcc"] / "dataset/audio").glob("*_train_1_*"))]
    (tmp_path / "own/train.tsv").write_text(
        "\n".join(["audio\tvariety\ttext", *rows]) + "\n", encoding="utf-8"
    )
    ROOTS.write_text(ROOTS.read_text() + f"manifest: {tmp_path / 'own'}\n")
    stirred("corpora: {aishell: , own: {corpus: manifest}}\n")
    assert "data/dev: no utterance of cjy, which train has" in capsys.readouterr().out


def test_an_unknown_option_is_refused_before_any_work(desk):
    with pytest.raises(UserError, match="corpus mdcc: an option is NAME=VALUE"):
        stirred("corpora: {aishell: , mdcc: {options: {speed: 2}}}\n")
    assert not DATA.exists()
