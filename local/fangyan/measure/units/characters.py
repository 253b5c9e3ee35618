"""Characters on time: where a model with CTC heard each character of what it was trained to write.

All of an utterance belongs to one of its characters: bounds lie midway between two peaks of CTC, so that silence is
counted to the characters beside it (`fangyan.recognition.ctc_alignment`). An utterance whose characters follow each
other faster than anybody speaks is left out, since there the model did not write them where they were spoken.

The characters that a model writes need not be those that were spoken (Mandarin wording of a Cantonese sentence), so
phones are not made of them: `fangyan.measure.units.phones` aligns what was said.
"""

import sys
from collections.abc import Mapping, Sequence

import numpy as np

from fangyan.data.datadir import Utterance
from fangyan.encoders import Encoder, SomeLayers, load_encoder
from fangyan.encoders import identity as encoder_identity
from fangyan.errors import DataError, UserError
from fangyan.features.pipeline import BATCH_SECONDS, SPEECH, batches, encoded, seconds_of
from fangyan.measure.explain.transcripts import Transcript, transcript
from fangyan.measure.units.stretches import Stretch
from fangyan.progress import Progress
from fangyan.recognition import ctc_alignment
from fangyan.units.alignment import divide_frames


def transcript_of(spec: str) -> Transcript:
    """What the model of ``spec`` writes; `UserError` for an encoder that writes nothing."""
    found = transcript(spec)
    if not found.column:
        raise UserError(f"--align {spec}: a model with CTC that writes characters is needed, espnet:EXP")
    return found


def identity_of(spec: str, told_by: Transcript) -> Mapping[str, object]:
    """What decides where characters are."""
    return {"encoder": encoder_identity(spec)} | told_by.stamp()


def find(spec: str, utterances: Sequence[Utterance], told_by: Transcript) -> dict[str, list[Stretch]]:
    """The characters of each utterance by id; how many are left out, since none can be believed, is said on stderr.

    `UserError` for a model that has no CTC, or other tokens than characters.
    """
    encoder = load_encoder(spec)
    tokens = ctc_alignment.vocabulary(encoder)
    if not tokens or any(len(token) > 1 and token[0] != "<" for token in tokens):
        raise UserError(f"--align {spec}: has no CTC that writes characters")
    deepest = SomeLayers(encoder, [encoder.deepest])
    found = {}
    with Progress("align", seconds_of(utterances), SPEECH) as bar:
        for batch, (outputs,) in encoded(deepest, batches(utterances, BATCH_SECONDS)):
            for utterance, output in zip(batch, outputs, strict=True):
                if stretches := stretches_of(encoder, output, told_by.of(utterance)):
                    found[utterance.id] = stretches
            bar.update(seconds_of(batch))
    if lost := len(utterances) - len(found):
        print(
            f"{spec}: characters of {lost:,} of {len(utterances):,} utterances cannot be believed, and are left out",
            file=sys.stderr,
        )
    return found


def stretches_of(encoder: Encoder, output: np.ndarray, text: str) -> list[Stretch]:
    """The characters of a text in the (T, d) last layer of its utterance; none where they cannot be believed."""
    try:
        peaks = ctc_alignment.spans(encoder, output, text)
    except DataError:  # more characters than frames
        return []
    if not ctc_alignment.is_plausible_pace(peaks, encoder.rate_of(encoder.deepest)):
        return []
    spans = divide_frames(peaks, len(output))
    return [Stretch(char, span.end / len(output)) for char, span in zip(text, spans, strict=bool(spans))]
