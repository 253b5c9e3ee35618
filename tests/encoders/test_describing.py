"""What `encoders` prints: the forms of SPECs without anything heavy, and the facts of some."""

import subprocess
import sys
from math import inf

import pytest
from click.testing import CliRunner
from tower_models import TOWERS

from fangyan.__main__ import cli
from fangyan.encoders import FAMILIES, describing, towers
from fangyan.encoders.facts import Facts
from fangyan.encoders.hub import Listing
from fangyan.encoders.huggingface import _stack
from fangyan.errors import UserError
from fangyan.files import ROOT

SIZES = {"config.json": 1200, "model.safetensors": 967_000_000}
SMALL = Facts(
    "whisper",
    ("layer00", "layer01", "layer02", "norm"),
    50.0,
    768,
    True,
    30.01,
    parameters=88_154_112,
    licence="apache-2.0",
    files=Listing(SIZES, ("model.safetensors",), ("model.safetensors",)),
)
TEXT = Facts("bert", ("layer00", "sentence"), 0.0, 384, False, 512, "sentence", "text", 1_200_000_000)
LITTLE = Facts("firered", frame_rate=25.0, batched=True, files=Listing({"cmvn.ark": 1300}))


def test_a_line_for_each_family_is_printed_without_torch(package):
    code = (
        "import sys; sys.argv = ['fangyan', 'encoders']\n"
        "from fangyan.__main__ import main\n"
        "try: main()\n"
        "finally: print({'torch', 'transformers', 'espnet2'} & set(sys.modules))"
    )
    environment = {"PYTHONPATH": str(ROOT / "local"), "PYTHONUTF8": "1"}
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    header, *lines, loaded = run.stdout.splitlines()
    assert loaded == "set()" and header.split()[0] == "SPEC,"
    assert [line.split()[0].partition(":")[0] for line in lines] == [*FAMILIES]
    assert max(map(len, lines)) <= 80
    package("loud_speech", "[fangyan.encoders]\nloud = loud_speech", "", "1.0")
    assert describing.list_forms().splitlines()[-1].split() == "loud of the package loud_speech 1.0".split()


@pytest.mark.parametrize("name", FAMILIES)
def test_an_example_is_of_its_family_and_has_an_argument_where_one_is_taken(name):
    family, colon, argument = FAMILIES[name].example.partition(":")
    assert family == name and bool(colon) == bool(argument) == bool(FAMILIES[name].argument)


def test_the_facts_of_one_stand_below_each_other():
    assert describing.describe("hf:user/name", SMALL).splitlines() == [
        "hf:user/name",
        "  type        whisper",
        "  layers      layer00 to layer02, norm",
        "  frames/s    50",
        "  width       768",
        "  parameters  88.2 M",
        "  files       967.0 MB in 2 files, to be downloaded 967.0 MB: model.safetensors",
        "  licence     apache-2.0",
        "  batches     any lengths",
        "  at once     30 s",
    ]


def test_what_is_not_known_is_said_and_what_there_is_not_is_left_out():
    lines = describing.describe("firered:user/name", LITTLE).splitlines()
    assert "  layers      known when its weights are here" in lines
    assert "  files       1.3 kB in 1 file, without weights, all here" in lines
    assert "  licence     not said" in lines
    found = describing.describe("fbank", Facts("fbank", ("fbank",), 100.0, 80, True, inf, parameters=0))
    assert not [word for word in ("parameters", "files", "licence", "compare") if word in found]
    assert "  at once     any" in found.splitlines()


def test_an_encoder_of_text_counts_tokens_and_has_no_frames_a_second():
    lines = describing.describe("text:x", TEXT).splitlines()
    assert "  at once     512 tokens" in lines and "  compare at  sentence" in lines
    assert "  parameters  1,200.0 M" in lines and "  layers      layer00, sentence" in lines
    assert not [line for line in lines if "frames/s" in line]


def test_without_an_answer_of_the_hub_the_cache_is_told():
    held = Listing({"config.json": 1200}, silence="offline mode is enabled")
    (line,) = [x for x in describing.describe("hf:a/b", Facts("x", files=held)).splitlines() if "files" in x]
    assert line == (
        "  files       1.2 kB in 1 file, without weights, in the cache; what else there is the Hub did not say "
        "(offline mode is enabled)"
    )


def test_several_are_a_table_of_a_row_each():
    header, rule, *rows = describing.markdown(
        [("hf:a|b", SMALL), ("firered:x", LITTLE), ("text:y", TEXT)]
    ).splitlines()
    assert len({line.count("|") for line in (header, rule, *rows)}) == 1
    assert rows[0].startswith(
        "| `hf:a/b` | whisper | layer00 to layer02, norm | 50 | 768 | 88.2 M | 967.0 MB |"
    )
    assert rows[1].startswith("| `firered:x` | firered | ? | 25 | ? | ? | – | not said | any lengths | ? |")
    assert "| bert, of texts | layer00, sentence | – | 384 |" in rows[2]


def test_the_verb_prints_facts_and_ends_at_the_first_encoder_that_is_none():
    run = CliRunner().invoke
    done = run(cli, ["encoders", "mfcc", "fbank"])
    assert done.exit_code == 0 and done.output.count("  width ") == 2
    done = run(cli, ["encoders", "mfcc", "fbnk"])
    assert done.output.startswith("mfcc\n") and "unknown encoder 'fbnk', did you mean fbank?" in str(
        done.exception
    )
    assert "| `mfcc` |" in run(cli, ["encoders", "mfcc", "--markdown"]).output
    assert isinstance(run(cli, ["encoders", "--markdown"]).exception, UserError)


@pytest.mark.parametrize(
    ("row", "model"), [("MedASR", "medasr"), ("Parakeet", "parakeet-ctc"), ("SpeechT5", "speecht5")]
)
def test_rows_of_the_page_are_of_the_default_settings_that_they_say_they_are_of(row, model, tmp_path):
    import transformers

    kind = getattr(transformers, TOWERS[model].kind)
    kind.config_class(architectures=[kind.__name__]).save_pretrained(tmp_path)
    encoder = towers.find(tmp_path).encoder
    blocks = [f"layer{n:02d}" for n in range(len(_stack(encoder)) + 1)]
    names = [*blocks, *(["norm"] if TOWERS[model].norm else [])]
    count = sum(weight.numel() for weight in encoder.parameters()) / 1e6
    page = (ROOT / "docs/encoders.md").read_text(encoding="utf-8")
    (line,) = [line for line in page.splitlines() if line.startswith(f"| {row} ")]
    assert f"| {describing.span(names)} | {TOWERS[model].rate:.4g} | {count:,.1f} M |" in line
    assert line.endswith("| defaults |")
