"""The model itself, made, trained and written: transformer with extended vocabulary, pooling, normalisation."""

import json
import math
import shutil
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset, DatasetDict
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainingArguments
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from transformers import PrinterCallback, set_seed
from transformers.trainer import TRAINER_STATE_NAME

from fangyan.dual import vocabulary
from fangyan.dual.disturbing import disturb, without_variety
from fangyan.dual.losses import DualLoss
from fangyan.dual.pairs import Pair, labels
from fangyan.dual.pretrain import pretrain
from fangyan.dual.run import DualRun
from fangyan.dual.settings import Settings
from fangyan.dual.trainer import (
    Bar,
    DualTrainer,
    Retrieval,
    arithmetic,
    computes_in_bf16,
    weighted_batches,
)
from fangyan.encoders.pretrained import first_line, quiet
from fangyan.encoders.unit_strings import TEXT, prefix_tokens, unit_tokens
from fangyan.environment import install_extra
from fangyan.errors import UserError, out_of_memory
from fangyan.files import produce, read_json, write_json

START, NEW = "start", "new_tokens.json"
BEST = "eval_acc_text"
POOLING = {"last": "lasttoken", "mean": "mean"}


def fit(job: DualRun, work: Path, out: Path) -> tuple[dict[int, dict], int]:
    """Writes the trained model to ``out``; what was measured in each epoch (`history.write`), and its parameters.

    ``work``: its checkpoints, from the newest whole one of which it goes on.
    """
    of = job.settings
    if of.bf16 and not computes_in_bf16():
        raise UserError(f"{job.config}: bf16: nothing in this machine computes in it: leave it out")
    with named(job.config):
        make_start(job, work / START)
        model = pipeline(of, work / START)
        set_seed(job.seed)
        if of.lora:
            add_lora(model, of.lora, _new_ids(work / START))
    trainer = make_trainer(job, model, work)
    with quiet(), memory_told(of):
        trainer.go_on(newest_whole(work))
    trainer.load_best()
    if of.lora:
        model[0].model = model[0].model.merge_and_unload()
    shutil.rmtree(out, ignore_errors=True)
    with quiet():
        model.save(f"{out}", create_model_card=False)
    return epochs(trainer.state.log_history), sum(weight.numel() for weight in model.parameters())


@contextmanager
def named(config: Path) -> Iterator[None]:
    """A `UserError` inside names the configuration, of which it is."""
    try:
        yield
    except UserError as error:
        raise type(error)(f"{config}: {error}") from None


@contextmanager
def memory_told(of: Settings) -> Iterator[None]:
    """What fails inside for want of memory ends as a `UserError` that says what to do."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        told = f"mini_batch_size below {of.mini_batch_size or of.batch_size}"
        raise UserError(
            f"memory is short for a batch of {of.batch_size}: set {told}, or a smaller max_tokens"
        ) from None


def make_start(job: DualRun, folder: Path) -> None:
    """Writes the LLM that training starts from, its vocabulary extended, and the ids of units and prefixes."""
    of = job.settings

    def build(temporary: Path) -> None:
        set_seed(job.seed)
        texts = [*job.pretrain_texts, *strings_of(job.pairs.values())]
        model, tokenizer = vocabulary.start(of.llm, of.llm_conf, (text.partition(TEXT)[2] for text in texts))
        rows = vocabulary.ROWS[of.new_rows](torch.from_numpy(job.unit_model.centroids))
        units, prefixes = unit_tokens(job.unit_model.k), prefix_tokens(job.varieties)
        ids = vocabulary.extend(model, tokenizer, units, prefixes, rows)
        if of.pretrain_text:
            pretrain(model, tokenizer, job.pretrain_texts, of, job.seed, temporary / "train")
        model.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
        write_json(temporary / NEW, {"ids": ids})

    with quiet():
        produce(folder, {"start": job.inputs}, build)


def strings_of(sets: Iterable[Iterable[Pair]]) -> Iterator[str]:
    """The strings of the pairs of data sets."""
    return (string for pairs in sets for pair in pairs for string in (pair.one, pair.other, pair.negative))


def pipeline(of: Settings, folder: Path) -> SentenceTransformer:
    """The LLM of a folder as an encoder of strings: L2-normalised vectors, of the body without its output layer."""
    safe = {"trust_remote_code": False}
    with quiet():
        body = Transformer(
            f"{folder}",
            max_seq_length=of.max_tokens,
            model_kwargs={"dtype": torch.float32, "use_safetensors": True, **safe},
            config_kwargs=safe,
            processor_kwargs=safe,
        )
    most = getattr(body.config, "max_position_embeddings", None)
    if most and of.max_tokens > most:
        raise UserError(f"max_tokens: {of.llm} reads {most} tokens at most, got {of.max_tokens}")
    pooling = Pooling(body.get_embedding_dimension(), POOLING[of.pooling])
    return SentenceTransformer(modules=[body, pooling, Normalize()])


def add_lora(model: SentenceTransformer, lora: Mapping[str, Any], new: Sequence[int]) -> None:
    """Freezes a model but for low-rank updates of some matrices, and the embeddings of the tokens ``new``."""
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError:
        raise UserError(f"the configuration has lora, which needs peft: {install_extra('lora')}") from None
    table = model[0].model.get_input_embeddings()
    name = next(name for name, module in model[0].model.named_modules() if module is table)
    told = LoraConfig(
        r=lora["rank"],
        lora_alpha=lora["alpha"],
        lora_dropout=lora["dropout"],
        target_modules=list(lora["modules"]),
        trainable_token_indices={name: list(new)},
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of transformers, on what peft asks it
        try:
            model[0].model = get_peft_model(model[0].model, told)
        except (ValueError, TypeError) as error:  # TypeError: of the table of embeddings itself
            raise UserError(f"lora: modules: {first_line(error)}") from None


def make_trainer(job: DualRun, model: SentenceTransformer, work: Path) -> DualTrainer:
    """The trainer of a model on data sets."""
    of, dev = job.settings, [as_used(pair) for pair in job.with_text(job.speech["valid"])]
    queries = [(pair.one, pair.sentence) for pair in dev]
    texts = {pair.other: pair.sentence for pair in dev}
    trainer = DualTrainer(
        model=model,
        args=_arguments(job, work),
        train_dataset=DatasetDict(
            {name: _dataset(pairs) for name, pairs in job.pairs.items()}
        ).with_transform(disturb(of.drop_variety, of.drop_units)),
        eval_dataset=_dataset(dev),
        loss=DualLoss(
            model, of.scale, of.learn_scale, of.spread_out, of.margin, of.hard_negatives, of.mini_batch_size
        ),
        evaluator=Retrieval(queries, texts, of.batch_size),
        callbacks=[Bar("train_dual")],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def as_used(pair: Pair) -> Pair:
    """A pair whose utterance is read as one is in use, where its variety is not known."""
    return replace(pair, one=without_variety(pair.one))


def _dataset(pairs: Sequence[Pair]) -> Dataset:
    columns = {"one": [pair.one for pair in pairs], "other": [pair.other for pair in pairs]}
    if any(pair.negative for pair in pairs):
        columns["negative"] = [pair.negative for pair in pairs]
    return Dataset.from_dict(columns | {"label": labels(pairs)})


def _arguments(job: DualRun, work: Path) -> SentenceTransformerTrainingArguments:
    of = job.settings
    arguments = SentenceTransformerTrainingArguments(
        output_dir=f"{work}",
        seed=job.seed,
        per_device_train_batch_size=of.batch_size,
        per_device_eval_batch_size=of.batch_size,
        num_train_epochs=of.epochs,
        max_steps=of.max_steps or -1,
        learning_rate=of.learning_rate,
        warmup_steps=of.warmup,
        weight_decay=of.weight_decay,
        multi_dataset_batch_sampler=weighted_batches([of.pairs[name] for name in job.pairs]),
        eval_strategy="epoch",
        save_strategy="epoch",
        logging_strategy="epoch",
        metric_for_best_model=BEST,
        greater_is_better=True,
        save_total_limit=1,
        report_to="none",
        disable_tqdm=True,
        **arithmetic(of.bf16),
    )
    arguments._n_gpu = min(
        arguments.n_gpu, 1
    )  # several would part each batch, and with it what is a negative
    return arguments


def newest_whole(work: Path) -> str | None:
    """The newest checkpoint that was written to its end, as the trainer wants it; what was not is removed."""
    whole = {}
    for folder in work.glob("checkpoint-*"):
        try:
            whole[json.loads((folder / TRAINER_STATE_NAME).read_text())["global_step"]] = folder
        except (OSError, ValueError):
            shutil.rmtree(folder)
    return f"{whole[max(whole)]}" if whole else None


def epochs(log: Iterable[Mapping[str, float]]) -> dict[int, dict[str, dict]]:
    """What the trainer has told, as `history.write` takes it: epoch -> role -> what -> number."""
    told: dict[int, dict[str, dict]] = {}
    for row in log:
        of = told.setdefault(math.ceil(round(row["epoch"], 3)), {"train": {}, "valid": {}})
        if "loss" in row:
            of["train"]["loss"] = row["loss"]
        if "eval_loss" in row:
            of["valid"] = {"loss": row["eval_loss"], "acc_text": row[BEST]}
            of["train"]["time"] = {"__timedelta_seconds__": row["eval_seconds"]}
    return told


def _new_ids(folder: Path) -> list[int]:
    return read_json(folder / NEW)["ids"]
