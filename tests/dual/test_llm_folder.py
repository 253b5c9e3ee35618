import pytest

from fangyan.dual import llm_folder, vocabulary
from fangyan.errors import UserError

SIZES = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}


def test_a_folder_that_cannot_be_trained_is_refused_with_the_reason(tmp_path):
    folder = tmp_path / "llm"
    for part in vocabulary.make(SIZES, ["你好"]):
        part.save_pretrained(folder)
    assert llm_folder.locate(f"{folder}") == folder
    for file in folder.glob("tokenizer*"):
        file.rename(folder.parent / file.name)
    with pytest.raises(UserError, match="it has no tokenizer"):
        llm_folder.locate(f"{folder}")
    (folder / "tokenizer.json").write_text("{}")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(UserError, match="pickled weights alone, which are not loaded"):
        llm_folder.locate(f"{folder}")
    (folder / "config.json").unlink()
    with pytest.raises(UserError, match="no LLM of transformers, it has no config.json"):
        llm_folder.locate(f"{folder}")
