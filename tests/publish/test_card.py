import json
import shutil

import pytest
import yaml
from huggingface_hub import ModelCard

from fangyan.errors import UserError
from fangyan.publish import card


@pytest.fixture
def changed(exp, tmp_path):
    """A copy of the experiment that may be changed."""
    return shutil.copytree(exp, tmp_path / "exp/micro", ignore=shutil.ignore_patterns("*.pth", "*.zip"))


@pytest.fixture(scope="module")
def written(exp):
    return card.write(card.read(exp), "user/name")


def front(text: str) -> dict:
    return yaml.safe_load(text.split("---\n")[1])


def section(text: str, title: str) -> str:
    return text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_the_front_matter_is_what_the_hub_lists(written):
    found = front(written)
    results = found.pop("model-index")
    assert found == {
        "language": ["cmn", "hak", "yue"],
        "license": "apache-2.0",
        "library_name": "espnet",
        "pipeline_tag": "feature-extraction",
        "tags": list(card.TAGS),
    }
    where = {"type": "mini_sinitic/test", "name": "mini_sinitic test"}
    recall = {"type": "recall_at_1", "value": 50.0, "name": "R@1, SeqSim of layer02"}
    errors = {"type": "cer", "value": 8.3, "name": "CER"}
    assert results == [
        {
            "name": "name",
            "results": [
                {"task": {"type": "feature-extraction"}, "dataset": where, "metrics": [recall]},
                {"task": {"type": "automatic-speech-recognition"}, "dataset": where, "metrics": [errors]},
            ],
        }
    ]


def test_the_hubs_own_reader_takes_it(written):
    read = ModelCard(written)
    assert [result.metric_value for result in read.data.eval_results] == [50.0, 8.3]
    assert read.data.model_name == "name"


def test_it_says_what_the_model_can_do_and_where(written):
    results = section(written, "Results")
    assert "| test     | layer02 | 50.0 | 100.0 | 50.0 | 8.3 |   8 |   12.5 |" in results
    assert "Use `layer02`: chosen on the development set" in results
    assert "### Layers on test" in results and "### CER on test" in results
    assert "They are not the form of transformers: its `AutoModel` does not read them." in written
    assert 'load_encoder("espnet:user/name")' in written and '["layer02"]' in written


def test_it_says_what_the_model_heard(written):
    data = section(written, "Training data")
    assert "| mini_sinitic | Hakka (hak)     |  1.00 |         10 |        2 |" in data
    assert "| all          |                 |  3.00 |         30 |          |" in data
    assert "**mini_sinitic**: The embedded corpus: parallel everyday sentences" in data


def test_its_limits_are_those_of_its_results(written):
    limits = section(written, "Limits")
    assert "from 25.0 % (Mandarin (cmn) to Hakka (hak)) to 75.0 % (Cantonese (yue) to Hakka (hak))" in limits
    assert "CER on test is a mean: from 4.2 % (Mandarin (cmn)) to 12.5 % (Hakka (hak))." in limits
    assert "Its decoder writes Mandarin wording whatever is spoken" in limits
    assert "uneven" not in limits


def test_uneven_data_is_told(changed):
    train = json.loads((changed / "train.json").read_text())
    for origin, hours in zip(train["data"]["train"]["origins"], (6.0, 3.0, 1.0), strict=True):
        origin["hours"] = hours
    (changed / "train.json").write_text(json.dumps(train))
    text = card.write(card.read(changed))
    assert "uneven, 60.0 % Mandarin (cmn) against 10.0 % Cantonese (yue)" in text


def test_the_licence_is_that_of_the_most_restrictive_corpus_and_says_why(changed, origin):
    origin(changed, "aishell", "magicdata", "fleurs")
    text = card.write(card.read(changed))
    assert front(text)["license"] == "cc-by-nc-nd-4.0"
    assert front(text)["datasets"] == ["google/fleurs"]
    licence = section(text, "Licence")
    assert "under CC BY-NC-ND 4.0 (https://creativecommons.org/licenses/by-nc-nd/4.0/)" in licence
    assert "of their licences the most restrictive holds, that of magicdata" in licence
    assert "Handing on such a model: yes; commercial use: no; deriving models from the data: no." in licence
    assert "aishell: Apache-2.0." in licence and "fleurs: CC BY 4.0." in licence


def test_terms_that_are_no_known_licence_are_linked(changed, origin):
    origin(changed, "aishell", "kespeech")
    found = front(card.write(card.read(changed)))
    wanted = {"license": "other", "license_name": "terms-of-kespeech", "license_link": "LICENSE"}
    assert wanted.items() <= found.items()


def test_a_permission_is_quoted_as_plain_words(exp):
    text = card.write(card.read(exp), "user/name", "the owner\n---\n<b>in *2026*</b>")
    assert "Published with permission: the owner --- &lt;b>in \\*2026\\*&lt;/b>" in section(text, "Licence")
    assert front(text)["license"] == "apache-2.0"


def test_the_model_that_training_began_from_is_named(changed):
    train = json.loads((changed / "train.json").read_text())
    for init, base in (("openai/whisper-tiny", "openai/whisper-tiny"), ("espnet:user/name@v1", "user/name")):
        (changed / "train.json").write_text(json.dumps(train | {"init": init}))
        assert front(card.write(card.read(changed)))["base_model"] == base
    for init in ("random", "espnet:../model.zip", str(changed)):
        (changed / "train.json").write_text(json.dumps(train | {"init": init}))
        assert "base_model" not in front(card.write(card.read(changed)))


def test_what_was_not_measured_or_recorded_is_said_to_be_so(changed):
    for part in ("retrieval", "decode"):
        shutil.rmtree(changed / part)
    train = json.loads((changed / "train.json").read_text())
    for key in ("data", "code"):
        del train[key]
    (changed / "train.json").write_text(json.dumps(train))
    text = card.write(card.read(changed))
    assert "Nothing was scored." in section(text, "Results")
    assert "None was chosen; `norm` is the last one." in section(text, "Results")
    assert "Not recorded." in section(text, "Training data")
    assert "What it was trained on was not recorded." in section(text, "Limits")
    assert "model-index" not in front(text) and front(text)["license_name"] == "terms-of-unknown"


def test_an_untrained_folder_has_no_card(tmp_path):
    with pytest.raises(UserError, match=r"no trained ESPnet model there: run \./run\.sh --stage train"):
        card.read(tmp_path)
