"""Recognition models of ESPnet without their decoder, built of nothing but the classes that they are made of.

ESPnet's own task imports every encoder, decoder and loss that a configuration might choose, and what these need
(transformers, scipy, hydra): three seconds, for a model that is to be heard by and made of four classes. Where they are
is said here for what most models have; all others, and whatever is trained or writes, are left to the task.
"""

from argparse import Namespace
from collections.abc import Mapping
from importlib.metadata import EntryPoint
from types import MappingProxyType
from typing import Any

from fangyan.encoders.espnet_kinds import kind_of
from fangyan.registry import ASR

CLASSES = {
    "frontend": {
        "default": "espnet2.asr.frontend.default:DefaultFrontend",
        "whisper_logmel": "fangyan.encoders.espnet_whisper:LogMelFrontend",
    },
    "normalize": {
        "global_mvn": "espnet2.layers.global_mvn:GlobalMVN",
        "utterance_mvn": "espnet2.layers.utterance_mvn:UtteranceMVN",
    },
    "encoder": {
        "branchformer": "espnet2.asr.encoder.branchformer_encoder:BranchformerEncoder",
        "conformer": "espnet2.asr.encoder.conformer_encoder:ConformerEncoder",
        "e_branchformer": "espnet2.asr.encoder.e_branchformer_encoder:EBranchformerEncoder",
        "hf_whisper": "fangyan.encoders.espnet_whisper:PaddingFreeEncoder",
        "transformer": "espnet2.asr.encoder.transformer_encoder:TransformerEncoder",
    },
    "model": {"espnet": "espnet2.asr.espnet_model:ESPnetASRModel"},
}
"""Part of a model and name, as ESPnet's task and ours have them, and where the class is."""
WITHOUT = ("preencoder", "postencoder", "input_size")
"""What the models that are built here have not."""
DECODERS = (None, "transformer")
"""The decoders that are left out here; another may be none, which the task finds out."""
ALONE = MappingProxyType(
    {"specaug": None, "decoder": None, "ctc_conf": {}, "model": "espnet", "model_conf": {"ctc_weight": 1.0}}
)
"""What a configuration says instead where the encoder is wanted, and of the rest what CTC writes."""


class Alone:
    """What builds the model of a configuration without its decoder; it answers as a task of ESPnet does."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.chosen = {part: settings.get(part) for part in CLASSES}

    @staticmethod
    def builds(settings: Mapping[str, Any]) -> bool:
        """Whether it can: the model writes by CTC, and its parts are among `CLASSES`."""
        known = all(settings.get(part) in (None, *names) for part, names in CLASSES.items())
        task, conf = settings.get("task") or kind_of(settings), settings.get("model_conf") or {}
        tokens = settings.get("token_list")
        writes = isinstance(conf, dict) and conf.get("ctc_weight", 0.5) != 0 and isinstance(tokens, list)
        there = settings.get("frontend") and settings.get("encoder") and not any(map(settings.get, WITHOUT))
        return bool(known and task == ASR and settings.get("decoder") in DECODERS and writes and there)

    def known_classes(self) -> dict[str, dict[str, type]]:
        """The class of each part by its name."""
        return {part: {name: _load(part, name)} for part, name in self.chosen.items() if name}

    def build_model(self, args: Namespace):
        """The model with random weights, its parts in the order in which the task makes them."""
        from espnet2.asr.ctc import CTC
        from espnet2.asr.espnet_model import ESPnetASRModel

        frontend = self._part("frontend", args)
        normalize = self._part("normalize", args)
        encoder = self._part("encoder", args, input_size=frontend.output_size())
        tokens = [*args.token_list]
        return ESPnetASRModel(
            vocab_size=len(tokens),
            token_list=tokens,
            frontend=frontend,
            specaug=None,
            normalize=normalize,
            preencoder=None,
            encoder=encoder,
            postencoder=None,
            decoder=None,
            ctc=CTC(len(tokens), encoder.output_size()),
            joint_network=None,
            **ALONE["model_conf"],
        )

    def _part(self, part: str, args: Namespace, **given: Any):
        """A part of the model with the options that the configuration has for it; None where it has none."""
        name = self.chosen[part]
        return _load(part, name)(**given, **getattr(args, f"{part}_conf")) if name else None


def _load(part: str, name: str) -> type:
    return EntryPoint(name, CLASSES[part][name], part).load()
