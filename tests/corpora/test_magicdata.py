import pytest

from fangyan import corpora
from fangyan.corpora import magicdata
from fangyan.data import audio, datadir
from fangyan.errors import DataError


def test_what_is_kept_and_what_is_left_out(miniature, tmp_path):
    homes = corpora.prepare("magicdata", miniature("magicdata").root, tmp_path / "data")
    train = datadir.read(homes["train"])
    assert [(u.id, u.speaker, u.text, u.sentence) for u in train] == [
        ("14_3466_20170826171404", "14_3466", "今天天气怎么样？", "今天天气怎么样"),
        ("5_970_20170616000125", "5_970", "放 <SPK> 一首歌", "放一首歌"),
    ]
    assert [(d.id, d.reason) for d in datadir.read_dropped(homes["train"])] == [
        ("14_3466_20170826171405", "no words"),
        ("14_3466_20170826171406", "empty transcript"),
        ("14_3466_20170826171407", "empty transcript"),
        ("14_3466_20170826171408", "missing recording"),
        ("16_4013_20170819121429", "known to be bad"),
        ("5_970_20170616000125", "duplicate id"),
        ("5_970_20170616000126", "no transcript"),
    ]
    assert [u.text for u in datadir.read(homes["dev"])] == ["打开空调。"]
    (test,) = datadir.read(homes["test"])
    assert (test.id, audio.probe(test.wav)) == ("38_5721_1", audio.Info(16_000, 1, 1_600))
    assert datadir.count_reasons(datadir.read_dropped(homes["test"])) == "1 unreadable audio"


def test_another_table_is_told_from_the_expected_one(miniature):
    mini = miniature("magicdata")
    mini.tree.text("test/TRANS.txt", "utt\tspk\ttext\n")
    with pytest.raises(
        DataError, match=r"TRANS\.txt:1: the columns are UtteranceID SpeakerID Transcription, got utt spk"
    ):
        magicdata.splits(mini.root)
    mini.tree.text("test/TRANS.txt", "UtteranceID\tSpeakerID\tTranscription\na.wav\tb\tc\td\n")
    with pytest.raises(DataError, match=r"TRANS\.txt:2: a row has 3 cells .*, got 4"):
        magicdata.splits(mini.root)
