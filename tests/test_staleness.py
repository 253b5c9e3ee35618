"""Finished work is recognised by what was read: each stage runs again after a change of that, and of nothing else."""

import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from fangyan import corpora, training
from fangyan.config import contents
from fangyan.data import audio, datadir
from fangyan.data import text as texts
from fangyan.data import varieties as tables_of_varieties
from fangyan.data.subset import subset
from fangyan.data_report import survey
from fangyan.demo.space import space
from fangyan.encoders.espnet_model import recognition_files
from fangyan.errors import UserError
from fangyan.features import dump
from fangyan.files import DONE
from fangyan.ipa import dictionaries, espeak
from fangyan.measure import explain, pronunciation_control, retrieval
from fangyan.measure.units import report as unit_report
from fangyan.recognition import decoding
from fangyan.search import add
from fangyan.shards import Shard
from fangyan.training.initialise import content_of
from fangyan.units.assign import assign
from fangyan.units.kmeans import kmeans
from fangyan.units.phone_units import phone_units
from fangyan.units.text_to_unit import text_to_unit
from fangyan.units.text_units import text_units


@dataclass(frozen=True)
class World:
    """A data directory of nine utterances in a folder of its own, and a trained experiment."""

    data: Path
    job: training.Run
    table: Path  # of varieties

    def __truediv__(self, name: str) -> Path:
        return self.data.parent / name

    @property
    def wav(self) -> Path:
        return self / "wav" / "cmntest-s00.wav"

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.data / name
        path.write_text(path.read_text().replace(old, new, 1))


@pytest.fixture
def world(request, singer, tmp_path, monkeypatch):
    data = singer(tmp_path / "home", "test", ("我吃饭", "你吃饭", "我看书"))
    table = tmp_path / "varieties.tsv"
    shutil.copy(tables_of_varieties.TABLE, table)
    monkeypatch.setattr(tables_of_varieties, "TABLE", table)
    tables_of_varieties.varieties.cache_clear()
    yield World(data, request.getfixturevalue("job"), table)
    tables_of_varieties.varieties.cache_clear()


def import_it(w):
    before = list((w / "imported").glob(f"*/{DONE}"))
    times = [path.stat().st_ino for path in before]
    corpora.prepare("kaldi", w.data, w / "imported")
    return times != [path.stat().st_ino for path in (w / "imported").glob(f"*/{DONE}")]


def dump_it(w):
    return dump.dump("fbank", [w.data], w / "feats")


def after_dump(verb):
    def both(w):
        dump_it(w)
        return verb(w / "feats", [w.data], w / verb.__name__)

    return both


def explain_it(w):
    return explain.explain("fbank", [w.data], "cmntest-s00", "yuetest-s00", w / "pair")


def explain_telling(w):
    dump_it(w)
    return explain.explain_telling("fbank", w / "feats", [w.data], w / "telling", 1)


def kmeans_it(w):
    return kmeans("mfcc", "mfcc", [w.data], 4, w / "units")


def after_kmeans(verb):
    def both(w):
        if not (w / "units").exists():  # or its own staleness would be that of what follows
            kmeans_it(w)
        return verb(w)

    return both


def phones_it(w):
    return phone_units("mfcc", "mfcc", [w.data], w / "phones")


def read_texts(w):
    if not (w / "phones").exists():
        phones_it(w)
    return text_units(w / "phones", [w.data], "text", w / "texts")


def learn_to_speak(w):
    if not (w / "phones").exists():
        phones_it(w)
        kmeans_it(w)
        assign(w / "units", [w.data], "units_k4")
        (w / "network.yaml").write_text("{blocks: 1, width: 16, filter: 32, predictor_width: 16, updates: 2}")
    return text_to_unit(
        w / "phones", w / "units", [w.data], "units_k4", w / "network.yaml", w / "text_to_unit"
    )


def experiment(w):
    return replace(w.job, train=w.data, dev=w.data, exp=w / "exp")


def decode_it(w):
    config = w / "decode.yaml"
    config.write_text("beam_size: 1\nctc_weight: 1.0\n")
    return decoding.decode(w.job.exp, [w.data], config, w / "decoded")


STAGES = {
    "data": import_it,
    "dump": dump_it,
    "retrieve": after_dump(retrieval.retrieve),
    "control": after_dump(pronunciation_control.control),
    "explain": explain_it,
    "explain telling": explain_telling,
    "kmeans": kmeans_it,
    "units": after_kmeans(lambda w: assign(w / "units", [w.data], "units_k4")),
    "unit report": after_kmeans(lambda w: unit_report([w / "units"], w.data, w / "unit_report")),
    "phone units": phones_it,
    "text units": read_texts,
    "text to unit": learn_to_speak,
    "subset": lambda w: subset(w.data, 0.02, w / "subset"),
    "index": lambda w: add(w / "index", [w.data], "fbank").new,
    "survey": lambda w: survey([w.data], w / "survey"),
    "survey audio": lambda w: survey([w.data], w / "survey", hear=True),
    "space": lambda w: space("fbank", w.data, w / "space", permission="it is ours"),
    "tokens": lambda w: training.write_tokens(w.data, "text_cmn", w / "tokens"),
    "stats": lambda w: training.collect_stats(experiment(w)),
    "decode": decode_it,
}


def turn_round(w):
    audio.write(w.wav, audio.read(w.wav)[::-1])


CHANGES = {
    "a recording": turn_round,
    "the time of a recording": lambda w: os.utime(w.wav),
    "a transcript": lambda w: [w.edit(name, "我吃饭", "你吃书") for name in ("text", "text_cmn")],
    "the groups": lambda w: (w.data / datadir.GROUPS).write_text("cmn north\n"),
    "the table of varieties": lambda w: w.table.write_text(
        "".join(line.replace("\tyue\t", "\tsouthern\t") for line in w.table.open(encoding="utf-8"))
    ),
    "a column": lambda w: (w.data / "units").write_text((w.data / "utt2sent").read_text()),
    "its units": lambda w: (w.data / "units_k4").write_text(
        "".join(f"{u.id} 0 1 2 3\n" for u in datadir.read(w.data))
    ),
    "a note": lambda w: (w.data / "NOTES").write_text("nobody reads this\n"),
}
HEARING = ("data", "dump", "retrieve", "control", "explain", "explain telling", "index", "survey audio")
HEARING += ("space", "stats", "decode", "kmeans", "units", "unit report", "phone units", "text to unit")
READ = [(stage, "a recording") for stage in HEARING]
READ += [(stage, "a transcript") for stage in ("data", "index", "survey", "space", "tokens", "stats")]
READ += [("phone units", "a transcript"), ("text units", "a transcript"), ("data", "a column")]
READ += [("text to unit", "a transcript"), ("subset", "a transcript"), ("subset", "a column")]
READ += [("text to unit", "its units")]
READ += [("retrieve", "the groups"), ("space", "the groups")]
READ += [("retrieve", "the table of varieties"), ("survey", "the table of varieties")]
UNREAD = [(stage, "a note") for stage in STAGES]
UNREAD += [(stage, "a recording") for stage in ("survey", "tokens", "text units", "subset")]
UNREAD += [("text to unit", "a column"), ("phone units", "a column"), ("text units", "a column")]
UNREAD += [(stage, "a column") for stage in ("dump", "retrieve", "survey", "tokens", "kmeans", "units")]
UNREAD += [("retrieve", "the time of a recording"), ("control", "the time of a recording")]
UNREAD += [(stage, "the table of varieties") for stage in ("dump", "stats", "decode", "index", "explain")]


def runs_again(world, stage, change):
    assert STAGES[stage](world)
    assert not STAGES[stage](world)
    CHANGES[change](world)
    tables_of_varieties.varieties.cache_clear()
    return bool(STAGES[stage](world))


@pytest.mark.parametrize(("stage", "change"), READ)
def test_a_change_of_what_was_read_makes_a_stage_run_again(world, stage, change):
    assert runs_again(world, stage, change)


@pytest.mark.parametrize(("stage", "change"), UNREAD)
def test_a_change_of_what_was_not_read_leaves_a_stage_finished(world, stage, change):
    assert not runs_again(world, stage, change)


def test_a_recording_that_was_missing_is_looked_for_again(world, capsys):
    shutil.move(world.wav, world / "elsewhere.wav")
    import_it(world)
    assert "8 utterances, 0.00 h; left out: 1 unreadable audio" in capsys.readouterr().out
    shutil.move(world / "elsewhere.wav", world.wav)
    assert import_it(world)
    assert "9 utterances, 0.00 h\n" in capsys.readouterr().out


def test_shares_of_a_recording_before_and_after_a_change_are_not_joined(world):
    def share(words, merge=0):
        return dump.dump("fbank", [world.data], world / "shares", Shard.parse(words, merge))

    share("1/2")
    turn_round(world)
    share("2/2")
    with pytest.raises(
        UserError, match="shard 1/2 has 0 of its 1 batches: run the same with --shard 1/2 again"
    ):
        share("1/1", merge=2)
    share("1/2")
    assert share("1/1", merge=2)
    assert not dump.dump("fbank", [world.data], world / "shares")


def test_training_wants_the_statistics_of_what_is_there_now(world):
    job = experiment(world)
    training.collect_stats(job)
    turn_round(world)
    with pytest.raises(
        UserError, match="not whole, or of other data, tokens or front end .* run stage stats again"
    ):
        training.train(job)


def test_statistics_are_of_all_that_comes_before_the_model(world, tmp_path):
    job = experiment(world)
    assert training.collect_stats(job)
    louder = tmp_path / "louder.yaml"
    louder.write_text(f"include: {job.config}\nspeech_volume_normalize: 0.5\n")
    assert training.collect_stats(replace(job, config=louder))


def test_readings_are_of_dictionaries_and_our_table_of_phones(tmp_path, monkeypatch):
    before = dictionaries.identity()
    assert dictionaries.identity() == before
    table = tmp_path / "phones.tsv"
    table.write_text(espeak.PHONES.read_text() + "hak\tq\tq\n")
    with monkeypatch.context() as patch:
        patch.setattr(espeak, "PHONES", table)
        assert dictionaries.identity() != before
    monkeypatch.setattr(dictionaries, "version", lambda package: "0")
    assert dictionaries.identity() != before


def test_a_form_with_variants_is_of_the_table_of_variants(world, tmp_path, monkeypatch):
    def tokens(words):
        return training.write_tokens(world.data, "text_cmn", tmp_path / words, texts.NormalForm.parse(words))

    assert tokens("variants=true") and tokens("latin=true")
    table = tmp_path / "variants.tsv"
    table.write_text(texts.VARIANTS.read_text() + "# one more\n")
    monkeypatch.setattr(texts, "VARIANTS", table)
    assert tokens("variants=true") and not tokens("latin=true")


def test_a_model_writes_by_its_sentencepieces_and_the_files_that_its_settings_name(world, tmp_path):
    shutil.copytree(world.job.exp, tmp_path / "exp", symlinks=True)
    pieces, config = tmp_path / "bpe.model", tmp_path / "exp" / "config.yaml"
    pieces.write_text("pieces")
    assert pieces not in recognition_files(tmp_path / "exp")
    config.write_text(config.read_text().replace("bpemodel: null", f"bpemodel: {pieces}"))
    assert recognition_files(tmp_path / "exp")[-1] == pieces
    before = contents({"lm_conf": {"file": str(pieces)}, "init_param": [f"{pieces}:encoder"], "beam_size": 1})
    pieces.write_text("others")
    after = contents({"lm_conf": {"file": str(pieces)}, "init_param": [f"{pieces}:encoder"], "beam_size": 1})
    assert list(before) == list(after) == ["lm_conf.file", "init_param"]
    assert set(before.values()).isdisjoint(after.values())


def test_initial_weights_are_of_what_their_source_has_now(tmp_path):
    assert content_of("openai/whisper-tiny") == ""  # of the Hub: taken once
    (tmp_path / "base").mkdir()
    weights = tmp_path / "base" / "weights.pth"
    weights.write_text("first")
    before = content_of(f"espnet:{tmp_path / 'base'}")
    weights.write_text("second")
    assert content_of(f"espnet:{tmp_path / 'base'}") != before
    assert content_of(str(weights))
