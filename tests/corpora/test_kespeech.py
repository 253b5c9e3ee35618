import pytest

from fangyan import corpora
from fangyan.corpora import kespeech
from fangyan.data import datadir
from fangyan.data.datadir import Dropped, Utterance
from fangyan.data.varieties import group_of, varieties
from fangyan.errors import DataError, UserError
from fangyan.measure.retrieval.pairs import comparable_pairs
from fangyan.measure.retrieval.sides import by_variety


def test_tables_are_joined_by_id_in_whatever_order(miniature):
    root = miniature("kespeech").root
    train = kespeech.splits(root)["train"]
    text = "房子是什么时候买的"
    wav = str(root / "KeSpeech/Audio/1000106/phase1/1000106_0a1b2c3d.wav")
    assert train[0] == Utterance(
        "1000106_0a1b2c3d", wav, text, "1000106", "cmn-zhongyuan", text, text_cmn=text
    )
    assert [(r.id, r.variety, r.sentence) for r in train if isinstance(r, Utterance)] == [
        ("1000106_0a1b2c3d", "cmn-zhongyuan", text),
        ("1000106_1a1b2c3d", "cmn", text),
        ("1000107_00000001", "cmn-jilu", "今天很好"),
        ("1000106_2a1b2c3d", "cmn", "下雨了"),
    ]
    assert [r for r in train if isinstance(r, Dropped)] == [
        Dropped("1000107_00000002", "no words", "<SPOKEN_NOISE>"),
        Dropped("1000107_00000003", "empty transcript"),
    ]


def test_ids_that_tables_lack_are_left_out_by_name(miniature):
    dev = kespeech.splits(miniature("kespeech").root)["dev"]
    assert [(r.id, r.reason) for r in dev if isinstance(r, Dropped)] == [
        ("2000001_00000002", "duplicate id"),
        ("2000001_00000003", "not in text"),
        ("2000001_00000009", "not in wav.scp"),
    ]


def test_the_test_set_pairs_mandarin_with_a_subdialect_by_transcript(miniature, tmp_path):
    homes = corpora.prepare("kespeech", miniature("kespeech").root, tmp_path / "data")
    test = datadir.read(homes["test"])
    assert {u.id: u.sentence for u in test} == {
        "3000001_00000001": "吃饭了没有",
        "3000001_00000002": "明天见",
        "3000002-ffff0001": "吃饭了没有",  # an id that does not begin with its speaker
        "3000002-ffff0002": "明天见",
    }
    assert comparable_pairs(homes["test"], by_variety(test)) == ([("cmn", "cmn-southwestern")], [])


def test_phases_are_chosen(miniature):
    root = miniature("kespeech").root
    first, second = (kespeech.splits(root, phases=phase) for phase in "12")
    assert {"phase1" in u.wav for u in first["train"] if isinstance(u, Utterance)} == {True}
    assert [u.text for u in second["train"]] == ["下雨了"]
    assert first["test"] == second["test"] == kespeech.splits(root)["test"]
    for phases in ("3", "", "1 2 3"):
        with pytest.raises(UserError, match="phases is 1, 2 or '1 2'"):
            kespeech.splits(root, phases=phases)


def test_its_nine_varieties_are_known_and_mandarin():
    assert len(kespeech.VARIETIES) == 9
    assert set(kespeech.VARIETIES.values()) <= set(varieties())
    assert {group_of(code) for code in kespeech.VARIETIES.values()} == {"mandarin"}


def test_another_subdialect_or_layout_is_told(miniature):
    mini = miniature("kespeech")
    mini.tree.text("KeSpeech/Tasks/ASR/dev_phase1/utt2subdialect", "2000001_00000001 Jin\n")
    with pytest.raises(
        DataError, match=r"utt2subdialect: a subdialect is one of Mandarin, .*, got 'Jin' for"
    ):
        kespeech.splits(mini.root)
    mini.tree.rename("KeSpeech/Tasks/ASR/dev_phase1/utt2subdialect", "utt2dialect")
    with pytest.raises(DataError, match=r"utt2subdialect: no such file: the folder holds text utt2dialect"):
        kespeech.splits(mini.root)


@pytest.mark.parametrize("table", ["text", "utt2spk", "utt2subdialect"])
def test_an_id_that_any_table_has_more_is_left_out_by_name(miniature, table):
    mini = miniature("kespeech")
    path = f"KeSpeech/Tasks/ASR/test/{table}"
    mini.tree.text(path, (mini.root / path).read_text(encoding="utf-8") + "3000009_00000001 Mandarin\n")
    assert Dropped("3000009_00000001", "not in wav.scp", f"in {table}") in kespeech.splits(mini.root)["test"]
