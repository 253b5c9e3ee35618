"""Encoders of ESPnet ASR models: the subsampling output, each block and the final norm, free of batch padding."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from fangyan.audio import SAMPLE_RATE
from fangyan.encoders import Encoder
from fangyan.errors import DataError, UserError
from fangyan.files import unpack

CHECKPOINT = "valid.acc.ave.pth"
"""What an experiment is judged by: the average of its best epochs."""


class ESPnetEncoder(Encoder):
    """Any ESPnet ASR encoder made of ``embed``, ``encoders`` and ``after_norm`` (E-Branchformer, Conformer, ...).

    ESPnet itself lets batch padding leak into the last frames of an utterance: the frame mask of the subsampling is a
    frame too long, convolutions along time see neighbouring padding, and the spectrum of the last window sees zeros
    instead of a reflection. Here the front end runs per utterance, the mask follows the convolutions exactly, and
    padding is zeroed before every convolution along time, which is what a lone utterance would see.
    """

    def __init__(self, model, device: str) -> None:
        self.model = model.to(device).eval()
        self.device = device
        self.blocks = list(model.encoder.encoders)
        names = [f"layer{n:02d}" for n in range(len(self.blocks) + 1)]
        self.layers = (*names, *(["norm"] if hasattr(model.encoder, "after_norm") else []))
        strides = [conv.stride[0] for conv in self._subsampling()]
        self.frame_rate = SAMPLE_RATE / model.frontend.hop_length / float(np.prod(strides))

    def encode(self, waves: Sequence[np.ndarray]) -> list[list[np.ndarray]]:
        """``[layer][utterance]`` -> (T, d) float32."""
        import torch

        with torch.inference_mode():
            features = [self._front_end(wave) for wave in waves]
            lengths = torch.tensor([len(f) for f in features], device=self.device)
            frames = self._after_subsampling(lengths)
            if int(frames.min()) < 1:
                raise DataError(
                    f"an utterance is too short for the subsampling: {len(waves[int(frames.argmin())])} samples"
                )
            batch = torch.nn.utils.rnn.pad_sequence(features, batch_first=True)
            with self._without_padding(frames) as outputs:
                self.model.encoder(batch, lengths)
        return [
            [output[n, :length].float().cpu().numpy() for n, length in enumerate(frames.tolist())]
            for output in outputs
        ]

    def _front_end(self, wave: np.ndarray):
        import torch

        speech = torch.from_numpy(wave).to(self.device)[None]
        features, lengths = self.model._extract_feats(speech, torch.tensor([len(wave)], device=self.device))
        if self.model.normalize is not None:
            features, lengths = self.model.normalize(features, lengths)
        return features[0, : lengths[0]]

    def _subsampling(self) -> list:
        """The convolutions along time before the first block."""
        import torch

        return [
            m for m in self.model.encoder.embed.modules() if isinstance(m, torch.nn.Conv1d | torch.nn.Conv2d)
        ]

    def _after_subsampling(self, lengths):
        for conv in self._subsampling():
            padding = 0 if isinstance(conv.padding, str) else conv.padding[0]
            lengths = (lengths + 2 * padding - conv.kernel_size[0]) // conv.stride[0] + 1
        return lengths

    @contextmanager
    def _without_padding(self, frames) -> Iterator[list]:
        """Hooks that collect the output of every layer and keep padding out of all of them."""
        import torch

        outputs: list = []
        valid = torch.arange(int(frames.max()), device=self.device) < frames[:, None]  # (batch, T)

        def first(output):
            return output[0] if isinstance(output, tuple) else output

        def embed(module, args, output):
            outputs.append(first(output[0])[:, : valid.shape[1]])
            return output[0], valid[:, None]

        def block(module, args, output):
            outputs.append(first(output[0]))

        def norm(module, args, output):
            outputs.append(output)

        def convolution(module, args):
            return (args[0] * valid[:, None].to(args[0].dtype), *args[1:])

        encoder = self.model.encoder
        hooks = [encoder.embed.register_forward_hook(embed)]
        hooks += [module.register_forward_hook(block) for module in self.blocks]
        if "norm" in self.layers:
            hooks.append(encoder.after_norm.register_forward_hook(norm))
        for module in encoder.encoders.modules():
            if isinstance(module, torch.nn.Conv1d) and module.kernel_size[0] > 1:
                hooks.append(module.register_forward_pre_hook(convolution))
        try:
            yield outputs
        finally:
            for hook in hooks:
                hook.remove()


def load(argument: str, device: str, trained: bool) -> ESPnetEncoder:
    """The encoder of an experiment folder or a packed zip; with untrained weights (seed 0) unless ``trained``."""
    path = Path(argument)
    if path.suffix != ".zip":
        return _from_folder(path, device, trained)
    with TemporaryDirectory() as folder:
        unpack(path, Path(folder))
        return _from_folder(Path(folder), device, trained)


def locate(folder: Path) -> tuple[Path, Path, Path | None]:
    """The configuration, averaged checkpoint and feature statistics (if any) of an experiment or an unpacked model."""
    import yaml

    if (folder / "meta.yaml").exists():
        meta = yaml.safe_load((folder / "meta.yaml").read_text(encoding="utf-8"))
        config, checkpoint = (
            folder / meta["yaml_files"]["asr_train_config"],
            folder / meta["files"]["asr_model_file"],
        )
    else:
        config, checkpoint = folder / "config.yaml", folder / CHECKPOINT
    for path in (config, checkpoint):
        # Not resolved: checkpoints are links within the folder. A packed model must not point out of it.
        if not path.absolute().is_relative_to(folder.absolute()) or ".." in path.relative_to(folder).parts:
            raise DataError(f"{folder / 'meta.yaml'}: files lie within the archive, got {path}")
        if not path.exists():
            raise UserError(
                f"{path}: no trained ESPnet model there: run ./run.sh --stage train, or name its folder or zip"
            )
    return config, checkpoint, next(folder.rglob("train/feats_stats.npz"), None)


def files(argument: str) -> list[Path]:
    """The files whose content decides what the encoder computes."""
    path = Path(argument)
    return [path] if path.suffix == ".zip" else [file for file in locate(path) if file]


def _from_folder(folder: Path, device: str, trained: bool) -> ESPnetEncoder:
    config, checkpoint, statistics = locate(folder)
    model = build(config, statistics)
    if trained:
        load_weights(model, checkpoint)
    if not all(hasattr(model.encoder, part) for part in ("embed", "encoders")):
        raise UserError(
            f"{config}: the encoder {type(model.encoder).__name__} has no embed and encoders to look into"
        )
    return ESPnetEncoder(model, device)


def asr_task() -> type:
    """ESPnet's ASR task. Its import takes a quarter of a minute and talks of optional packages, which is muted."""
    with redirect_stderr(StringIO()):
        from espnet2.tasks.asr import ASRTask
    return ASRTask


def build(config: Path, statistics: Path | None):
    """The ESPnet ASR model that a config.yaml describes, with random weights of seed 0."""
    from argparse import Namespace

    import torch
    import yaml

    args = yaml.safe_load(config.read_text(encoding="utf-8"))
    if statistics is not None and "stats_file" in args.get("normalize_conf", {}):
        args["normalize_conf"]["stats_file"] = str(statistics)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return asr_task().build_model(Namespace(**args))


def load_weights(model, checkpoint: Path) -> None:
    """Nothing; the weights of ``checkpoint`` are in ``model``. `DataError` lists keys that do not match."""
    import pickle

    import torch

    try:
        weights = torch.load(checkpoint, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise DataError(
            f"{checkpoint}: not a whole checkpoint of plain tensors ({str(error).splitlines()[0]})"
        ) from None
    try:
        model.load_state_dict(weights, strict=True)
    except RuntimeError as error:
        raise DataError(f"{checkpoint}: its keys do not match the model of config.yaml: {error}") from None
