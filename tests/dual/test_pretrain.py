import torch

from fangyan.dual import settings, vocabulary
from fangyan.dual.pretrain import pretrain


def test_a_language_model_learns_its_texts(configure, tmp_path):
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    texts = ["你好吗", "他去机场"]
    model, tokenizer = vocabulary.make(sizes, texts)
    tokens = tokenizer(texts[1], return_tensors="pt")["input_ids"]
    told = {"data": ["a.txt"], "epochs": 40, "batch_size": 2, "learning_rate": 0.02}
    before = model(tokens, labels=tokens).loss.item()
    pretrain(model, tokenizer, texts, settings.read(configure(pretrain_text=told)), 1, tmp_path)
    assert model.eval()(tokens, labels=tokens).loss.item() < before / 4
