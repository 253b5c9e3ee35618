"""FLEURS in miniature: several readers of a sentence, missing files, odd lines."""

import numpy as np
import pytest

from fangyan import corpora
from fangyan.corpora import fleurs
from fangyan.data import audio, datadir
from fangyan.data.datadir import Dropped, Utterance
from fangyan.errors import DataError, UserError
from fangyan.features import dump
from fangyan.files import read_table
from fangyan.measure.pronunciation_control import control

MANDARIN = """\
2\t100.wav\t"这 不是告别。\t这不是告别\t这|不|是|告|别\t16000\tFEMALE
10\t101.wav\t山上有雪。\t山上有雪\t山|上|有|雪\t16000\tMALE
2\t102.wav\t"这 不是告别。\t这不是告别\t这|不|是|告|别\t16000\tMALE
"""
CANTONESE = """\
10\tit's a  b.wav\t山上有雪。\t山上有雪\t山|上|有|雪\t16000\tMALE
2\t201.wav\t呢個唔係告別。\t呢個唔係告別\t呢|個\t16000\tMALE
2\t202.wav\t呢個唔係告別。\t呢個唔係告別\t呢|個\t16000\tFEMALE
77\t203.wav\t淨係粵語有。\t淨係粵語有\t淨|係\t16000\tFEMALE
"""


def locale(root, name: str, tables: dict[str, str]):
    for table, text in tables.items():
        home = root / name / "audio" / table
        home.mkdir(parents=True)
        (root / name / f"{table}.tsv").write_bytes(text.encode())
        for line in text.split("\n"):
            if line.count("\t") > 1:
                audio.write(home / line.split("\t")[1], np.zeros(1_600))


@pytest.fixture
def root(tmp_path):
    """Two locales with train and test; the Cantonese test table has a BOM and CR LF."""
    root = tmp_path / "fle urs"
    locale(root, "cmn_hans_cn", {"train": MANDARIN, "test": MANDARIN})
    locale(
        root, "yue_hant_hk", {"train": CANTONESE, "test": "\ufeff" + CANTONESE.replace("\n", "\r\n") + "\r\n"}
    )
    return root


def ids(records) -> list[str]:
    return [record.id for record in records if isinstance(record, Utterance)]


def test_a_recording_has_its_sentence_variety_and_mandarin(root):
    sets = fleurs.splits(root)
    assert list(sets) == ["train", "test"]
    (found,) = [r for r in sets["test"] if r.id == "yue_hant_hk-0002-1"]
    key = "yue_hant_hk-0002-1"
    wav = str(root / "yue_hant_hk/audio/test/201.wav")
    assert found == Utterance(key, wav, "呢個唔係告別。", key, "yue", "2", text_cmn='"这 不是告别。')


def test_the_first_reader_counts_in_test_and_every_one_in_train(root):
    first = ["cmn_hans_cn-0002-1", "cmn_hans_cn-0010-1", "yue_hant_hk-0010-1", "yue_hant_hk-0002-1"]
    every = [
        *("cmn_hans_cn-0002-1", "cmn_hans_cn-0010-1", "cmn_hans_cn-0002-2"),
        *("yue_hant_hk-0010-1", "yue_hant_hk-0002-1", "yue_hant_hk-0002-2"),
    ]
    sets = fleurs.splits(root)
    assert (ids(sets["test"]), ids(sets["train"])) == (first, every)
    assert ids(fleurs.splits(root, recordings="all")["test"]) == every


def test_what_is_left_out_is_listed(root):
    table = root / "yue_hant_hk/test.tsv"
    table.write_bytes(table.read_bytes().replace("山上有雪。".encode(), b" "))
    assert [r for r in fleurs.splits(root)["test"] if isinstance(r, Dropped)] == [
        Dropped("cmn_hans_cn-0002-2", "further recording of a sentence", "102.wav"),
        Dropped("yue_hant_hk-0010-1", "empty transcript", "it's a  b.wav"),
        Dropped("yue_hant_hk-0002-2", "further recording of a sentence", "202.wav"),
        Dropped("yue_hant_hk-0077-1", "no Mandarin wording", "203.wav"),
    ]


def test_prepare_writes_data_dirs_and_counts_missing_audio(root, tmp_path):
    (root / "cmn_hans_cn/audio/test/101.wav").unlink()
    homes = corpora.prepare("fleurs", root, tmp_path / "data")
    assert list(homes) == ["train", "test"]
    test = datadir.read(homes["test"])
    assert [(u.id, u.variety, u.sentence, u.duration) for u in test] == [
        ("cmn_hans_cn-0002-1", "cmn", "2", 0.1),
        ("yue_hant_hk-0002-1", "yue", "2", 0.1),
        ("yue_hant_hk-0010-1", "yue", "10", 0.1),
    ]
    assert test[2].wav.endswith("it's a  b.wav")
    assert datadir.count_reasons(datadir.read_dropped(homes["test"])) == (
        "2 further recording of a sentence, 1 unreadable audio, 1 no Mandarin wording"
    )


def test_other_locales_are_taken_by_name(root):
    locale(root, "en_us", {"test": MANDARIN, "train": MANDARIN})
    assert {r.variety for r in fleurs.splits(root)["test"] if isinstance(r, Utterance)} == {"cmn", "yue"}
    named = fleurs.splits(root, locales="en_us yue_hant_hk")["test"]
    assert {r.variety for r in named if isinstance(r, Utterance)} == {"en", "yue"}


def test_without_the_mandarin_nothing_is_left_out_for_it(root):
    (root / "cmn_hans_cn").rename(root.parent / "elsewhere")
    found = [r for r in fleurs.splits(root, locales="yue_hant_hk")["test"] if isinstance(r, Utterance)]
    assert [(u.sentence, u.text_cmn) for u in found] == [("10", ""), ("2", ""), ("77", "")]


def test_its_wording_serves_the_control_for_sound(root, tmp_path):
    """FLEURS has no IPA: dictionaries read Mandarin and Cantonese; 山上有雪 sounds more alike than 这不是告别."""
    test = corpora.prepare("fleurs", root, tmp_path / "data", recordings="all")["test"]
    assert not (test / "utt2ipa").exists()
    dump.dump("fbank", [test], tmp_path / "feats")
    assert control(tmp_path / "feats", [test], tmp_path / "out") == [tmp_path / "out" / "test"]
    sources = [list(row.values()) for row in read_table(tmp_path / "out" / "test" / "pronunciation.tsv")]
    assert sources == [["cmn", "pypinyin", "3"], ["yue", "ToJyutping", "3"]]
    there, back, both = read_table(tmp_path / "out" / "test" / "controlled.tsv")
    assert (there["source"], there["n"], back["source"], back["n"], both["n"]) == (
        "cmn",
        "3",
        "yue",
        "3",
        "6",
    )
    assert both["phonetics_recall_at_1"] == "1"  # of two sentences as unlike as these


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "\t16000\tMALE",
            "\t16000",
            r"cmn_hans_cn/test\.tsv:2: a line is id, file, .* \(7 cells\), got 6 in",
        ),
        (
            "10\t101",
            "x10\t101",
            r"cmn_hans_cn/test\.tsv:2: the first cell is the sentence's number, got 'x10'",
        ),
    ],
)
def test_an_odd_line_is_named(root, old, new, message):
    (root / "cmn_hans_cn/test.tsv").write_text(MANDARIN.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DataError, match=message):
        fleurs.splits(root)


def test_another_layout_is_answered_with_the_expected_one(root, tmp_path):
    with pytest.raises(UserError, match="--corpus_dir"):
        fleurs.splits(None)
    with pytest.raises(UserError, match="recordings is first or all, got 'some'"):
        fleurs.splits(root, recordings="some")
    with pytest.raises(
        DataError, match=r"de_de: expected a folder .* such folders .*: cmn_hans_cn yue_hant_hk"
    ):
        fleurs.splits(root, locales="de_de")
    with pytest.raises(DataError, match=r"such folders in .*: none \(--corpus_dir names"):
        fleurs.splits(tmp_path / "nowhere")
    (root / "yue_hant_hk/audio/test").rename(root / "yue_hant_hk/audio/wavs")
    with pytest.raises(
        DataError, match=r"audio/test: expected the folder of the recordings.*tar -xzf '.*test\.tar"
    ):
        fleurs.splits(root)
    (root / "yue_hant_hk/train.tsv").unlink()
    with pytest.raises(DataError, match=r"yue_hant_hk/train\.tsv: every locale has the sets train test"):
        fleurs.splits(root)


def test_a_recording_that_the_table_lacks_is_left_out_by_name(miniature):
    mini = miniature("fleurs")
    mini.tree.wav("yue_hant_hk/audio/dev/x.wav")
    wav = str(mini.root / "yue_hant_hk/audio/dev/x.wav")
    assert fleurs.splits(mini.root)["dev"][-1] == Dropped("x", "no transcript", wav)
