"""Every stage of the template on the micro corpus, for real, and again."""

import json
import os
import re
import shlex
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from repository import copy_folders, run_recipe

from fangyan.corpora import yubao
from fangyan.data import audio, datadir
from fangyan.files import fingerprint, read_table

LAYERS = ("layer00", "layer01", "layer02", "norm")
STAGES = "data tokens stats train decode score dump measure report pack".split()


@pytest.fixture(scope="module")
def recipe(tmp_path_factory) -> Path:
    """A recipe folder in a copy of the repository, in a place with a blank in its name."""
    return copy_folders(tmp_path_factory.mktemp("end to end")) / "egs2" / "kaldi" / "emb1"


@pytest.fixture(scope="module")
def options(sung, micro_config, tmp_path_factory) -> list[str]:
    quick = tmp_path_factory.mktemp("conf") / "quick.yaml"
    quick.write_text("beam_size: 2\nmaxlenratio: 0.5\n")
    corpus = ["--corpus_dir", str(sung["train"].parent), "--dev_set", "dev", "--test_sets", "test"]
    return [*corpus, "--train_config", str(micro_config), "--decode_config", str(quick), "--tag", "micro"]


@pytest.fixture(scope="module")
def finished(recipe, options) -> Path:
    result = run_recipe(recipe, *options)
    assert result.returncode == 0, result.stderr[-3000:]
    return recipe / "exp" / "micro"


def results(exp: Path) -> dict[str, str]:
    """Fingerprints of what a rerun must not change."""
    kept = [
        p for p in exp.rglob("*") if p.name in ("text", "cer.tsv", "pairs.tsv", "groups.tsv", "feats.ark")
    ]
    return {str(p.relative_to(exp)): fingerprint(p) for p in kept + sorted(exp.glob("*.pth"))}


def test_every_stage_leaves_what_it_promises(finished):
    promised = [
        "../../data/test/wav.scp",
        "../../data/token_list/train_text_cmn/tokens.txt",
        "stats/train/feats_stats.npz",
        "valid.acc.ave.pth",
        "train.log",
        "history.tsv",
        "decode/test/text",
        "decode/test/cer.tsv",
        *(f"feats/test/{layer}/feats.{kind}" for layer in LAYERS for kind in ("scp", "ark")),
        "baselines/random/feats/dev/norm/feats.ark",
        "baselines/mfcc/retrieval/test/pairs.tsv",
        "retrieval/test/groups.tsv",
        "retrieval_pooled/dev/pairs.tsv",
        "explain/test/telling.tsv",
        "explain/test/hit1/similarity.png",
        "RESULTS.md",
        "report.html",
        "images/heatmap.png",
        "images/layers.png",
        "images/training.png",
        "model.zip",
    ]
    assert [name for name in promised if not (finished / name).exists()] == []


def test_the_tables_have_the_promised_columns_and_rows(finished):
    rows = read_table(finished / "retrieval/test/pairs.tsv")
    assert list(rows[0]) == (
        "layer source target n recall_at_1 recall_at_5 recall_at_10 mrr median_rank chance ties".split()
    )
    assert len(rows) == 4 * 6
    assert {(row["n"], row["chance"]) for row in rows} == {("8", "0.125")}
    assert [row["variety"] for row in read_table(finished / "decode/test/cer.tsv")] == [
        "cmn",
        "hak",
        "yue",
        "all",
    ]
    stages = [row["stage"] for row in read_table(finished / "times.tsv")]
    assert stages[:10] == STAGES


def test_the_report_quotes_a_command_that_repeats_it(finished, options):
    text = (finished / "RESULTS.md").read_text()
    (quoted,) = {line.strip() for line in text.splitlines() if line.strip().startswith("./run.sh ")}
    words = shlex.split(quoted)
    assert words[0] == "./run.sh" and sorted(words[1:]) == sorted(options)
    assert re.search(r"\./run\.sh .*--corpus_dir \S+ .*--train_config \S+ .*--tag micro", text)


UP_TO_DATE = (
    "data",
    "data/token_list/train_text_cmn",
    "exp/micro/stats",
    "exp/micro",
    "exp/micro/decode",
    "exp/micro/decode/test/cer.tsv",
    "exp/micro/feats",
    "exp/micro/baselines/mfcc/feats",
    "exp/micro/retrieval",
    "exp/micro/control",
    "exp/micro/explain",
    "exp/micro/RESULTS.md",
    "exp/micro/model.zip",
)
"""What each stage says it has found finished."""
HEAVY = {"torch", "espnet2", "transformers", "matplotlib", "scipy"}


def test_a_second_run_repeats_nothing_and_loads_nothing_heavy_to_know_it(recipe, options, finished):
    before, report = results(finished), (finished / "RESULTS.md").stat().st_mtime_ns
    result = run_recipe(recipe, *options, PYTHONPROFILEIMPORTTIME="1")
    assert result.returncode == 0, result.stderr[-3000:]
    assert results(finished) == before != {}
    assert (finished / "RESULTS.md").stat().st_mtime_ns == report
    assert "written" not in result.stdout
    assert [name for name in UP_TO_DATE if f"{name}: up to date" not in result.stdout.splitlines()] == []
    loaded = re.findall(r"^import time:.*\| +(\w+)$", result.stderr, re.MULTILINE)
    assert "numpy" in loaded and HEAVY.isdisjoint(loaded)


def test_a_users_own_recordings_are_scored_with_a_packed_model(recipe, options, sung, finished):
    model = ["--download", str(finished / "model.zip"), "--tag", "mine", "--baselines", "fbank"]
    decoding = options[options.index("--decode_config") :][:2]
    result = run_recipe(recipe, "--corpus_dir", str(sung["test"]), *model, *decoding)
    assert result.returncode == 0, result.stderr[-3000:]
    for same in ("retrieval/test/pairs.tsv", "decode/test/text", "decode/test/cer.tsv"):
        assert (recipe / "exp/mine" / same).read_text() == (finished / same).read_text()
    chosen = re.search(r"\| test +\| (layer\d\d|norm) ", (finished / "RESULTS.md").read_text())[1]
    head = (recipe / "exp/mine/RESULTS.md").read_text().partition("\n## ")[0]
    assert re.findall(r"\| test +\| (layer\d\d|norm|fbank)\b", head) == [*LAYERS, "fbank"]
    assert f"recommended by the encoder, not chosen on these data: {chosen}." in head
    folds = [*model, *decoding, "--choose_layer", "folds", "--stage", "report", "--stop_stage", "report"]
    result = run_recipe(recipe, "--corpus_dir", str(sung["test"]), *folds)
    assert result.returncode == 0, result.stderr[-3000:]
    assert "4 sentences chose " in result.stdout


def test_a_table_of_ones_own_without_a_development_set_is_answered(recipe, sung):
    own = ["--corpus_dir", str(sung["test"]), "--encoder", "fbank", "--baselines", "mfcc"]
    result = run_recipe(recipe, *own)
    assert result.returncode == 0, result.stderr[-3000:]
    for name in ("fbank", "MFCC"):
        row = rf"\| test +\| {name} +\| +[\d.]+( \([\d.]+–[\d.]+\))? \| +[\d.]+ \| +8 \| +12.5 \|"
        assert re.search(row, result.stdout)
    text = (recipe / "exp/fbank/RESULTS.md").read_text()
    assert "| Mandarin (cmn) " in text and "No layer" not in text
    assert re.search(r"^\| 1 +\| s", text.partition("## Sentence by sentence")[2], re.MULTILINE)
    assert (recipe / "exp/fbank/explain/test/telling.tsv").exists()


def test_a_users_mistake_ends_the_run_with_its_reason(recipe, options, sung, tmp_path):
    broken = shutil.copytree(sung["test"].parent, tmp_path / "corpus")
    (broken / "test" / "wav.scp").write_text("cmntest-s00 sox cmntest-s00.wav -t wav - |\n")
    result = run_recipe(recipe, *options, "--corpus_dir", str(broken), "--tag", "broken")
    assert result.returncode == 2
    assert "wav.scp:1: wav.scp holds plain paths, got a pipe" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.fixture
def cluster(slurm, tmp_path) -> dict[str, str]:
    """The environment of a run on the cluster whose jobs are small, without GPU, and have as many threads as this."""
    threads = os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0))
    (tmp_path / "slurm.yaml").write_text(f"all: {{memory: 3G, gpus: 0, cpus: {threads}}}")
    return slurm.environment | {"FANGYAN_SLURM": str(tmp_path / "slurm.yaml")}


def test_the_cluster_gives_the_same_results(recipe, options, finished, cluster):
    cut = "--tag clustered --backend slurm --baselines= --stop_stage dump".split()
    result = run_recipe(recipe, *options, *cut, **cluster)
    assert result.returncode == 0, result.stderr[-3000:]
    found, wanted = results(recipe / "exp" / "clustered"), results(finished)
    same = [name for name in found if not name.endswith(".pth")]  # checkpoints hold times
    assert {"decode/test/text", "feats/dev/norm/feats.ark", "feats/test/layer00/feats.ark"} <= set(same)
    assert [name for name in same if found[name] != wanted[name]] == []
    status = run_recipe(recipe, *options, *cut, "--status", **cluster).stdout.splitlines()
    wanted = [[stage, "done"] for stage in STAGES[:7]]
    assert [line.split()[1:3] for line in status[1:9]] == [*wanted[:2], ["teach", "-"], *wanted[2:]]


def test_a_chain_of_jobs_scores_an_encoder_while_nobody_waits(recipe, options, finished, slurm, cluster):
    chain = "--encoder fbank --tag left --backend slurm --submit --baselines= --stop_stage measure".split()
    result = run_recipe(recipe, *options, *chain, **cluster)
    assert result.returncode == 0, result.stderr[-3000:]
    while slurm.command("squeue", "--noheader"):
        time.sleep(0.5)
    table = "retrieval/test/pairs.tsv"
    assert (recipe / "exp/left" / table).read_text() == (finished / "baselines/fbank" / table).read_text()
    status = run_recipe(recipe, *options, *chain, "--status", **cluster).stdout
    assert re.search(r"9 measure +done", status) and not (recipe / "exp/left/.stage").exists()


RECORDED = {
    "11127": "{}⁵⁵",
    "04G96": "{}55/ba44",
    "04G97": "{}˧˥,",
    "26J45": "ˈ{}꜔",  # shares its name with 26D56
    "26A53": "{}※",
    "32C89": "{}",
}
"""Sites of the miniature that have audio, one or two of a group, and how odd their IPA is, a syllable at a time."""
MISLED = "32C89"
"""Here each sentence sounds as the next one elsewhere."""
SYLLABLES = ("pʰa", "ni", "ku", "sɔŋ", "tɕʰyn", "mɛ")


def said(site: str, sentence: int) -> dict[str, str]:
    """A row of YuBao's metadata; one IPA is blank."""
    first = sentence + (site == MISLED)
    syllables = (SYLLABLES[n % len(SYLLABLES)] for n in (first, first + 1))
    ipa = " ".join(map(RECORDED.get(site, "{}").format, syllables))
    return {
        "utterance_id": f"{site}mb01yf{sentence:04d}",
        "transcript": f"{site}话{sentence}",
        "translation": f"第{sentence}句",
        "ipa": "" if (site, sentence) == ("04G97", 1) else ipa,
    }


def sounded(path: Path, site: int, sentence: int) -> None:
    """A recording: two tones that only its sentence has, at the pitch of its site; one is stereo at 44.1 kHz."""
    rate, channels = (44_100, 2) if (site, sentence) == (1, 4) else (16_000, 1)
    time = np.arange(rate // 4) / rate
    notes = [220 * (1 + 0.01 * site) * 2 ** ((2 * sentence + note) / 4) for note in (0, 1)]
    samples = np.concatenate([0.3 * np.sin(2 * np.pi * note * time) for note in notes])
    soundfile.write(path, np.stack([samples] * channels, 1), rate)


@pytest.fixture(scope="module")
def scraped(tmp_path_factory) -> Path:
    """YuBao in miniature: metadata of six sentences at all 78 sites, audio of six sites; of either one is missing."""
    root = tmp_path_factory.mktemp("yu bao")
    rows = [said(site, n) for place in yubao.sites() for site in place.ids for n in range(1, 7)]
    kept = [row for row in rows if row["utterance_id"] != "26A53mb01yf0003"]
    (root / "yubao_videos.jsonl").write_text("\n".join(map(json.dumps, kept)), encoding="utf-8")
    for place, site in enumerate(RECORDED):
        home = root / f"省_市_{site}"
        home.mkdir()
        for n in range(1, 7):
            sounded(home / f"{site}mb01yf{n:04d}.wav", place, n)
    (root / "省_市_26A53/26A53mb01yf0003.wav").unlink()
    (root / "省_市_04G96/04G96mb01yf0002.wav").unlink()
    return root


FBANK = ("--encoder", "fbank", "--baselines", "")


@pytest.fixture(scope="module")
def benchmark(recipe) -> Path:
    return recipe.parents[1] / "yubao" / "emb1"


@pytest.fixture(scope="module")
def measured(benchmark, scraped) -> Path:
    """The experiment folder of fbank on the miniature."""
    refused = run_recipe(benchmark, *FBANK, "--corpus_dir", str(scraped))
    assert refused.returncode == 2
    assert "recordings are missing (or empty files) at 73 of 78 sites" in refused.stderr
    result = run_recipe(
        benchmark, *FBANK, "--corpus_dir", str(scraped), "--corpus_options", "allow_missing=true"
    )
    assert result.returncode == 0, result.stderr[-3000:]
    assert (
        "34 utterances, 0.00 h; left out: 433 missing recording, 1 sentence missing upstream" in result.stdout
    )
    assert (
        "data/test: 2 IPA symbols are left out of the phonetic distance: '※' (10), '□' (1)" in result.stderr
    )
    assert "data/test: 1 utterances have no IPA that panphon knows" in result.stderr
    return benchmark / "exp" / "fbank"


def test_yubao_becomes_one_data_directory(benchmark, measured):
    utterances = {u.id: u for u in datadir.read(benchmark / "data/test")}
    assert len(utterances) == 34 and {u.variety for u in utterances.values()} == set(RECORDED)
    stereo = utterances["04G96mb01yf0004"]
    assert audio.probe(benchmark / stereo.wav) == audio.Info(16_000, 1, 8_000) and stereo.duration == 0.5
    assert (stereo.sentence, stereo.text, stereo.text_cmn) == ("0004", "04G96话4", "第4句")
    assert utterances["04G97mb01yf0001"].ipa == "□"
    assert datadir.read_groups(benchmark / "data/test")["26J45"] == "hsn"


def test_yubao_is_scored_by_pairs_of_sites_and_of_groups(measured):
    pairs = read_table(measured / "retrieval/test/pairs.tsv")
    counts = {(row["source"], row["target"]): row["n"] for row in pairs}
    assert len(pairs) == 6 * 5
    assert counts["11127", "26J45"] == "6"
    assert counts["11127", "04G96"] == counts["26A53", "11127"] == "5"  # without sentence 2, without 3
    assert counts["04G96", "26A53"] == "4"  # without both
    assert {row["recall_at_1"] for row in pairs} == {"1"}
    groups = {
        (r["source_group"], r["target_group"]): r["pairs"]
        for r in read_table(measured / "retrieval/test/groups.tsv")
    }
    assert groups["wuu", "hsn"] == "4" and groups["wuu", "wuu"] == "2" and groups["yue", "zh_standard"] == "1"
    assert len(groups) == 4 * 4 - 2  # one site of zh_standard, one of yue


def test_yubao_is_controlled_for_sound_from_its_own_ipa(measured):
    *pairs, whole = read_table(measured / "control/test/controlled.tsv")
    for row in pairs:
        misled = MISLED in (row["source"], row["target"])
        assert (row["n_controlled"] == "0") != misled
        assert not misled or (row["recall_at_1_controlled"], row["phonetics_recall_at_1_controlled"]) == (
            "1",
            "0",
        )
    # Three sites have 6 sentences with IPA, three lack one each: 6 * 6 + 18 * 5 + 6 * 4. Sound misleads in the 10 pairs
    # of one site, but for the one sentence whose double is the blank: 4 * 6 + 6 * 5 - 1.
    assert (whole["n"], whole["n_controlled"], whole["recall_at_1"]) == ("150", "53", "1")
    assert float(whole["phonetics_recall_at_1"]) == pytest.approx(97 / 150, rel=1e-5)
    assert {row["source"] for row in read_table(measured / "control/test/pronunciation.tsv")} == {"utt2ipa"}
    assert "64.7" in (measured / "RESULTS.md").read_text() and (measured / "report.html").exists()
