"""CTC forced alignment: the frames in which a model heard each character of a transcript.

Of all paths through the CTC posteriors that spell the transcript, it is the most probable (Kürzinger et al. 2020;
Viterbi by torchaudio). CTC is peaky: most frames of a path are blank, and a peak says where a character was written
down, not how long it was spoken (`units.alignment.divide_frames` credits every frame to a character).

Nothing in CTC makes a model write a character where it was spoken. An encoder that attends to the whole utterance may
learn to write all of them into its first and last frames, as small models on little data do; `is_plausible_pace` tells.
"""

from collections.abc import Sequence
from itertools import groupby, pairwise
from statistics import median

import numpy as np

from fangyan.encoders import Encoder
from fangyan.encoders.espnet_model import SPECIAL
from fangyan.units.alignment import BLANK, Span, forced_alignment

FASTEST = 0.06
"""Seconds from one syllable to the next: nobody speaks faster (fast Mandarin has 8 syllables a second, 0.125 s)."""


def spans(encoder: Encoder, output: np.ndarray, characters: str) -> list[Span]:
    """Where an ESPnet encoder with CTC heard each of ``characters``, as it stands in its token list.

    ``output``: (T, d) features of the encoder's last layer. A character that the model does not know is looked for as
    ``<unk>``. Empty for an encoder without a CTC head, or whose tokens are longer. `DataError` as `forced_alignment`.
    """
    import torch

    known = {token: n for n, token in enumerate(vocabulary(encoder))}
    if not known or any(len(token) > 1 and token[0] != "<" for token in known):  # sentencepieces
        return []
    with torch.inference_mode():
        posteriors = encoder.model.ctc.log_softmax(torch.from_numpy(output).to(encoder.device)[None])[0]
    return forced_alignment(
        posteriors.cpu().numpy(), [known.get(char, known["<unk>"]) for char in characters]
    )


def greedy_tokens(encoder: Encoder, output: np.ndarray) -> str:
    """What CTC writes by itself: the best token of each frame, without repetitions and special tokens.

    ``output`` as for `spans`. Empty for an encoder without a CTC head.
    """
    import torch

    tokens = vocabulary(encoder)
    if not tokens:
        return ""
    with torch.inference_mode():
        best = encoder.model.ctc.argmax(torch.from_numpy(output).to(encoder.device)[None])[0].tolist()
    heard = [tokens[token] for token, _ in groupby(best) if token != BLANK]
    text = "".join(" " if token == "<space>" else token for token in heard if not SPECIAL.fullmatch(token))
    return text.replace("▁", " ").strip()


def vocabulary(encoder: Encoder) -> list[str]:
    """The tokens that the CTC head of an encoder writes; none without a head.

    The head of a packed model that was trained without CTC knows special tokens only.
    """
    model = getattr(encoder, "model", None)
    tokens = [] if getattr(model, "ctc", None) is None else list(model.token_list)
    return tokens if any(token[0] != "<" for token in tokens) else []


def is_plausible_pace(peaks: Sequence[Span], frame_rate: float) -> bool:
    """Whether characters are mostly as far apart as speech can be: the median distance is at least `FASTEST`."""
    distances = [(b.start - a.start) / frame_rate for a, b in pairwise(peaks)]
    return not distances or median(distances) >= FASTEST
