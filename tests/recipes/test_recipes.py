import json
import re
import shlex
from pathlib import Path

import pytest
from desk import DUAL, PRE, TEMPLATE

from fangyan import recipes
from fangyan.files import ROOT
from fangyan.recipes import options
from fangyan.recipes.options import Options

STAGES = "data tokens teach stats train decode score dump measure report pack".split()
RECIPES = sorted(ROOT.glob("egs2/*/emb1/run.sh"))


@pytest.fixture(autouse=True)
def desk(tmp_path, monkeypatch) -> Path:
    """A recipe's folder to stand in; nothing is known of Slurm or of the Hub."""
    monkeypatch.chdir(tmp_path)
    for name in ("SLURM_JOB_ID", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    monkeypatch.setattr("fangyan.cluster.scheduler.installed", lambda: False)
    return tmp_path


def mistakes(*given: str, stages=STAGES, exp: str = "exp/x") -> list[str]:
    return recipes.mistakes(given, stages, Path(exp))


def test_the_pipeline_as_it_stands_is_right():
    assert mistakes() == []


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.parts[-3])
def test_each_recipe_is_right_once_its_corpus_is_named(recipe, monkeypatch, tmp_path):
    monkeypatch.chdir(recipe.parent)
    own = [f"{name}={value}" for name, value in options.of_recipe(Path("run.sh")).items()]
    if "mixture" in options.of_recipe(Path("run.sh")):
        assert len(mistakes(*own)) == 1  # where its corpora lie
        return
    found = mistakes(
        *own, "encoder=fbank", *([] if "corpus_dir" in shlex.join(own) else [f"corpus_dir={tmp_path}"])
    )
    assert found == []


def test_what_a_recipe_says_is_read_from_its_script(desk):
    (desk / "run.sh").write_text(
        "#!/bin/sh\n# Mine: ./run.sh --corpus_dir DIR\n# more\nexec ../emb.sh \\\n"
        '  --corpus mine --test_sets "a b" \\\n'
        '  "$@"\n'
    )
    assert options.of_recipe(Path("run.sh")) == {"corpus": "mine", "test_sets": "a b"}
    assert options.usage() == ["Mine: ./run.sh --corpus_dir DIR"]
    parsed = Options.parse(["test_sets=a b", "seed=3"], STAGES, Path("exp/x"))
    assert not parsed.typed("test_sets") and parsed.typed("seed") and parsed["corpus"] == "mine"
    assert (
        parsed["train_config"] == "conf/train/e_branchformer.yaml"
        and parsed["baselines"] == "random fbank mfcc"
    )


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("nj=0", "--nj is a whole number from 1, got 0"),
        ("num_nodes=0", "--num_nodes is a whole number from 1, got 0"),
        ("ngpu=x", "--ngpu is a whole number from 0, got x"),
        ("ngpu=-1", "--ngpu is a whole number from 0, got -1"),
        ("seed=4294967296", "--seed is a whole number from 0 to 4294967295, got 4294967296"),
        ("control_quantile=5", "--control_quantile is a number from 0 to 1, got 5"),
        ("control_quantile=nan", "--control_quantile is a number from 0 to 1, got nan"),
        ("control_quantile=a", "--control_quantile is a number from 0 to 1, got a"),
        ("target=texx", "--target is text_cmn or text, got 'texx'"),
        ("text_form=latin=maybe", "--text_form: a text form is NAME=VALUE words out of"),
        ("choose_layer=folds", "--choose_layer folds takes the place of a development set: add --dev_set ''"),
        ("choose_layer=halves", "--choose_layer is folds, or empty, got halves"),
        ("tag=../x", "--tag is the name of a folder in exp, got '../x'"),
        ("tag=/x", "--tag is the name of a folder in exp, got '/x'"),
        ("test_sets=test data/far", "--test_sets is a name in data/, got data/far: write far"),
        ("dev_set=dev far", "--dev_set is one set, got 'dev far'"),
        ("corpus=mini", "unknown corpus 'mini': known are"),
        (
            "corpus_options=loud=true",
            "corpus mini_sinitic: an option is NAME=VALUE, got 'loud=true': known are none",
        ),
        ("encoder=whisper", "--encoder: unknown encoder 'whisper': known forms are espnet:<"),
        (
            "encoder=openai/whisper-tiny",
            "unknown encoder 'openai/whisper-tiny', did you mean hf:openai/whisper-tiny?",
        ),
        ("encoder=exp/x", "did you mean espnet:exp/x?"),
        (
            "encoder=text:user/name",
            "--encoder text:user/name: it encodes texts, and run.sh measures recordings",
        ),
        ("encoder=mfcc:2", "encoder mfcc takes no argument, got mfcc:2"),
        (
            "encoder=hf:",
            "--encoder: a Hugging Face id (USER/NAME), or the path of a model, is needed, got nothing",
        ),
        ("encoder=hf:/gone", "--encoder: /gone: no such path here, and no Hugging Face id"),
        ("encoder=espnet:exp/gone", "--encoder: exp/gone: no such path here, seen from"),
        ("encoder=espnet:gone", "--encoder: ./gone: no such path here, seen from"),
        ("download=model.zip", "--download model.zip: ./model.zip: no such path here"),
        ("baselines=random mffc", "--baselines: unknown encoder 'mffc', did you mean mfcc?"),
        ("init=foo:bar", "--init foo:bar: known are a Hugging Face id, a folder, espnet:<"),
        ("init=espnet:../gone", "--init: ../gone: no such path here"),
        ("layers=layer03 layer09", "--layers layer09: no layer 'layer09': known are layer00, layer01,"),
        ("layers=layer03+layer5", "--layers layer03+layer5: no layer 'layer5': known are"),
        ("layers=layer03+", "--layers layer03+: a layer, or several joined by + to concatenate them"),
        ("exit_layers=layer00", "--exit_layers layer00: no layer 'layer00': known are layer01, layer02,"),
        ("exit_layers=layer01+norm", "--exit_layers layer01+norm: no layer 'layer01+norm'"),
        ("decode_config=conf/measure.yaml", "conf/measure.yaml:1: a configuration is a mapping"),
        ("decode_config=conf/train/whisper.yaml", "unknown key 'frontend'"),
        ("measures=conf/slurm.yaml", "measurements are a list"),
        ("hf_repo=me/x", "--hf_repo is for the stage publish, which does not run: add --stop_stage publish"),
        ("private=true", "--private is for the stage publish"),
        ("backend=slurm", "--backend slurm: there is no Slurm here (no sbatch)"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(option, told):
    (found,) = mistakes(option)
    assert told in found


def test_a_teacher_that_is_no_encoder_is_told_before_anything_runs(desk):
    config = desk / "taught.yaml"
    config.write_text(f"include: {ROOT}/conf/train/align.yaml\nteacher: texts:e5\n")
    (found,) = mistakes(f"train_config={config}")
    assert "taught.yaml: teacher: unknown encoder 'texts', did you mean text?" in found


def test_the_joint_layer_of_an_aligned_encoder_is_known(desk):
    align = f"train_config={ROOT}/conf/train/align.yaml"
    assert mistakes(align, "layers=joint norm") == []
    (found,) = mistakes(f"train_config={ROOT}/conf/train/e_branchformer.yaml", "layers=joint")
    assert "no layer 'joint'" in found


def test_all_mistakes_are_told_at_once():
    assert [line.split()[0] for line in mistakes("nj=0", "target=x", "layers=a")] == [
        "--nj",
        "--target",
        "--layers",
    ]


def test_what_no_stage_of_the_run_reads_is_not_looked_for(desk):
    (desk / "exp/x/feats").mkdir(parents=True)
    gone = ["corpus_dir=/gone", "corpus=kaldi", "decode_config=conf/measure.yaml", "measures=conf/slurm.yaml"]
    assert mistakes(*gone, stages=["report"]) == []
    assert len(mistakes(*gone)) == 3


# --- data ---


def test_the_folder_of_a_corpus_is_told_with_the_place_it_is_seen_from(desk):
    assert mistakes("corpus=kaldi", "corpus_dir=/gone") == [
        "corpus kaldi: --corpus_dir /gone: no such file or folder"
    ]
    (found,) = mistakes("corpus=kaldi", "corpus_dir=gone")
    assert found == f"corpus kaldi: --corpus_dir gone: no such file or folder, seen from {desk}"
    (desk / "gone").mkdir()
    assert mistakes("corpus=kaldi", "corpus_dir=gone") == []


def test_a_bare_call_of_a_recipe_that_trains_nothing_shows_its_own_line_once(monkeypatch):
    line = "\n  Your own Kaldi data directory, measured with any encoder: ./run.sh --corpus_dir DIR --encoder SPEC"
    monkeypatch.chdir(ROOT / "egs2/kaldi/emb1")
    bare = ["corpus=kaldi", "dev_set="]
    assert mistakes(*bare) == [
        f"nothing is trained without --dev_set SET: name an encoder to measure, --encoder SPEC{line}",
        "corpus kaldi: say where the data directory lies with --corpus_dir DIR",
    ]
    assert mistakes(*bare, "encoder=fbank") == [
        f"corpus kaldi: say where the data directory lies with --corpus_dir DIR{line}"
    ]
    assert mistakes(*bare, "corpus_dir=.", stages=["data"]) == []


def test_a_mixture_is_read_and_its_corpora_are_looked_for(desk):
    assert "corpora of the mixture are missing" in mistakes("mixture=conf/mixtures/open.yaml")[0]
    (desk / "bad.yaml").write_text("corpora: {aishel: {}}\n")
    assert "aishel" in mistakes("mixture=bad.yaml")[0]
    found = mistakes("mixture=bad.yaml", "corpus_dir=x")
    assert found[0] == "--corpus_dir changes nothing with --mixture: leave one of them out"


# --- what would be ignored ---


@pytest.mark.parametrize(
    ("given", "ignored"),
    [
        (["encoder=fbank", "exit_layers=layer02"], "--exit_layers changes nothing with --encoder"),
        (["encoder=fbank", "init=openai/whisper-tiny"], "--init changes nothing with --encoder"),
        (["encoder=fbank", "seed=2"], "--seed changes nothing with --encoder"),
        (["encoder=fbank", "target=text"], "--target changes nothing with --encoder"),
        (["download=user/name", "vocabulary=300"], "--vocabulary changes nothing with --download"),
    ],
)
def test_what_would_be_ignored_is_refused(given, ignored):
    assert mistakes(*given) == [f"{ignored}: leave one of them out"]


def test_what_the_recipe_itself_says_may_be_ignored_and_configurations(desk):
    (desk / "run.sh").write_text("exec ../emb.sh --target text --train_config conf/train/whisper.yaml")
    assert mistakes("target=text", "train_config=conf/train/whisper.yaml", "encoder=fbank") == []
    assert mistakes("download=user/name", "target=text", "exit_layers=layer02", "text_form=latin=true") == []
    gone = ["train_config=/gone.yaml", "decode_config=/gone.yaml"]
    assert mistakes("encoder=fbank", *gone, stages=["data", "dump"]) == []


# --- configurations ---


def test_a_training_configuration_of_ones_own_is_read_by_what_espnet_knows(desk):
    (desk / "mine.yaml").write_text("encoderr: conformer\n")
    (found,) = mistakes("train_config=mine.yaml")
    assert "mine.yaml: unknown key 'encoderr': did you mean 'encoder'?" in found
    (desk / "mine.yaml").write_text("include: [\n")
    (found,) = mistakes("train_config=mine.yaml")
    assert "mine.yaml:2: not readable as YAML" in found


def test_measures_of_ones_own_are_read_with_their_changes(desk):
    (desk / "mine.yaml").write_text("- retrieve: {scor: pooled}\n")
    assert "unknown key 'scor': did you mean 'score'?" in mistakes("measures=mine.yaml")[0]
    (desk / "mine.yaml").write_text("- retrieve\n")
    assert "no control is listed" in mistakes("measures=mine.yaml", "control_quantile=0.5")[0]
    assert mistakes("measures=mine.yaml", "word_test=true") == []


def test_a_training_has_gpus_that_are_here(monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    assert mistakes("ngpu=1") == mistakes("ngpu=0") == mistakes("ngpu=2", stages=["data"]) == []
    assert mistakes("ngpu=2") == ["--ngpu 2: 1 GPUs are visible here; --ngpu 0 trains on the CPU"]
    monkeypatch.setenv("WORLD_SIZE", "2")  # each process may see one of its own
    assert mistakes("ngpu=2") == []


# --- encoders and layers ---


def test_a_stage_goes_on_only_with_an_experiment_that_is_there(desk):
    (desk / "exp/mine").mkdir(parents=True)
    (desk / "exp/mine/times.tsv").touch()
    for stage in ("decode", "dump", "measure", "report", "pack"):
        told = [f"--stage {stage}: exp/gone: no such experiment: known are mine"]
        assert mistakes(stages=[stage], exp="exp/gone") == told
        assert mistakes(stages=[stage], exp="exp/mine") == []
        assert mistakes("dry_run=true", stages=[stage], exp="exp/gone") == []
    assert mistakes("encoder=fbank", stages=["dump"], exp="exp/gone") == []
    assert mistakes("encoder=fbank", stages=["measure"], exp="exp/gone") != []
    assert mistakes(stages=["tokens"], exp="exp/gone") == []


def test_layers_are_those_of_the_experiment_where_nothing_is_trained_now(desk):
    (desk / "exp/x").mkdir(parents=True)
    (desk / "exp/x/times.tsv").touch()
    (desk / "exp/x/config.yaml").write_text("encoder_conf: {num_blocks: 6}\n")
    assert mistakes("layers=layer06", stages=["measure"]) == []
    assert mistakes("layers=layer06", stages=["train", "measure"]) != []
    assert mistakes("layers=layer07", stages=["measure"]) != []


@pytest.mark.parametrize(("layer", "right"), [("layer03", True), ("norm", True), ("layer04", False)])
def test_layers_of_a_model_of_transformers_are_told_by_its_settings(desk, layer, right):
    (desk / "w").mkdir()
    (desk / "w/config.json").write_text('{"encoder_layers": 3, "num_hidden_layers": 9}')
    (desk / "w/model.safetensors").touch()
    assert (mistakes("encoder=hf:w", f"layers={layer}") == []) is right


def test_layers_nobody_can_know_yet_are_let_pass(desk):
    assert mistakes("encoder=hf:user/name", "layers=layer99") == []
    assert mistakes("download=user/name", "exit_layers=layer99") == []
    (desk / "w.zip").write_bytes(b"no zip")
    assert len(mistakes("encoder=espnet:w.zip", "layers=layer99")) == 1


def test_layers_of_a_model_of_the_hub_are_known_where_it_was_downloaded_before(desk, monkeypatch):
    whisper = in_cache(monkeypatch, desk, "user/whisper")
    (whisper / "config.json").write_text('{"encoder_layers": 3}')
    ours = in_cache(monkeypatch, desk, "user/ours")
    (ours / "config.json").write_text('{"espnet": {"encoder_conf": {"num_blocks": 2}}}')
    (ours / "encoder.safetensors").touch()
    for right in (
        ["encoder=hf:user/whisper", "layers=layer03"],
        ["download=user/ours", "exit_layers=layer02"],
    ):
        assert mistakes(*right) == []
        (found,) = mistakes(right[0], right[1][:-1] + "9")
        assert "no layer 'layer09': known are" in found


def in_cache(monkeypatch, desk: Path, name: str) -> Path:
    """The folder of a model, as the cache of the Hub has it."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(desk / "cache"))
    home = desk / "cache" / f"models--{name.replace('/', '--')}"
    (home / "refs").mkdir(parents=True)
    (home / "refs/main").write_text("c" * 40)
    (home / "snapshots" / ("c" * 40)).mkdir(parents=True)
    return home / "snapshots" / ("c" * 40)


# --- initial weights ---


@pytest.mark.parametrize("source", ["whisper", "user/whisper"])
def test_initial_weights_that_do_not_fit_are_told_by_their_shapes(desk, monkeypatch, source):
    folder = in_cache(monkeypatch, desk, source) if "/" in source else desk / source
    sizes = {"d_model": 8, "encoder_layers": 1, "encoder_attention_heads": 2, "encoder_ffn_dim": 16}
    config = {"model_type": "whisper", "decoder_layers": 1, "decoder_attention_heads": 2} | sizes
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.safetensors").touch()
    (desk / "mine.yaml").write_text(
        f"include: {ROOT}/conf/train/whisper.yaml\n"
        "encoder_conf: {num_blocks: 1, output_size: 8, attention_heads: 2, linear_units: 16}\n"
        "decoder_conf: {attention_heads: 2}\n"
    )
    assert mistakes(f"init={source}", "train_config=mine.yaml") == []
    (found,) = mistakes(f"init={source}", "train_config=conf/train/whisper_tiny.yaml")
    assert found.startswith(f"--init {source}: 67 weights do not fit the encoder of")
    assert "  after_norm.bias: [8] instead of [384]" in found and found.endswith("  and 47 more")
    (desk / "exp/x/init").mkdir(parents=True)  # begun: the training itself says what has changed
    assert mistakes(f"init={source}", "train_config=conf/train/whisper_tiny.yaml") == []


def test_initial_weights_that_are_no_whisper_are_told(desk):
    (desk / "w").mkdir()
    (desk / "w/config.json").write_text('{"model_type": "bert"}')
    (desk / "w/model.safetensors").touch()
    (found,) = mistakes("init=w")
    assert found.startswith("--init: w: no speech encoder, but a model of type bert: ")


# --- the Hub and the cluster ---

PUBLISH = [*STAGES, "publish"]


def test_publishing_needs_a_repository_and_a_token(monkeypatch):
    missing = "publishing needs a token of the Hugging Face Hub: `hf auth login`, or set HF_TOKEN"
    assert mistakes("hf_repo=me/x", stages=PUBLISH) == [missing]
    monkeypatch.setattr("huggingface_hub.get_token", lambda: "secret")
    assert mistakes("hf_repo=me/x", "revision=v1/b", "private=true", stages=PUBLISH) == []
    for name in ("", "me", "me/", "/x", "a/b/c", "me/x y", "hf.co/me/x", "me/-x"):
        (found,) = mistakes(f"hf_repo={name}", stages=PUBLISH)
        assert found == f"--hf_repo is USER/NAME of the Hugging Face Hub, got {name!r}"
    (found,) = mistakes("hf_repo=me/x", "revision=a b", stages=PUBLISH)
    assert found == "--revision is the name of a branch, got 'a b'"


def test_slurm_is_needed_only_where_jobs_are_submitted_and_its_classes_are_read(desk, monkeypatch):
    assert mistakes("backend=slurm", "dry_run=true") == []
    monkeypatch.setenv("FANGYAN_SLURM", str(desk / "slurm.yaml"))
    (desk / "slurm.yaml").write_text("gpu: {partitoin: a}\n")
    (found,) = mistakes("backend=slurm", "dry_run=true")
    assert "unknown key 'partitoin': did you mean 'partition'?" in found
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    assert mistakes("backend=slurm") == []


@pytest.mark.parametrize(
    ("template", "option", "task", "told"),
    [
        (
            TEMPLATE,
            "train_config",
            "dual",
            "the task dual is no train_config here: .* of egs2/TEMPLATE/dual1/dual.sh",
        ),
        (
            PRE,
            "train_config",
            "asr",
            "the task asr is no train_config here: .* --finetune_config of egs2",
        ),
        (PRE, "train_config", "align", "the task align is no train_config here"),
        (
            PRE,
            "finetune_config",
            "pretrain",
            "the task pretrain is no finetune_config here: .* --train_config of",
        ),
        (
            DUAL,
            "train_config",
            "pretrain",
            "the task pretrain is no train_config here: .* egs2/TEMPLATE/pre1/pre.sh",
        ),
    ],
)
def test_a_configuration_of_another_recipe_is_told_with_the_one_that_takes_it(
    tmp_path, template, option, task, told
):
    (tmp_path / "mine.yaml").write_text(f"task: {task}\n")
    stages = "data stats train pretrain finetune".split()
    found = recipes.mistakes([f"{option}=mine.yaml"], stages, tmp_path / "exp/x", template)
    assert any(re.search(f"^--{option} mine.yaml: a configuration of {told}", one) for one in found), found
