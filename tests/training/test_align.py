"""The task align on the micro corpus: trained, resumed, dumped, its text side, and what it refuses."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from aligned import ALIGN

from fangyan.data import audio, datadir
from fangyan.encoders import load_encoder
from fangyan.encoders.choice import JOINT, choose_layer
from fangyan.errors import DataError, UserError
from fangyan.features.dump import dump
from fangyan.files import read_table
from fangyan.training import Run, collect_stats, train, write_tokens
from fangyan.training.tasks.align import OBJECTIVES
from fangyan.training.teacher import teach

ALL = "{asr: 1.0, " + ", ".join(f"{name}: 0.5" for name in OBJECTIVES) + "}"


@pytest.fixture(scope="module")
def recipe(singer, tmp_path_factory) -> Path:
    home = tmp_path_factory.mktemp("align")
    for name in ("train", "dev"):
        singer(home / "data", name)
    write_tokens(home / "data/train", "text_cmn", home / "data/tokens")
    return home


@pytest.fixture(scope="module")
def make(recipe, micro_config, tiny_sentence):
    """A function: an experiment with objectives, its statistics collected and its data taught."""

    def job(name: str, objectives: str = "{info_nce: 1.0}", more: str = "") -> Run:
        config = recipe / f"{name}.yaml"
        config.write_text(
            ALIGN.format(base=micro_config, teacher=tiny_sentence, objectives=objectives, more=more)
        )
        data, exp = recipe / "data", recipe / "exp" / name
        for part in ("train", "dev"):
            teach(config, data / part)
        made = Run(config, data / "train", data / "dev", data / "tokens", "text_cmn", 1, exp)
        collect_stats(made)
        return made

    return job


@pytest.fixture(scope="module")
def trained(make) -> Run:
    job = make("all", ALL, ", pooling: attention, layer: weighted")
    assert train(job)
    return job


def test_every_objective_is_told_of_every_epoch(trained):
    rows = read_table(trained.exp / "history.tsv")
    assert len(rows) == 2
    for role in ("train", "valid"):
        assert all(float(rows[-1][f"{role}_loss_{name}"]) >= 0 for name in OBJECTIVES)
        assert 0 <= float(rows[-1][f"{role}_acc_text"]) <= 1


def test_a_finished_one_is_finished_and_other_texts_are_refused(trained):
    assert not train(trained)
    text = trained.train / "text_cmn"
    before = text.read_text()
    try:
        text.write_text(before.replace("我吃饭", "我喝饭"))
        with pytest.raises(UserError, match="run stage stats again"):
            train(trained)
    finally:
        text.write_text(before)


def test_its_frames_and_vectors_do_not_depend_on_the_batch(trained):
    encoder = load_encoder(f"espnet:{trained.exp}", "cpu")
    assert encoder.layers == ("layer00", "layer01", "layer02", "norm", JOINT)
    assert encoder.rate_of(JOINT) == 0.0 and encoder.rate_of("norm") == 25.0
    waves = [audio.read(row.wav) for row in datadir.read(trained.dev)[:3]]
    waves[1] = waves[1][:8000]
    together = encoder.encode(waves)
    for layer, features in zip(encoder.layers, together, strict=True):
        for wave, frames in zip(waves, features, strict=True):
            assert encoder(wave)[layer] == pytest.approx(frames, abs=1e-5)
    assert [v.shape for v in together[-1]] == [(1, 32)] * 3
    assert np.linalg.norm(together[-1][0]) == pytest.approx(1)


def test_its_text_side_is_the_teacher_centred_on_the_training_texts(trained, tiny_sentence):
    import kaldiio

    teacher = load_encoder(f"text:{tiny_sentence}", "cpu", "text")
    teacher.prefix = "query: "
    centre = np.mean([*kaldiio.load_scp(str(trained.train / "teacher.scp")).values()], axis=0)
    side = load_encoder(f"espnet:{trained.exp}", "cpu", "text")
    assert (side.modality, side.layers, side.prefix) == ("text", (JOINT,), "query: ")
    ((found,),) = side.encode(["你喝水"])
    expected = teacher.encode(["你喝水"])[-1][0] - centre
    assert found == pytest.approx(expected / np.linalg.norm(expected), abs=1e-5)
    embedded = load_encoder(f"espnet:{trained.exp}", "cpu").embed_text(["你喝水", "我"])
    assert embedded.shape == (2, 32) and np.array_equal(embedded[0], found[0])
    with pytest.raises(UserError, match="has no text side"):
        load_encoder(f"random:{trained.exp}", "cpu").embed_text(["你喝水"])


def test_features_of_texts_are_others_by_another_teacher(trained, tiny_sentence, tmp_path):
    import shutil

    spec, feats = f"espnet:{trained.exp}", tmp_path / "feats"
    assert dump(spec, [trained.dev], feats, column="text_cmn")
    assert not dump(spec, [trained.dev], feats, column="text_cmn")
    settings = tiny_sentence / "config_sentence_transformers.json"
    before = shutil.copy(settings, tmp_path)
    try:
        settings.write_text('{"prompts": {"a": "你"}, "default_prompt_name": null}')
        assert dump(spec, [trained.dev], feats, column="text_cmn")
    finally:
        shutil.copy(before, settings)


def test_both_its_sides_load_in_a_process_of_their_own(trained):
    from subprocess import run

    for modality in ("speech", "text"):
        code = (
            "from fangyan.encoders import load_encoder; "
            f"print(load_encoder('espnet:{trained.exp}', 'cpu', '{modality}').layers[-1])"
        )
        told = run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert told.stdout == "joint\n", told.stderr


def test_what_recognises_and_explains_reads_its_frames(trained):
    from fangyan.features.at_layer import AtLayer
    from fangyan.measure.explain.transcripts import align

    encoder = load_encoder(f"espnet:{trained.exp}", "cpu")
    assert (encoder.deepest, str(AtLayer(encoder).layer)) == ("norm", "norm")
    features = encoder(audio.read(datadir.read(trained.dev)[0].wav))
    aligned = align(AtLayer(encoder), "a", features, "我吃饭")
    assert aligned.characters in ("", "我吃饭") and aligned.frames.shape[1] == 32


def test_a_killed_run_resumes_to_the_same_weights(make, trained):
    import torch

    half = make("half", ALL, ", pooling: attention, layer: weighted")
    half.config.write_text(half.config.read_text().replace("max_epoch: 2", "max_epoch: 1"))
    train(half)
    half.config.write_text(half.config.read_text().replace("max_epoch: 1", "max_epoch: 2"))
    assert train(half)
    one, two = (torch.load(job.exp / "2epoch.pth", weights_only=True) for job in (half, trained))
    assert one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)


def test_it_starts_from_the_encoder_of_an_experiment_and_with_its_heads_if_asked_for(make, job, tmp_path):
    import torch

    after = replace(make("after", "{asr: 1.0, info_nce: 1.0}"), init=f"espnet:{job.exp}", tokens=job.tokens)
    found = {}
    for name, more in (("alone", ""), ("heads", "init_heads: true\n")):
        after.config.write_text(after.config.read_text() + more)
        one = replace(after, exp=after.exp.with_name(name))
        collect_stats(one)
        found[name] = torch.load(one.exp / "init/encoder.pth", weights_only=True)
    assert {key.partition(".")[0] for key in found["alone"]} == {"encoder"}
    assert {key.partition(".")[0] for key in found["heads"]} == {"encoder", "ctc", "decoder"}
    assert train(one)
    other = tmp_path / "tokens"
    other.mkdir()
    (other / "tokens.txt").write_text("<blank>\n<unk>\n我\n<sos/eos>\n")
    with pytest.raises(
        UserError, match="init_heads of .*after.yaml is for an experiment that writes the same"
    ):
        collect_stats(replace(one, tokens=other, exp=one.exp.with_name("others")))


@pytest.mark.parametrize("objective", ["distil", "seqsim", "sigmoid_pairs_speech"])
def test_an_objective_alone_learns_without_recognition(make, objective):
    job = make(objective, f"{{{objective}: 1.0}}")
    assert train(job)
    row = read_table(job.exp / "history.tsv")[-1]
    assert row["valid_acc"] == "" and row[f"valid_loss_{objective}"]


def test_a_packed_model_keeps_its_joint_space(trained, tiny_sentence, tmp_path, monkeypatch):
    from fangyan.encoders import espnet_model

    espnet_model.write_bare(trained.exp, {}, tmp_path / "model")
    wave = audio.read(datadir.read(trained.dev)[0].wav)
    places = (trained.exp, tmp_path / "model")
    whole, alone = (load_encoder(f"espnet:{place}", "cpu")(wave) for place in places)
    assert list(whole) == list(alone)
    assert all(whole[layer] == pytest.approx(alone[layer], abs=1e-6) for layer in whole)
    monkeypatch.chdir(tmp_path)  # the teacher is a folder: another machine has it where the program runs
    with pytest.raises(UserError, match=f"at {tmp_path}/tiny$"):
        load_encoder("espnet:model", "cpu").embed_text(["我"])
    (tmp_path / "tiny").symlink_to(tiny_sentence)
    sides = [load_encoder(f"espnet:{place}", "cpu", "text").encode(["我"])[0][0] for place in places]
    assert np.array_equal(*sides)
    assert str(tiny_sentence) not in (tmp_path / "model/config.json").read_text()


@pytest.mark.parametrize(
    ("objectives", "more", "message"),
    [
        ("{info_mce: 1.0}", "", r"objectives: unknown 'info_mce': .*info_nce"),
        ("{asr: 1.0}", "", "objectives: one beside asr is needed"),
        ("{distil: -1}", "", "objectives: distil: a weight is a number, 0 or more, got -1"),
        ("{distil: 1}", ", pooling: max", "pooling 'max': .*mean"),
        ("{distil: 1}", ", layer: layer09", "layer 'layer09': .*layer02"),
        ("{distil: 1}", ", colour: red", "model_conf"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_training(make, objectives, more, message):
    with pytest.raises(DataError, match=message):
        make("refused", objectives, more)


def test_a_teacher_of_another_size_or_none_at_all_is_told(make, trained):
    other = make("other")
    other.config.write_text(other.config.read_text().replace("teacher_size: 32", "teacher_size: 31"))
    with pytest.raises(DataError, match="teacher_size is 32 for its teacher, got 31"):
        collect_stats(replace(other, exp=other.exp.with_name("smaller")))
    text = other.config.read_text().replace("teacher_size: 31", "teacher_size: 32")
    other.config.write_text(text.replace('"query: "', '"passage: "'))
    with pytest.raises(
        UserError, match=r"run ./run.sh --stage teach, or fangyan teach --config .*other.yaml"
    ):
        train(other)


def test_a_model_without_a_text_side_says_so(job):
    with pytest.raises(UserError, match="has no text side"):
        load_encoder(f"espnet:{job.exp}", "cpu", "text")
    with pytest.raises(UserError, match="has no text side"):
        load_encoder(f"espnet:{job.exp}", "cpu").embed_text(["我"])


def test_one_vector_an_utterance_is_no_layer_of_frames():
    from types import SimpleNamespace

    rows = [SimpleNamespace(layer=name, recall_at_1=r, mrr=r) for name, r in (("norm", 0.5), (JOINT, 0.9))]
    assert choose_layer(rows) == "norm" and choose_layer(rows[1:]) == JOINT


def test_two_ranks_train_with_the_utterances_of_both(make, forked):
    """Also where decoder, CTC, the highest block and the bias of cosines learn nothing."""
    job = make("ranks", "{info_nce: 1.0, seqsim: 0.5}", ", layer: layer01")
    assert forked(lambda here: train(job, here)) == [0, 0]
    rows = read_table(job.exp / "history.tsv")
    assert [float(row["train_loss_info_nce"]) > 0 for row in rows] == [True, True]
