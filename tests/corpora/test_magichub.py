import pytest

from fangyan import corpora
from fangyan.corpora import magichub
from fangyan.data import audio, datadir
from fangyan.data.datadir import Dropped, Utterance
from fangyan.errors import DataError, UserError

SHANGHAI = "Shanghai_Dialect_Scripted_Speech_Corpus_Daily_Use_Sentence"
VEHICLE = "Guangzhou_Cantonese_Scripted_Speech_Corpus_in_Vehicle"
TALK = "Changsha_Dialect_Conversational_Speech_Corpus"


def kept(records) -> list[tuple]:
    return [(r.id, r.variety, r.text) for r in records if isinstance(r, Utterance)]


def test_a_read_sentence_has_the_mandarin_of_its_prompt(miniature):
    root = miniature("magichub").root
    (test,) = magichub.splits(root / SHANGHAI)["test"]
    speaker = f"{SHANGHAI}-G0006"
    wav = str(root / SHANGHAI / "WAV/G0006/G0006_S0001.wav")
    assert test == Utterance(
        f"{speaker}-G0006_S0001", wav, "再会！", speaker, "wuu", "再见", text_cmn="再见。"
    )


def test_sets_are_parted_by_speaker_and_train_is_apart_from_test(miniature):
    sets = magichub.splits(miniature("magichub").root)
    key = f"{SHANGHAI}-G0004-G0004_S"
    assert kept(sets["train"]) == [
        (f"{TALK}-G0001-A0001_S001_0_G0001-0000010-0000030", "hsn", "恰饭冒咯"),
        (f"{VEHICLE}-G0004-G0004_1_S0001", "yue", "打開車窗"),  # two speakers: all of them train
        (f"{VEHICLE}-G0004-G0004_1_S0002", "yue", "再見"),
        (f"{VEHICLE}-G0007-G0007_1_S0001", "yue", "去 機場"),
        (f"{key}0001", "wuu", "侬好。"),
        (f"{key}0002", "wuu", "饭吃过伐？"),
    ]
    assert [r for r in sets["train"] if isinstance(r, Dropped)] == [
        Dropped(f"{TALK}-0-A0001_S001_0_G0001-0000000-0000010", "no speech", "[NOISE]"),
        Dropped(f"{TALK}-G0002-A0001_S001_0_G0001-0000025-0000035", "no words", "[*]"),
        Dropped(f"{key}0003", "empty transcript"),
        Dropped(f"{key}0004", "sentence of a held-out set", "再会。"),
    ]
    assert [text for _, _, text in kept(sets["dev"])] == ["恰哒[LAUGHTER]", "落雨了。"]
    assert [text for _, _, text in kept(sets["test"])] == ["咯样子", "太长哒", "再会！"]


def test_conversations_are_cut_and_what_ends_after_the_file_is_left_out(miniature, tmp_path):
    homes = corpora.prepare("magichub", miniature("magichub").root, tmp_path / "data", sets=TALK)
    found = [u for home in homes.values() for u in datadir.read(home)]
    assert [(u.text, u.duration, audio.probe(u.wav).frames) for u in found] == [
        ("恰饭冒咯", 0.2, 3_200),
        ("恰哒[LAUGHTER]", 0.15, 2_400),
        ("咯样子", 0.1, 1_600),
    ]
    (late,) = datadir.read_dropped(homes["test"])
    assert (
        late.reason == "segment outside its recording"
        and "segment 0.5 to 9 s does not lie within" in late.detail
    )


def test_mandarin_wording_is_written_where_all_of_a_set_have_it(miniature, tmp_path):
    root = miniature("magichub").root
    mixed = corpora.prepare("magichub", root, tmp_path / "mixed")["train"]
    assert not (mixed / "text_cmn").exists()
    alone = corpora.prepare("magichub", root, tmp_path / "alone", sets=SHANGHAI)["train"]
    assert list(datadir.read_map(alone / "text_cmn").values()) == ["你好。", "吃饭了吗？"]
    sentences = {u.text: u.sentence for u in datadir.read(mixed)}
    assert (sentences["侬好。"], sentences["再見"], sentences["打開車窗"]) == (
        "你好",
        "yue:再见",
        "yue:打开车窗",
    )


def test_another_layout_is_told_from_the_expected_one(miniature):
    mini = miniature("magichub")
    with pytest.raises(UserError, match=f"no set 'Hakka' in .*: known are {TALK}, {VEHICLE}, {SHANGHAI}"):
        magichub.splits(mini.root, sets="Hakka")
    mini.tree.text(f"{TALK}/TXT/A0001_S001_0_G0001.txt", "0.0 0.1 G0001 恰饭\n")
    with pytest.raises(
        DataError, match=r"G0001\.txt:1: a line is \[start,end\], speaker, gender and text, got '0\.0"
    ):
        magichub.splits(mini.root)
    mini.tree.rename(f"{VEHICLE}/UTTERANCEINFO.txt", "INFO.txt")
    with pytest.raises(DataError, match=r"expected UTTRANSINFO.txt or .* in it, found INFO.txt WAV"):
        magichub.splits(mini.root, sets=VEHICLE)
    mini.tree.rename(VEHICLE, "Taipei_Corpus")
    with pytest.raises(DataError, match="a set is named after its place, one of Changsha, .*, got 'Taipei'"):
        magichub.splits(mini.root, sets="Taipei_Corpus")


@pytest.mark.parametrize("wav", [f"{TALK}/WAV/A9.wav", f"{VEHICLE}/WAV/G9/A9.wav"])
def test_a_recording_without_transcript_is_left_out_by_name(miniature, wav):
    mini = miniature("magichub")
    mini.tree.wav(wav)
    assert Dropped("A9", "no transcript", str(mini.root / wav)) in magichub.splits(mini.root)["train"]
