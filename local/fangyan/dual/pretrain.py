"""Training of the LLM on text alone, before it learns of speech: the next token of each text, by transformers."""

from collections.abc import Sequence
from pathlib import Path

from datasets import Dataset
from transformers import (
    DataCollatorForLanguageModeling,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PrinterCallback,
    Trainer,
    TrainingArguments,
)

from fangyan.dual.settings import Settings
from fangyan.dual.trainer import Bar, arithmetic


def pretrain(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str],
    of: Settings,
    seed: int,
    work: Path,
) -> None:
    """Trains a causal LM on ``texts``, strings with their prefix, as ``pretrain_text`` of the configuration says."""
    told = of.pretrain_text or {}
    end = tokenizer.eos_token or ""
    tokens = tokenizer([text + end for text in texts], truncation=True, max_length=of.max_tokens)["input_ids"]
    arguments = TrainingArguments(
        output_dir=f"{work}",
        seed=seed,
        num_train_epochs=told["epochs"],
        per_device_train_batch_size=told["batch_size"],
        learning_rate=told["learning_rate"],
        warmup_steps=of.warmup,
        weight_decay=of.weight_decay,
        logging_strategy="no",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        **arithmetic(of.bf16),
    )
    trainer = Trainer(
        model,
        arguments,
        DataCollatorForLanguageModeling(tokenizer, mlm=False),
        Dataset.from_dict({"input_ids": tokens}),
        callbacks=[Bar("pretrain_text")],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
