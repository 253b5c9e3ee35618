"""A training task of another package, from its column of vectors to its packed model."""

import shutil
from dataclasses import replace
from pathlib import Path

import kaldiio
import numpy as np
import pytest
import yaml

from fangyan.data import datadir
from fangyan.encoders import bare, espnet_model, load_encoder
from fangyan.errors import DataError, UserError
from fangyan.features.dump import dump, layers
from fangyan.files import fingerprint, read_json, read_table, unpack
from fangyan.publish import pack
from fangyan.recognition.decoding import decode
from fangyan.report.read import results
from fangyan.report.render import figures
from fangyan.training import collect_stats, inputs, train
from fangyan.training.espnet_task import sketch

PACKAGE = Path(__file__).parent / "foreign" / "aligned_speech.py"
DIMENSIONS = 6


@pytest.fixture(scope="module")
def patched():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def installed(tmp_path_factory, patched) -> Path:
    """The folder in which the package is installed, for this process and those it starts."""
    home = tmp_path_factory.mktemp("site")
    about = home / "aligned_speech-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: aligned-speech\nVersion: 1.0\n")
    entries = "aligned = aligned_speech:Task\nmasked = pretraining_speech:Task"
    (about / "entry_points.txt").write_text(f"[fangyan.tasks]\n{entries}\n")
    for file in PACKAGE.parent.glob("*.py"):
        shutil.copy(file, home)
    patched.syspath_prepend(home)
    patched.setenv("PYTHONPATH", str(home))
    return home


def teach(data: Path, seed: int) -> None:
    """The column teacher.scp of a data directory: a vector for each sentence, whichever its variety."""
    random = np.random.default_rng(seed)
    sentences = datadir.read_map(data / "utt2sent")
    vectors = {
        name: random.normal(size=DIMENSIONS).astype(np.float32) for name in sorted(set(sentences.values()))
    }
    ark, scp = data / "teacher.ark", data / "teacher.scp"
    kaldiio.save_ark(str(ark), {key: vectors[name] for key, name in sentences.items()}, scp=str(scp))


@pytest.fixture(scope="module")
def aligned(installed, job, tmp_path_factory):
    """A trained experiment of the task."""
    home = tmp_path_factory.mktemp("aligned")
    config = home / "aligned.yaml"
    model = "model: aligned\nmodel_conf: {ctc_weight: 0.3, teacher_size: 6}"
    best = "best_model_criterion: [[valid, loss_cosine, min]]"
    config.write_text(f"include: {job.config}\ntask: aligned\n{model}\n{best}\n")
    data = {role: shutil.copytree(path, home / role) for role, path in job.sets().items()}
    for seed, path in enumerate(data.values()):
        teach(path, seed)
    aligned = replace(
        job, config=config, train=data["train"], dev=data["valid"], exp=home / "exp" / "aligned"
    )
    assert collect_stats(aligned) and train(aligned)
    return aligned


def test_a_task_is_a_file_of_forty_lines():
    assert len(PACKAGE.read_text().splitlines()) <= 40


def test_its_loss_is_in_the_history_the_figure_and_the_choice_of_epochs(aligned):
    rows = read_table(aligned.exp / "history.tsv")
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert list(rows[0]) == [
        *("epoch", "train_loss", "train_acc", "train_loss_cosine"),
        *("valid_loss", "valid_acc", "valid_cer_ctc", "valid_loss_cosine", "seconds"),
    ]
    assert 0 < float(rows[1]["train_loss_cosine"]) < float(rows[0]["train_loss_cosine"]) < 2
    assert (aligned.exp / "valid.loss_cosine.ave.pth").exists()
    last = figures.training(results.read(aligned.exp, "", []).history).axes[-1]
    lines = {line.get_label(): list(line.get_ydata()) for line in last.lines}
    assert last.get_title("left") == "loss_cosine"
    assert lines["training"] == [float(row["train_loss_cosine"]) for row in rows]


def test_the_experiment_says_what_it_was_trained_for(aligned):
    assert read_json(aligned.exp / "train.json")["task"] == "aligned"
    recorded = yaml.safe_load((aligned.exp / "config.yaml").read_text())
    assert (recorded["task"], recorded["task_package"]) == ("aligned", "aligned-speech 1.0")


def test_the_statistics_are_of_what_espnet_asks_for_and_training_is_given_all(aligned):
    assert not (aligned.stats / "train/teacher_shape").exists()
    given = inputs.training_arguments(aligned)["train_data_path_and_name_and_type"]
    assert given[-1] == f"{aligned.train / 'teacher.scp'},teacher,kaldi_ark"


@pytest.fixture(scope="module")
def model(aligned, patched) -> Path:
    patched.chdir(aligned.exp.parent.parent)
    return pack(aligned.exp)


def test_the_packed_model_is_dumped_and_decoded_as_the_experiment_is(aligned, model, tmp_path):
    quick = tmp_path / "quick.yaml"
    quick.write_text("beam_size: 1\nmaxlenratio: -2\n")
    found = []
    for name, source in (("exp", aligned.exp), ("zip", model)):
        (feats,) = dump(f"espnet:{source}", [aligned.dev], tmp_path / name / "feats")
        (texts,) = decode(source, [aligned.dev], quick, tmp_path / name / "decode")
        arks = [fingerprint(feats / layer / "feats.ark") for layer in layers(feats)]
        found.append((arks, (texts / "text").read_text()))
    assert found[0] == found[1] and len(found[0][0]) == 4
    unpack(model, tmp_path / "unpacked")
    assert yaml.safe_load((tmp_path / "unpacked/meta.yaml").read_text())["task"] == "aligned"
    assert read_json(tmp_path / "unpacked/config.json")["espnet"]["task"] == "aligned"


def test_its_weights_start_another_training(aligned, model, micro_config, tmp_path):
    from fangyan.training.initialise import INIT_WEIGHTS, write_weights

    write_weights(f"espnet:{model}", micro_config, tmp_path)
    assert (tmp_path / INIT_WEIGHTS).exists()
    assert hasattr(sketch(aligned.config, aligned.vocabulary), "head")


def test_what_was_learnt_from_other_vectors_is_not_up_to_date(aligned, tmp_path):
    assert not collect_stats(aligned) and not train(aligned)
    ark, scp = aligned.train / "teacher.ark", (aligned.train / "teacher.scp").read_text()
    kept = shutil.copy2(ark, tmp_path)
    teach(aligned.train, seed=7)
    assert (aligned.train / "teacher.scp").read_text() == scp
    with pytest.raises(UserError, match="was started otherwise .other training data.: choose another --tag"):
        train(aligned)
    shutil.copy2(kept, ark)
    assert not train(aligned)


def test_a_vector_that_cannot_be_read_is_named(aligned, tmp_path):
    cut = replace(aligned, train=shutil.copytree(aligned.train, tmp_path / "train"), exp=tmp_path / "exp")
    scp, ark = cut.train / "teacher.scp", cut.train / "teacher.ark"
    scp.write_text(scp.read_text().replace(str(aligned.train), str(cut.train)))
    ark.write_bytes(ark.read_bytes()[:-4])
    shutil.copytree(aligned.stats, cut.stats)
    with pytest.raises(
        DataError, match=r"train/teacher.scp:24: no matrix or vector of Kaldi for utterance yuetrain-s07 "
    ):
        train(cut)


def test_a_column_that_is_not_there_is_named(aligned, tmp_path):
    bare = replace(aligned, train=shutil.copytree(aligned.train, tmp_path / "train"), exp=tmp_path / "exp")
    (bare.train / "teacher.scp").unlink()
    with pytest.raises(DataError, match="train/teacher.scp: no such column"):
        collect_stats(bare)
    shutil.copytree(aligned.stats, bare.stats)
    with pytest.raises(DataError, match="train/teacher.scp: no such column"):
        train(bare)


def test_a_model_of_a_task_that_is_not_installed_is_refused_in_a_sentence(aligned, tmp_path):
    settings = yaml.safe_load((aligned.exp / "config.yaml").read_text())
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(settings | {"task": "gone"}))
    (tmp_path / "valid.loss_cosine.ave.pth").touch()
    with pytest.raises(DataError) as refused:
        load_encoder(f"espnet:{tmp_path}", "cpu")
    assert str(refused.value) == (
        f"{tmp_path / 'config.yaml'}: task 'gone' is not installed: known are asr, align, pretrain, aligned, masked: "
        "the model was trained with the package aligned-speech 1.0"
    )
    with pytest.raises(DataError, match="task 'gone' is not installed"):
        espnet_model.inference(tmp_path / "config.yaml", tmp_path / "valid.loss_cosine.ave.pth")


PRETRAINING = """\
task: masked
frontend: default
frontend_conf: {fs: 16k, n_fft: 512, win_length: 400, hop_length: 160, n_mels: 80}
normalize: global_mvn
preencoder_conf: {output_size: 32}
encoder: e_branchformer
encoder_conf: {output_size: 32, num_blocks: 2, attention_heads: 2, cgmlp_linear_units: 32, input_layer: null}
loss: [{name: hubert, conf: {num_classes: 5, final_dim: 16}}]
util: [{name: mask, conf: {mask_length: 4, mask_prob: 0.5}}]
collate_fn_conf: {crop_audio: false, pad: true, window_size: 25, window_shift: 10}
batch_type: sorted
batch_size: 8
max_epoch: 1
best_model_criterion: [[valid, loss, min]]
num_att_plot: 0
num_workers: 0
"""


def test_a_task_over_another_one_of_espnet_learns_from_units_alone(installed, job, tmp_path):
    config = tmp_path / "pretraining.yaml"
    config.write_text(PRETRAINING)
    data = {role: shutil.copytree(path, tmp_path / role) for role, path in job.sets().items()}
    for path in data.values():
        (path / "text_cmn").unlink()
        frames = {u.id: 1 + round(100 * u.duration) for u in datadir.read(path)}
        lines = (f"{key} {' '.join(str(n % 5) for n in range(count))}\n" for key, count in frames.items())
        (path / "text_units").write_text("".join(lines))
    units = replace(job, config=config, train=data["train"], dev=data["valid"], exp=tmp_path / "exp")
    assert collect_stats(units) and train(units)
    assert list(read_table(units.exp / "history.tsv")[0]) == ["epoch", "train_loss", "valid_loss", "seconds"]
    (feats,) = dump(f"espnet:{units.exp}", [units.dev], tmp_path / "feats")
    assert len(layers(feats)) == 4
    settings = yaml.safe_load((units.exp / "config.yaml").read_text())
    bare.write(settings, espnet_model.weights(str(units.exp)), {}, tmp_path)
    wave = np.zeros(16_000, np.float32)
    whole, alone = (load_encoder(f"espnet:{folder}", "cpu")(wave) for folder in (units.exp, tmp_path))
    assert all(np.array_equal(whole[layer], alone[layer]) for layer in whole)
    with pytest.raises(UserError, match="a model of the task 'masked' writes no text"):
        espnet_model.inference(units.exp / "config.yaml", units.exp / "valid.loss.ave.pth")


def test_what_is_no_task_is_refused(installed):
    from fangyan.encoders.espnet_build import task_class

    (installed / "aligned_speech-1.0.dist-info/entry_points.txt").write_text(
        "[fangyan.tasks]\naligned = aligned_speech:Task\nbroken = aligned_speech:Aligned\nabsent = aligned_speech:no\n"
    )
    with pytest.raises(UserError, match="task 'broken' is no class with fangyan.training.task.Trained"):
        task_class("broken")
    with pytest.raises(UserError, match="task 'absent' of aligned-speech does not load: .*no"):
        task_class("absent")
