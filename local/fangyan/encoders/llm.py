"""Language models that read utterances as units, and texts: dual encoders of speech and text (`llm_files`).

A recording goes through the encoder of its units, each frame becomes a unit, and the string of units, behind a prefix
that names the modality, is read by the language model. layer00 is what enters its first block, layerNN what block NN
gives: a frame for each unit. ``joint`` is the vector of the whole string, L2-normalised, and lies where those of texts
do. Nobody knows the variety of a recording that is to be found, so that the prefix of speech names none; that of a text
names the variety in which the model is asked.

Where runs of a unit are one unit, a frame lasts as long as its run did, and there is no frame rate.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fangyan.data.audio import SAMPLE_RATE
from fangyan.encoders import Encoder, bounds, llm_files, sentence
from fangyan.encoders.choice import JOINT
from fangyan.encoders.facts import Facts
from fangyan.encoders.facts import facts as facts_of
from fangyan.encoders.unit_model import UnitModel
from fangyan.encoders.unit_strings import of_text, of_units, prefix_tokens, unit_tokens
from fangyan.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor

SHOWN = 4
"""So many tokens are told of those that a tokenizer lacks."""


class Reader:
    """A language model and its tokenizer, in single precision: tokens -> hidden states, and a vector of all."""

    def __init__(self, model, needed: Sequence[str], source: Path) -> None:
        """``needed``: strings that are one token each; `DataError` where one is not."""
        self.model = model.eval()
        known, rows = model.tokenizer.get_vocab(), self._network.get_input_embeddings().num_embeddings
        lacking = [token for token in needed if known.get(token, rows) >= rows]
        if not lacking and self._cut("".join(needed), needed) != list(needed):
            lacking = list(needed)
        if lacking:
            raise DataError(
                f"{source}: its tokenizer and its embeddings have each prefix and each unit as one token, "
                f"{len(lacking):,} of {len(needed):,} are lacking: {' '.join(lacking[:SHOWN])}"
            )

    @property
    def _network(self):
        return self.model.transformers_model

    @property
    def blocks(self) -> int:
        """How many blocks the model has."""
        return self._network.config.get_text_config().num_hidden_layers

    def _tokens(self, text: str) -> "Tensor":
        whole = {"text": {"truncation": False, "verbose": False}}
        return self.model.preprocess([text], prompt="", processing_kwargs=whole)["input_ids"][0]

    def _cut(self, text: str, wanted: Sequence[str]) -> list[str]:
        """Those of the ``wanted`` tokens that a string is cut into."""
        found = self.model.tokenizer.convert_ids_to_tokens(self._tokens(text).tolist())
        return [token for token in found if token in {*wanted}]

    def tokens(self, text: str) -> "Tensor":
        """(T,) the tokens of a string; `DataError` for more than the model reads."""
        found, most = self._tokens(text), self.model.max_seq_length
        if most and len(found) > most:
            raise DataError(
                f"this model reads {most} tokens at once, got {len(found)}: cut the recording or the text"
            )
        return found

    def read(self, strings: Sequence["Tensor"], hidden: bool) -> list[list[np.ndarray]]:
        """``[layer][string]`` -> (T, d) float32: every layer if they are wanted, and the vector, (1, d), last."""
        import torch

        from fangyan.encoders.blocks import in_batches

        self._network.config.output_hidden_states = hidden
        with torch.inference_mode():
            return in_batches(strings, True, self._forward)

    def _forward(self, strings: Sequence["Tensor"]) -> tuple[list["Tensor"], "Tensor"]:
        """Every layer of a batch, (B, T, d) each, then (B, 1, d), and the tokens of each string.

        Padding stands on the right, where no token looks.
        """
        import torch
        from torch.nn.functional import normalize
        from torch.nn.utils.rnn import pad_sequence

        lengths, batch = torch.tensor([len(x) for x in strings]), pad_sequence(strings, batch_first=True)
        mask = (torch.arange(batch.shape[1]) < lengths[:, None]).long()
        device = self.model.device
        made = self.model({"input_ids": batch.to(device), "attention_mask": mask.to(device)})
        vectors = normalize(made["sentence_embedding"].float(), dim=-1)
        return [*made.get("all_layer_embeddings", ()), vectors[:, None]], lengths


class TextReader(Encoder):
    """Texts, as a language model reads them behind the prefix of a variety."""

    modality, frame_rate, layers = "text", 0.0, (JOINT,)

    def __init__(self, reader: Reader, variety: str) -> None:
        self.reader, self.variety = reader, variety

    def encode(self, items: Sequence[str]) -> list[list[np.ndarray]]:
        """``[0][text]`` -> (1, D) float32, L2-normalised."""
        strings = [self.reader.tokens(of_text(self.prefix + item, self.variety)) for item in items]
        return self.reader.read(strings, hidden=False)


class DualEncoder(Encoder):
    """Recordings, as a language model reads their units. ``hearing``: the encoder of these at its one layer."""

    masked = True

    def __init__(self, reader: Reader, units: UnitModel, hearing: Encoder, text_variety: str) -> None:
        self.reader, self.units, self.hearing, self.text_variety = reader, units, hearing, text_variety
        self.layers = (*(f"layer{n:02d}" for n in range(reader.blocks + 1)), JOINT)
        self.frame_rate = 0.0 if units.merged else hearing.rate_of(units.layer)
        heard = getattr(hearing.encoder, "heard", range(1, bounds.ENDLESS))
        most = longest(reader.model.max_seq_length or inf, self.frame_rate) * SAMPLE_RATE
        self.heard = range(
            heard.start, min(heard.stop, int(most) + 1 if most < bounds.ENDLESS else bounds.ENDLESS)
        )
        self.tokens = reader.model.tokenizer.convert_tokens_to_ids(unit_tokens(units.k))

    def rate_of(self, layer: str) -> float:
        """Frames a second at a layer; 0 where there is one an utterance."""
        return 0.0 if layer == JOINT else self.frame_rate

    def text_side(self) -> Encoder:
        """The encoder of texts that lie where the layer ``joint`` does: the same model."""
        return TextReader(self.reader, self.text_variety)

    def encode(self, waves: Sequence[np.ndarray]) -> list[list[np.ndarray]]:
        """``[layer][utterance]`` -> (T, d) float32, as many frames as units; at ``joint`` one."""
        bounds.check_length(self.heard, waves)
        (heard,) = self.hearing.encode(waves)
        strings = [self.reader.tokens(of_units(self.units.assign(frames).tolist())) for frames in heard]
        *layers, vectors = self.reader.read(strings, hidden=True)
        places = [np.isin(tokens.numpy(), self.tokens) for tokens in strings]
        of_units_alone = [[frames[at] for frames, at in zip(layer, places, strict=True)] for layer in layers]
        return [*of_units_alone, vectors]


def longest(tokens: float, rate: float) -> float:
    """The most seconds of speech of which each frame is one of so many tokens, the prefix being one as well."""
    return (tokens - 1) / rate if rate else inf


def load(argument: str, device: str) -> DualEncoder:
    """The model of an experiment, a folder or the Hub, with the encoder of its units."""
    folder = llm_files.locate(argument)
    units, dual = llm_files.units(folder), llm_files.read(folder)
    reader = _reader(argument, folder, unit_tokens(units.k), device)
    encoder = DualEncoder(reader, units, units.load_encoder(device), dual.text_variety)
    encoder.recommended, encoder.reason = llm_files.recommended(argument)
    return encoder


def load_text(argument: str, device: str) -> TextReader:
    """The same without the encoder of its units."""
    folder = llm_files.locate(argument)
    return TextReader(_reader(argument, folder, [], device), llm_files.read(folder).text_variety)


def _reader(argument: str, folder: Path, units: Sequence[str], device: str) -> Reader:
    with sentence.reading(f"llm:{argument}"):
        pipeline = sentence.pipeline(folder, device)
        return Reader(pipeline, [*prefix_tokens(llm_files.read(folder).varieties), *units], folder)


def facts(argument: str) -> Facts:
    """What is known of the model before its weights are fetched or read, the encoder of its units included."""
    folder = llm_files.locate(argument, llm_files.OF_SETTINGS)
    units = llm_files.units(folder)
    with sentence.reading(f"llm:{argument}"):
        language = sentence.described(folder, argument, llm_files.PATTERNS)
    hearing = facts_of(units.encoder)
    rate = 0.0 if units.merged else hearing.frame_rate
    found = (language.longest, rate)
    limits = [longest(*found) if None not in found else None, hearing.longest]
    return replace(
        language,
        layers=llm_files.layers(folder),
        frame_rate=rate,
        batched=DualEncoder.masked,
        longest=None if None in limits else min(limits),
        recommended=llm_files.recommended(argument).layer,
        modality=DualEncoder.modality,
        parameters=None if hearing.parameters is None else language.parameters + hearing.parameters,
    )
