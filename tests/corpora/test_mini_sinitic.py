"""The embedded corpus: its tables, its sets, its recordings."""

import os
import re
import signal
import subprocess
import sys
import time
import unicodedata
from collections import Counter
from itertools import combinations
from pathlib import Path

import pytest

from fangyan.corpora import mini_sinitic
from fangyan.corpora.mini_sinitic import READ_BY, VOICES, Sentence
from fangyan.data import audio
from fangyan.errors import DataError
from fangyan.files import DONE, ROOT, read_table
from fangyan.ipa import espeak

SYLLABLE = re.compile(r"[˥˦˧˨˩]+")
TABLES = (mini_sinitic.WORDS, mini_sinitic.PATTERNS)


@pytest.fixture(scope="module")
def chosen() -> dict[str, list[Sentence]]:
    return mini_sinitic.sentences()


def literal_words(column: str) -> list[str]:
    """The words of a variety in both tables, slots aside."""
    cells = (row[column] for path in TABLES for row in read_table(path))
    return [word for cell in cells for word in cell.split() if "{" not in word]


def joined(wording: str) -> str:
    return wording.replace(" ", "")


# The tables


@pytest.mark.parametrize("variety", READ_BY)
def test_vocabulary_has_at_least_150_words(variety):
    assert len(set(literal_words(variety))) >= 150


def test_there_are_many_patterns():
    assert len(mini_sinitic.patterns()) >= 20


@pytest.mark.parametrize("path", TABLES)
def test_tables_are_nfc(path):
    text = path.read_text(encoding="utf-8")
    assert text == unicodedata.normalize("NFC", text)


def test_han_is_han_and_pfs_is_latin_with_marks():
    for variety in READ_BY:
        for word in literal_words(variety):
            assert all(unicodedata.name(char).startswith("CJK UNIFIED") for char in word), word
    for word in literal_words("hak_pfs"):
        base = [char for char in unicodedata.normalize("NFD", word) if not unicodedata.combining(char)]
        assert set(base) <= set("abcdefghijklmnopqrstuvwxyz-"), word


@pytest.mark.parametrize("variety", READ_BY)
def test_espeak_reads_every_word_with_one_syllable_a_character(variety):
    for word in set(literal_words("hak_pfs" if variety == "hak" else variety)):
        syllables = word.split("-") if variety == "hak" else word
        readable = espeak.respell_hakka(word) if variety == "hak" else word
        # ipa raises for what the voice would spell out; the count finds what it would skip
        assert len(SYLLABLE.findall(espeak.ipa(readable, READ_BY[variety]))) == len(syllables), word


def test_every_word_of_the_vocabulary_is_used(chosen):
    used = {
        concept for sentences in chosen.values() for sentence in sentences for concept in sentence.concepts
    }
    assert used == {row["concept"] for rows in mini_sinitic.words().values() for row in rows}


WORD_TABLE = (
    "concept\tclass\tcmn\tyue\thak\thak_pfs\ntea\tdrink\t茶\t茶\t茶\tchhà\nwater\tdrink\t水\t水\t水\tsúi\n"
)
PATTERN_TABLE = (
    "pattern\tcmn\tyue\thak\thak_pfs\ttopic\nlike\t喝 {drink}\t飲 {drink}\t啉 {drink}\tlîm {drink}\tfood\n"
)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("水\tsúi", "水\t", r"words.tsv:3: every cell is filled, got none in hak_pfs"),
        ("\tsúi", "", r"words.tsv:3: 6 columns"),
        ("water", "tea", r"words.tsv:3: a concept has one row, got tea again"),
        ("súi", "súi-é", r"words.tsv:3: hak_pfs has one syllable a character of hak, got '水' and 'súi-é'"),
        ("concept", "word", r"words.tsv: the columns are concept class .*, got word class"),
    ],
)
def test_broken_vocabulary_is_refused_with_file_and_line(tmp_path, old, new, message):
    path = tmp_path / "words.tsv"
    path.write_text(WORD_TABLE.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DataError, match=message):
        mini_sinitic.words(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{drink}", "{food}", r"patterns.tsv:2: a slot is \{a class of words.tsv\}, got \{food\}"),
        ("飲 {drink}", "飲 {drink", r"patterns.tsv:2: a slot is .*, got \{drink"),
        ("飲 {drink}", "飲 茶", r"patterns.tsv:2: all wordings have the slots of cmn, got yue"),
        ("啉 {drink}", "飲 啉 {drink}", r"patterns.tsv:2: hak_pfs has one syllable a character"),
        ("\tfood", "\t", r"patterns.tsv:2: every cell is filled, got none in topic"),
        ("\ttopic", "\tabout", r"patterns.tsv: the columns are pattern .* topic, got pattern"),
    ],
)
def test_broken_patterns_are_refused_with_file_and_line(tmp_path, old, new, message):
    vocabulary, path = tmp_path / "words.tsv", tmp_path / "patterns.tsv"
    vocabulary.write_text(WORD_TABLE, encoding="utf-8")
    path.write_text(PATTERN_TABLE.replace(old, new), encoding="utf-8")
    with pytest.raises(DataError, match=message):
        mini_sinitic.patterns(path, vocabulary)


def test_a_pattern_with_too_few_sentences_is_refused_with_file_and_line(tmp_path, monkeypatch):
    for name, table in (("WORDS", WORD_TABLE), ("PATTERNS", PATTERN_TABLE)):
        path = tmp_path / f"{name.lower()}.tsv"
        path.write_text(table, encoding="utf-8")
        monkeypatch.setattr(mini_sinitic, name, path)
        for function in (mini_sinitic.words, mini_sinitic.patterns):
            defaults = tuple(path if d.name == path.name else d for d in function.__defaults__)
            monkeypatch.setattr(function, "__defaults__", defaults)
    with pytest.raises(DataError, match=r"patterns.tsv:2: a pattern gives at least 943 sentences, got 2"):
        mini_sinitic.sentences()


# The sentences


def test_sets_have_their_sizes_and_share_no_wording(chosen):
    assert {name: len(sentences) for name, sentences in chosen.items()} == {
        "test": 80,
        "dev": 60,
        "train": 800,
    }
    everything = [sentence for sentences in chosen.values() for sentence in sentences]
    assert len({(s.pattern, s.concepts) for s in everything}) == 940
    for variety in READ_BY:
        assert len({joined(getattr(s, variety)) for s in everything}) == 940


def test_sentences_go_round_the_patterns(chosen):
    patterns = [row["pattern"] for row in mini_sinitic.patterns()]
    for sentences in chosen.values():
        assert [s.pattern for s in sentences[: len(patterns)]] == patterns
        uses = Counter(s.pattern for s in sentences)
        assert max(uses.values()) - min(uses.values()) <= 1


@pytest.mark.parametrize("variety", [*READ_BY, "hak_pfs"])
def test_train_has_every_word_of_dev_and_test(chosen, variety):
    words = {
        name: {word for s in sentences for word in getattr(s, variety).split()}
        for name, sentences in chosen.items()
    }
    assert words["test"] | words["dev"] <= words["train"]


@pytest.mark.parametrize("variety", READ_BY)
def test_sentences_are_5_to_14_characters_long(chosen, variety):
    lengths = {len(joined(getattr(s, variety))) for sentences in chosen.values() for s in sentences}
    assert lengths <= set(range(5, 15))


def test_test_sentences_of_a_pattern_differ_in_at_least_two_slots(chosen):
    for one, other in combinations(chosen["test"], 2):
        if one.pattern == other.pattern:
            assert sum(a != b for a, b in zip(one.concepts, other.concepts, strict=True)) >= 2


def test_no_sentence_has_a_concept_twice(chosen):
    for sentences in chosen.values():
        assert all(len(set(s.concepts)) == len(s.concepts) for s in sentences)


def test_spread_takes_the_least_alike_first():
    def sentence(*concepts: str) -> Sentence:
        return Sentence("p", concepts, "", "", "", "")

    ab, ac, cb, cd, ef = (sentence(*pair) for pair in ("ab", "ac", "cb", "cd", "ef"))
    pool = [ab, ac, cb, cd, ef]
    # ab is first as drawn; cd and ef share nothing with it, cd was drawn before; then ef; then ac (1 of ab, 0 of
    # the rest) before cb (1 of ab, 1 of cd)
    assert mini_sinitic._spread(pool, 4) == [ab, cd, ef, ac]
    assert pool == [cb]


# The recordings


@pytest.fixture(scope="module")
def planned():
    return {
        name: mini_sinitic._recordings(name, sentences)
        for name, sentences in mini_sinitic._numbered().items()
    }


def test_ids_are_unique_and_start_with_variety_and_voice(planned):
    utterances = [r.utterance for recordings in planned.values() for r in recordings]
    assert len({u.id for u in utterances}) == 3 * 940
    for u in utterances:
        assert u.id == f"{u.speaker}-{u.sentence}"
        assert u.speaker.startswith(f"{u.variety}-")


def test_every_sentence_has_one_recording_in_each_variety_under_one_mandarin_text(planned):
    for recordings in planned.values():
        by_sentence: dict[str, list] = {}
        for r in recordings:
            by_sentence.setdefault(r.utterance.sentence, []).append(r.utterance)
        for utterances in by_sentence.values():
            assert [u.variety for u in utterances] == ["cmn", "yue", "hak"]
            assert {u.text_cmn for u in utterances} == {utterances[0].text}


def test_sets_share_no_voice_and_use_all_of_theirs(planned):
    heard = {
        name: {r.utterance.speaker.partition("-")[2] for r in recordings}
        for name, recordings in planned.items()
    }
    assert heard == {name: set(voices) for name, voices in VOICES.items()}
    for one, other in combinations(heard.values(), 2):
        assert not one & other


def test_the_voice_is_drawn_for_each_variety_by_itself(planned):
    voices: dict[str, set[str]] = {}
    for r in planned["test"]:
        voices.setdefault(r.utterance.sentence, set()).add(r.voice.name.partition("+")[2])
    sizes = Counter(map(len, voices.values()))
    # 4 voices drawn three times: all alike 1/16, all different 3/8
    assert sizes[1] < 20
    assert sizes[3] > 20


def test_every_utterance_has_the_topic_of_its_pattern_and_the_sex_of_its_voice(planned):
    found = mini_sinitic.columns(None)
    labels = {row["label"] for row in read_table(ROOT / "conf/mini_sinitic/labels.tsv")}
    for name, recordings in planned.items():
        topics, sexes = found[name]["utt2topic"], found[name]["utt2sex"]
        ids = {r.utterance.id: r.utterance for r in recordings}
        assert topics.keys() == sexes.keys() == ids.keys()
        assert set(topics.values()) == labels and set(sexes.values()) == {"f", "m"}
        by_sentence: dict[str, set[str]] = {}
        for key, topic in topics.items():
            by_sentence.setdefault(ids[key].sentence, set()).add(topic)
        assert all(len(of_one) == 1 for of_one in by_sentence.values())
    assert set(mini_sinitic.FEMALE) < {voice for voices in VOICES.values() for voice in voices}
    sexes = found["test"]["utt2sex"]
    assert {key.split("-")[1]: sex for key, sex in sexes.items()} == {
        "m6": "m",
        "miguel": "m",
        "f4": "f",
        "grandma": "f",
    }


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_recordings_are_the_same_bytes_with_any_number_of_jobs(tmp_path):
    alone = mini_sinitic.splits(tmp_path / "one", jobs=1, limit=1)
    mini_sinitic.splits(tmp_path / "two", jobs=2, limit=1)
    assert files(tmp_path / "one") == files(tmp_path / "two")
    assert {name: len(utterances) for name, utterances in alone.items()} == {"train": 3, "dev": 3, "test": 3}
    for utterance in alone["test"]:
        info = audio.probe(utterance.wav)
        assert (info.rate, info.channels, info.duration) == (16000, 1, utterance.duration)
        assert len(SYLLABLE.findall(utterance.ipa)) == len(utterance.text)


def test_killed_preparation_goes_on_to_the_same_files(tmp_path):
    command = [sys.executable, "-m", "fangyan", "data", "--corpus", "mini_sinitic", "--limit", "4"]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "local")}

    def start(folder: Path) -> subprocess.Popen:
        folder.mkdir(exist_ok=True)
        return subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)

    killed = start(tmp_path / "killed")
    while killed.poll() is None and len(list((tmp_path / "killed").rglob("*.wav"))) < 7:
        time.sleep(0.001)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert not (tmp_path / "killed/data/test").exists()
    for name in ("killed", "calm"):
        assert start(tmp_path / name).wait() == 0
    whole, calm = (
        {of: data for of, data in files(tmp_path / name).items() if ".partial" not in of and DONE not in of}
        for name in ("killed", "calm")
    )  # stamps tell the times at which recordings were made
    assert whole == calm
    assert len(whole) > 3 * 3 * 4


def test_a_damaged_recording_is_made_again(tmp_path):
    made = mini_sinitic.splits(tmp_path, limit=1)
    before = files(tmp_path)
    missing, broken, kept = (Path(utterance.wav) for utterance in made["dev"])
    missing.unlink()
    broken.write_bytes(b"RIFF")
    stamp = kept.stat().st_mtime_ns
    assert mini_sinitic.splits(tmp_path, limit=1) == made
    assert files(tmp_path) == before
    assert kept.stat().st_mtime_ns == stamp


def test_other_settings_never_reuse_a_recording(tmp_path, monkeypatch):
    old = mini_sinitic.splits(tmp_path, limit=1)
    monkeypatch.setattr(mini_sinitic, "PITCHES", range(70, 80))
    new = mini_sinitic.splits(tmp_path, limit=1)
    assert {u.wav for u in old["test"]}.isdisjoint(u.wav for u in new["test"])
