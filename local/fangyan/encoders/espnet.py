"""Encoders of ESPnet ASR models: the subsampling output, each block and the final norm, free of batch padding."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from fangyan.audio import SAMPLE_RATE
from fangyan.encoders import Encoder, hub
from fangyan.errors import DataError, UserError
from fangyan.files import unpack

PACKED = ("*.yaml", "*.pth", "*feats_stats.npz")
"""What is needed of a packed model on the Hub."""


class ESPnetEncoder(Encoder):
    """Any ESPnet ASR encoder made of ``embed``, ``encoders``, ``after_norm`` (E-Branchformer, Whisper, Conformer ...).

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
        self.frame_rate = frame_rate(model)

    def encode(self, waves: Sequence[np.ndarray]) -> list[list[np.ndarray]]:
        """``[layer][utterance]`` -> (T, d) float32."""
        import torch

        with torch.inference_mode():
            features = [self._front_end(wave) for wave in waves]
            lengths = torch.tensor([len(f) for f in features], device=self.device)
            frames = after_subsampling(self.model.encoder, lengths)
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

    @contextmanager
    def _without_padding(self, frames) -> Iterator[list]:
        """Hooks that collect the output of every layer and keep padding out of all of them."""
        import torch

        outputs: list = []
        valid = torch.arange(int(frames.max()), device=self.device) < frames[:, None]  # (batch, T)

        def tensor(output):  # blocks give a tensor, or it with its mask, or it with positions, and a mask
            return tensor(output[0]) if isinstance(output, tuple) else output

        def embed(module, args, output):
            outputs.append(tensor(output)[:, : valid.shape[1]])
            return output[0], valid[:, None]

        def block(module, args, output):
            outputs.append(tensor(output))

        def convolution(module, args):
            return (args[0] * valid[:, None].to(args[0].dtype), *args[1:])

        encoder = self.model.encoder
        hooks = [encoder.embed.register_forward_hook(embed)]
        hooks += [module.register_forward_hook(block) for module in self.blocks]
        if "norm" in self.layers:
            hooks.append(encoder.after_norm.register_forward_hook(block))
        for module in encoder.encoders.modules():
            if isinstance(module, torch.nn.Conv1d) and module.kernel_size[0] > 1:
                hooks.append(module.register_forward_pre_hook(convolution))
        try:
            yield outputs
        finally:
            for hook in hooks:
                hook.remove()


def subsampling(encoder) -> list:
    """The convolutions along time before the first block of an encoder."""
    import torch

    return [m for m in encoder.embed.modules() if isinstance(m, torch.nn.Conv1d | torch.nn.Conv2d)]


def after_subsampling(encoder, lengths):
    """Frames after the subsampling of an encoder, for feature frames before it: a number or a tensor of numbers."""
    for conv in subsampling(encoder):
        padding = 0 if isinstance(conv.padding, str) else conv.padding[0]
        lengths = (lengths + 2 * padding - conv.kernel_size[0]) // conv.stride[0] + 1
    return lengths


def frame_rate(model) -> float:
    """Frames a second of an ESPnet ASR model's encoder."""
    strides = [conv.stride[0] for conv in subsampling(model.encoder)]
    return SAMPLE_RATE / model.frontend.hop_length / float(np.prod(strides))


def frame_count(model, samples: int) -> int:
    """Frames of an ESPnet ASR model's encoder for a waveform of so many samples; below 1 where it is too short."""
    centred = hasattr(model.frontend, "stft")  # ESPnet's own front end also has the frame around the very end
    return after_subsampling(model.encoder, samples // model.frontend.hop_length + centred)


def load(argument: str, device: str, trained: bool) -> ESPnetEncoder:
    """The encoder of an experiment, a packed zip or a Hub id; with untrained weights (seed 0) unless ``trained``."""
    path = _path(argument)
    if path.suffix != ".zip":
        return _from_folder(path, device, trained)
    with TemporaryDirectory() as folder:
        unpack(path, Path(folder))
        return _from_folder(Path(folder), device, trained)


def locate(folder: Path) -> tuple[Path, Path, Path | None]:
    """The configuration, averaged checkpoint and feature statistics (if any) of an experiment or an unpacked model."""
    if (folder / "meta.yaml").exists():
        meta = _yaml(folder / "meta.yaml")
        config, checkpoint = (
            folder / meta["yaml_files"]["asr_train_config"],
            folder / meta["files"]["asr_model_file"],
        )
    else:
        config = folder / "config.yaml"
        checkpoint = folder / f"{_criterion(config)}.ave.pth"
    for path in (config, checkpoint):
        # Not resolved: checkpoints are links within the folder. A packed model must not point out of it.
        if not path.absolute().is_relative_to(folder.absolute()) or ".." in path.relative_to(folder).parts:
            raise DataError(f"{folder / 'meta.yaml'}: files lie within the archive, got {path}")
        if not path.exists():
            raise UserError(
                f"{path}: no trained ESPnet model there: run ./run.sh --stage train, or name its folder or zip"
            )
    return config, checkpoint, next(folder.rglob("train/feats_stats.npz"), None)


def _criterion(config: Path) -> str:
    """What the best epochs of an experiment are chosen by, as ESPnet names the file of their average: ``valid.acc``."""
    settings = _yaml(config) if config.exists() else {}
    role, value, *_ = settings.get("best_model_criterion", [("valid", "acc", "max")])[0]
    return f"{role}.{value}"


def _yaml(path: Path) -> dict:
    import yaml

    return yaml.safe_load(path.read_text(encoding="utf-8"))


def files(argument: str) -> list[Path]:
    """The files whose content decides what the encoder computes."""
    path = _path(argument)
    return [path] if path.suffix == ".zip" else [file for file in locate(path) if file]


def _path(argument: str) -> Path:
    """A local path as it is, or the folder in the cache with the packed model of a Hub id, user/name."""
    path = Path(argument)
    return path if path.parent.is_dir() else hub.locate(argument, PACKED)


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
    """ESPnet's ASR task with Whisper among its encoders.

    Its import takes a quarter of a minute and talks of optional packages, which is muted.
    """
    with redirect_stderr(StringIO()):
        from espnet2.tasks.asr import ASRTask

        import fangyan.encoders.espnet_whisper  # noqa: F401
    return ASRTask


def build(config: Path, statistics: Path | None):
    """The ESPnet ASR model that a config.yaml describes, with random weights of seed 0."""
    from argparse import Namespace

    import torch

    args = _yaml(config)
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
