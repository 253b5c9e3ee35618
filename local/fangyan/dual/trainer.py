"""sentence-transformers' trainer as the dual encoder needs it: weights by data set, exact resuming, R@1 on dev."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate, chain, repeat
from pathlib import Path
from time import monotonic
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer
from sentence_transformers.base.evaluation import BaseEvaluator
from sentence_transformers.base.sampler import MultiDatasetDefaultBatchSampler
from transformers import TrainerCallback, TrainerState
from transformers.trainer import TRAINER_STATE_NAME

from fangyan.errors import UserError
from fangyan.progress import Progress

TRAINED = "trained.safetensors"
"""What a checkpoint has of the model and the loss: what is trained of them."""


def computes_in_bf16() -> bool:
    """Whether the GPU has bfloat16 or, without one, the processor: AVX512-BF16, AMX, or an ARM with it."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported()
    return any(there for name, there in torch.cpu.get_capabilities().items() if name.endswith("bf16"))


def arithmetic(bf16: bool) -> dict[str, bool]:
    """What transformers' trainers are told of the numbers to compute in, and of where."""
    return {
        "bf16": bf16,
        "use_cpu": bf16 and not torch.cuda.is_available(),  # asked for, they take a processor at its word
        "dataloader_pin_memory": torch.cuda.is_available(),
    }


class DualTrainer(SentenceTransformerTrainer):
    """The trainer, whose checkpoints hold all that is trained, that of the loss too, and nothing else of the model.

    What is frozen is made anew from the same place, with the same random numbers; history has the seconds of an epoch.
    """

    began = 0.0

    def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
        """Nothing: the card is made by those who publish, and draws random numbers here."""

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Keeps what is told of an epoch, with the seconds since the last one."""
        if "eval_loss" in logs:
            logs["eval_seconds"] = monotonic() - self.began
            self.began = monotonic()
        super().log(logs, start_time)

    def go_on(self, checkpoint: str | None) -> None:
        """Trains from a checkpoint on, or from the beginning; one of the last step is taken as it is."""
        self.began = monotonic()
        told = TrainerState.load_from_json(f"{Path(checkpoint) / TRAINER_STATE_NAME}") if checkpoint else None
        if told and told.global_step >= told.max_steps:
            self.state = told
        else:
            self.train(resume_from_checkpoint=checkpoint)

    def training_step(self, *args, **kwargs) -> torch.Tensor:
        """The loss of a step; `UserError` for one that is not finite, of which nothing is learnt any more."""
        loss = super().training_step(*args, **kwargs)
        if not loss.isfinite():
            step = self.state.global_step + 1
            raise UserError(
                f"step {step}: the loss is {loss.item()}: a lower learning_rate, or a longer warmup"
            )
        return loss

    def load_best(self) -> None:
        """Takes the weights of the best epoch, of equal ones the first."""
        self._load_from_checkpoint(
            f"{Path(self.args.output_dir) / f'checkpoint-{self.state.best_global_step}'}"
        )

    def _trained(self) -> dict[str, torch.Tensor]:
        return {name: weight for name, weight in self.loss.named_parameters() if weight.requires_grad}

    def _save(self, output_dir: str | None = None, state_dict: Mapping | None = None) -> None:
        Path(output_dir).mkdir(parents=True, exist_ok=True)
        save_file(
            {k: v.detach().contiguous() for k, v in self._trained().items()}, Path(output_dir) / TRAINED
        )

    def _load_from_checkpoint(self, checkpoint_path: str) -> None:
        saved = load_file(Path(checkpoint_path) / TRAINED)
        with torch.no_grad():
            for name, weight in self._trained().items():
                weight.copy_(saved[name])


def weighted_batches(weights: Sequence[float]) -> Callable[..., MultiDatasetDefaultBatchSampler]:
    """What makes a sampler that draws each batch of one data set, in random order, and of each ``weight`` times all.

    A data set of weight 2 is gone through twice in an epoch, of one of weight 0.5 half of the batches are seen.
    """

    class WeightedBatches(MultiDatasetDefaultBatchSampler):
        """Batches of several data sets, of each as many as its weight says."""

        def _counts(self) -> list[int]:
            samplers = zip(self.batch_samplers, weights, strict=True)
            return [max(1, round(len(sampler) * weight)) for sampler, weight in samplers]

        def __len__(self) -> int:
            return sum(self._counts())

        def __iter__(self) -> Iterator[list[int]]:
            self.generator.manual_seed(self.seed + self.epoch)
            starts = [0, *accumulate(map(len, self.dataset.datasets))]
            batches = [chain.from_iterable(repeat(sampler)) for sampler in self.batch_samplers]
            owners = torch.tensor([n for n, count in enumerate(self._counts()) for _ in range(count)])
            for n in owners[torch.randperm(len(owners), generator=self.generator)].tolist():
                yield [starts[n] + row for row in next(batches[n])]

    return WeightedBatches


class Retrieval(BaseEvaluator):
    """R@1: the share of ``queries``, strings with their sentence, whose most alike one of ``texts`` is of theirs."""

    def __init__(self, queries: Sequence[tuple[str, str]], texts: Mapping[str, str], batch_size: int) -> None:
        super().__init__()
        self.queries, self.texts, self.batch_size = queries, texts, batch_size

    def __call__(self, model: SentenceTransformer, *_, **__) -> dict[str, float]:
        told = {"batch_size": self.batch_size, "convert_to_tensor": True, "show_progress_bar": False}
        strings, wanted = zip(*self.queries, strict=True)
        likeness = model.encode(list(strings), **told) @ model.encode(list(self.texts), **told).T
        sentences = list(self.texts.values())
        found = (sentences[best] for best in likeness.argmax(1).tolist())
        hits = sum(one == other for one, other in zip(found, wanted, strict=True))
        return {"acc_text": hits / len(self.queries)}


class Bar(TrainerCallback):
    """How far training is, in steps."""

    def __init__(self, title: str) -> None:
        self.title = title

    def on_train_begin(self, args: Any, state: Any, *_, **__) -> None:
        """Begins where a resumed training does."""
        self.progress = Progress(self.title, state.max_steps, "steps", state.global_step)

    def on_step_end(self, *_, **__) -> None:
        """Counts a step."""
        self.progress.update()

    def on_train_end(self, *_, **__) -> None:
        """Closes the bar."""
        self.progress.__exit__(None)
