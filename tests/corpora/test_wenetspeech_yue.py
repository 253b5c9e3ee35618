import pytest

from fangyan import corpora
from fangyan.corpora import wenetspeech_yue
from fangyan.data import datadir
from fangyan.data.datadir import Dropped, Utterance
from fangyan.errors import DataError

CORPUS, EVAL = "WenetSpeech-Yue", "WSYue-ASR-eval"


def kept(records) -> list[tuple]:
    return [(r.id, r.text) for r in records if isinstance(r, Utterance)]


def left_out(records) -> list[tuple]:
    return [(r.id, r.reason) for r in records if isinstance(r, Dropped)]


def test_clips_are_cut_from_recordings_or_files_of_their_own(miniature):
    root = miniature("wenetspeech_yue").root
    train = wenetspeech_yue.splits(root)["train"]
    cut, own = (
        next(u for u in train if u.id == key) for key in ("gd0027722_620_820", "xg0011561_317530_322030")
    )
    assert cut == Utterance(
        "gd0027722_620_820",
        str(root / CORPUS / "audio/gd0027722.mp3"),
        "但系小母你又睬都唔睬",
        "gd0027722",
        "yue",
        "yue:但系小母你又睬都唔睬",
        start=0.62,
        end=0.82,
    )
    assert (own.wav, own.start, own.end) == (
        str(root / CORPUS / "audio/xg0011561_317530_322030.wav"),
        0.0,
        None,
    )


def test_sets_are_apart_and_what_is_left_out_is_listed(miniature):
    sets = wenetspeech_yue.splits(miniature("wenetspeech_yue").root)
    assert kept(sets["dev"]) == [("gd0000001_0_100", "第一段係用嚟驗證嘅")]
    assert kept(sets["train"]) == [
        ("gd0027722_620_820", "但系小母你又睬都唔睬"),
        ("gd0027722_820_1000", "入咗船舱添"),
        ("gd0027722_1000_9000", "长过成段录音"),
        ("xg0011561_317530_322030", "啊紫薇啦"),
    ]
    assert left_out(sets["train"]) == [
        ("gd0027722_820_1000", "duplicate id"),
        ("xq0045690_1_2", "speaker of a held-out set"),
        ("gd0099999_1_2", "sentence of a held-out set"),
        ("gd0055555_0_1", "missing recording"),
        ("gd0027722_0_100", "empty transcript"),
    ]
    assert kept(sets["test_short"]) == [
        ("xq0045690_251230_260310", "你好呀。"),
        ("0000004453", "今日 OK 喇"),
    ]
    assert left_out(sets["test_short"]) == [
        ("0000004454", "empty transcript"),
        ("0000004455", "missing recording"),
        ("nobody", "no transcript"),
    ]
    assert kept(sets["test_long"]) == [("long0001", '佢话"好"就系咁')]


def test_only_sure_transcripts_are_taken_on_request(miniature):
    sets = wenetspeech_yue.splits(miniature("wenetspeech_yue").root, confidence="0.9")
    assert [key for key, _ in kept(sets["train"])] == ["gd0027722_620_820", "gd0027722_1000_9000"]
    assert ("gd0027722_820_1000", "low confidence") in left_out(sets["train"])


def test_prepare_cuts_mp3_and_keeps_long_clips(miniature, tmp_path):
    homes = corpora.prepare("wenetspeech_yue", miniature("wenetspeech_yue").root, tmp_path / "data")
    assert [(u.id, u.duration) for u in datadir.read(homes["train"])] == [
        ("gd0027722_620_820", 0.2),
        ("gd0027722_820_1000", 0.18),
        ("xg0011561_317530_322030", 0.1),
    ]
    (late,) = [d for d in datadir.read_dropped(homes["train"]) if d.reason == "segment outside its recording"]
    assert "segment 1 to 9 s does not lie within its" in late.detail
    assert [u.duration for u in datadir.read(homes["test_long"])] == [31.0]


def test_either_folder_will_do(miniature):
    mini = miniature("wenetspeech_yue")
    mini.tree.rename(EVAL, "elsewhere")
    assert list(wenetspeech_yue.splits(mini.root)) == ["train", "dev"]
    mini.tree.rename("elsewhere", EVAL)
    mini.tree.rename(CORPUS, "elsewhere")
    assert list(wenetspeech_yue.splits(mini.root)) == ["test_short", "test_long"]


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        (
            f"{CORPUS}/metadata-1.json",
            '[{"key": "a"}]',
            r"object 1: expected a column rover_result or text, got key",
        ),
        (
            f"{EVAL}/Short/content.txt",
            "a.wav\t你好\n",
            r"content\.txt:1: a line is file, age, .*, got 'a\.wav",
        ),
        (
            f"{EVAL}/Long/TextGrid/long0001.TextGrid",
            'name = "text"\n',
            r"long0001\.TextGrid: expected a tier 文本",
        ),
    ],
)
def test_another_layout_is_told_from_the_expected_one(miniature, path, text, message):
    mini = miniature("wenetspeech_yue")
    mini.tree.text(path, text)
    with pytest.raises(DataError, match=message):
        wenetspeech_yue.splits(mini.root)


def test_archives_that_are_still_packed_are_named(miniature):
    mini = miniature("wenetspeech_yue")
    mini.tree.remove(f"{EVAL}/Long/TextGrid/long0001.TextGrid")
    with pytest.raises(DataError, match=r"Long: expected \*\.TextGrid, found none: unpack TextGrid\.tar\.gz"):
        wenetspeech_yue.splits(mini.root)
