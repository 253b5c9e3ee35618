"""A training task over ESPnet's SSL task: masked prediction of a unit for each frame, which text_units has."""

from espnet2.tasks.ssl import SSLTask

from fangyan.training.inputs import SPEECH, Input
from fangyan.training.task import Trained


class Task(Trained, SSLTask):
    inputs = (SPEECH, Input("text", "text_units", "text_int"))
