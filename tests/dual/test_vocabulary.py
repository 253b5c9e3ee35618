import pytest
import torch

from fangyan.dual import llm_folder, vocabulary
from fangyan.encoders.unit_strings import of_text, of_units, prefix_tokens, unit_tokens
from fangyan.errors import DataError, UserError

SIZES = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}


@pytest.fixture
def made():
    torch.manual_seed(0)
    return vocabulary.make(SIZES, ["你好吗", "好的"])


@pytest.fixture
def folder(made, tmp_path):
    for part in made:
        part.save_pretrained(tmp_path / "llm")
    return tmp_path / "llm"


def test_the_tokens_of_random_weights_are_characters(made):
    _, tokenizer = made
    assert tokenizer.convert_ids_to_tokens(tokenizer("你 好呀")["input_ids"]) == [
        "你",
        "<unk>",
        "好",
        "<unk>",
    ]
    assert tokenizer.decode(tokenizer("你好吗")["input_ids"]) == "你好吗"


def test_an_extended_tokenizer_reads_units_and_prefixes_whole(made, tmp_path):
    from transformers import AutoTokenizer

    model, tokenizer = made
    before = model.get_input_embeddings().weight.detach().clone()
    units, prefixes = unit_tokens(12), prefix_tokens(["yue", "cmn"])
    new = vocabulary.extend(model, tokenizer, units, prefixes, vocabulary.mean_covariance)
    assert tokenizer.convert_ids_to_tokens(new) == [*prefixes, *units]
    tokenizer.save_pretrained(tmp_path)
    for reader in (tokenizer, AutoTokenizer.from_pretrained(tmp_path)):
        read = reader.convert_ids_to_tokens(reader(of_units([1, 11, 1], "yue"))["input_ids"])
        assert read == ["[yue]", "[speech]", "<u1>", "<u11>", "<u1>"]
        read = reader.convert_ids_to_tokens(reader(of_text("好吗", "cmn"))["input_ids"])
        assert read == ["[cmn]", "[text]", "好", "吗"]
    table = model.get_input_embeddings().weight
    assert len(table) == len(tokenizer) == model.config.vocab_size
    assert torch.equal(table[: len(before)], before)
    after = table.detach().clone()
    assert vocabulary.extend(model, tokenizer, units, prefixes, vocabulary.mean_covariance) == new
    assert torch.equal(model.get_input_embeddings().weight, after)


def test_a_table_with_room_is_filled_before_it_grows(made):
    model, tokenizer = made
    model.resize_token_embeddings(64, mean_resizing=False)
    new = vocabulary.extend(
        model, tokenizer, unit_tokens(4), prefix_tokens([]), lambda old, n: old.new_ones(n, 16)
    )
    table = model.get_input_embeddings().weight
    assert len(table) == 64
    assert torch.equal(table[new[2:]], torch.ones(4, 16))


def test_new_rows_have_the_mean_and_the_covariance_of_the_old():
    torch.manual_seed(0)
    old = torch.randn(500, 3) @ torch.tensor([[2.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.1]]) + 5
    new = vocabulary.mean_covariance(old, 200_000)
    assert torch.allclose(new.mean(0), old.mean(0), atol=0.02)
    assert torch.allclose(torch.cov(new.T), torch.cov(old.T), atol=0.05)


def test_projected_rows_keep_the_neighbourhood_of_centroids():
    torch.manual_seed(0)
    centroids = torch.tensor([[0.0, 0.0], [0.1, 0.0], [9.0, 9.0]])
    old = torch.randn(100, 64) + 3
    new = vocabulary.projected(centroids)(old, 3)
    near, far = (new[0] - new[1]).norm(), (new[0] - new[2]).norm()
    assert near < far / 20
    assert torch.allclose(new.mean(0), old.mean(0), atol=1e-5)
    spread = (new - new.mean(0)).square().mean().sqrt()
    assert spread.item() == pytest.approx((old - old.mean(0)).square().mean().sqrt().item(), rel=1e-4)


def test_a_language_model_of_a_folder_is_read_with_its_tokenizer(folder):
    model, tokenizer = vocabulary.start(f"{folder}", {}, [])
    assert model.config.model_type == "llama"
    assert tokenizer.tokenize("你好") == ["你", "好"]
    assert {path.suffix for path in llm_folder.files(f"{folder}")} == {".json", ".safetensors"}


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ('{"model_type": "t5"}', "an encoder-decoder .t5."),
        ('{"model_type": "whisper"}', "an encoder-decoder .whisper."),
        ('{"model_type": "nothing"}', "no causal LM that is read here"),
        ('{"model_type": "x", "auto_map": {"AutoConfig": "a.B"}}', "no causal LM that is read here"),
        ('{"model_type": "vit"}', "no causal LM that is read here"),
        ("{", "no causal LM that is read here"),
    ],
)
def test_another_kind_of_model_is_refused(folder, config, said):
    (folder / "config.json").write_text(config)
    with pytest.raises(UserError, match=said):
        vocabulary.start(f"{folder}", {}, [])


def test_weights_of_another_model_and_a_damaged_tokenizer_are_refused(folder):
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    save_file(
        {k: v for k, v in weights.items() if "norm" not in k}, folder / "model.safetensors", {"format": "pt"}
    )
    with pytest.raises(
        UserError, match=r"the weights are not of a LlamaForCausalLM, they lack model\..*norm"
    ):
        vocabulary.start(f"{folder}", {}, [])
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(UserError, match="no causal LM that is read here"):
        vocabulary.start(f"{folder}", {}, [])


@pytest.mark.parametrize(
    ("conf", "said"),
    [
        ({"hidden_siz": 16}, "unknown key 'hidden_siz' of a llama: did you mean 'hidden_size'?"),
        ({"model_type": "gpt2", "intermediate_size": 32}, "unknown key 'intermediate_size' of a gpt2"),
        ({"vocab_size": 5}, "vocab_size follows from the texts: leave it out"),
        ({"model_type": "gpt2", "n_layer": 0}, "num_hidden_layers: one at least is needed, got 0"),
        ({"num_hidden_layers": 0}, "num_hidden_layers: one at least is needed, got 0"),
        (
            {**SIZES, "model_type": "qwen3"},
            "a qwen3 with hidden_size 16, num_attention_heads 2, num_key_value_heads 32, head_dim 128 "
            ".* cannot compute: ",
        ),
        (
            {**SIZES, "model_type": "bert"},
            "a bert reads both ways; a model whose tokens see none that follow",
        ),
        ({**SIZES, "hidden_act": "foo"}, "KeyError 'foo'"),
        ({"hidden_size": "wide"}, "Validation error for field 'hidden_size': [A-Z]"),
    ],
)
def test_of_llm_conf_it_is_told_what_is_wrong(conf, said):
    with pytest.raises(DataError, match=f"llm_conf: no causal LM of transformers: {said}"):
        vocabulary.make(conf, ["你"])


@pytest.mark.parametrize(
    "conf",
    [
        {**SIZES, "rope_theta": 500.0, "attn_implementation": "eager"},  # read as other keys
        {"model_type": "gpt2", "hidden_size": 16, "n_layer": 1, "n_head": 2},
        {**SIZES, "model_type": "qwen3", "num_key_value_heads": 1, "head_dim": 8},
        {**SIZES, "model_type": "gemma3_text", "num_key_value_heads": 1, "head_dim": 8},
        {**SIZES, "model_type": "gpt_neox"},
    ],
    ids=lambda conf: conf.get("model_type", "llama"),
)
def test_random_weights_of_any_causal_model_are_made(conf):
    model, tokenizer = vocabulary.make(conf, ["你好"])
    assert model.config.vocab_size == len(tokenizer) == 5
    assert model.config.num_hidden_layers == 1


def test_a_folder_of_a_model_that_reads_both_ways_is_refused(folder):
    from transformers import BertConfig, BertLMHeadModel

    torch.manual_seed(0)
    BertLMHeadModel(BertConfig(vocab_size=8, **SIZES)).save_pretrained(folder)
    with pytest.raises(
        UserError, match=f"llm: {folder}: no causal LM that is read here: a bert reads both ways"
    ):
        vocabulary.start(f"{folder}", {}, [])


@pytest.mark.parametrize("conf", [{"model_type": "nothing"}, {"hidden_size": "wide"}, {"model_type": "t5"}])
def test_random_weights_of_no_causal_model_are_refused(conf):
    with pytest.raises(DataError, match="llm_conf: no causal LM of transformers"):
        vocabulary.make(conf, ["你"])
