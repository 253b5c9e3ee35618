"""Speech recognition: hybrid CTC/attention, or any other model that ESPnet's ASR task builds."""

from types import MappingProxyType

from espnet2.tasks.asr import ASRTask

from fangyan.encoders.espnet_alone import ALONE
from fangyan.encoders.espnet_whisper import LogMelFrontend, PaddingFreeEncoder
from fangyan.training.history import Curve
from fangyan.training.inputs import SPEECH, TRANSCRIPT
from fangyan.training.lengths import check_short
from fangyan.training.run import Run
from fangyan.training.task import Trained


class Task(Trained, ASRTask):
    """ESPnet's ASR task, which Whisper may be a part of.

    Measured beside the loss (with ``length_normalized_loss`` the decoder's part of it is the mean over its tokens):
    ``acc``: the share of a batch's tokens that the decoder finds, given those before. ``cer_ctc``: errors over
    characters of a batch by the best path of CTC, on the development set alone. These two are not quite what they would
    be over all tokens at once.
    """

    inputs = (SPEECH, TRANSCRIPT)
    curves = (Curve("acc", "max"), Curve("cer_ctc", "min", ("valid",)))
    classes = MappingProxyType(
        {"frontend": {"whisper_logmel": LogMelFrontend}, "encoder": {"hf_whisper": PaddingFreeEncoder}}
    )

    alone = ALONE

    @classmethod
    def check(cls, job: Run) -> None:
        """Writes ``stats/.short.tsv`` (`lengths.check_short`); `DataError` for what the encoder cannot hear."""
        super().check(job)
        check_short(job)
