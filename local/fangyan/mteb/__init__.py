"""MTEB: an encoder of speech as a model of its evaluator, and retrieval across varieties as a task that runs in it.

    import mteb, fangyan.mteb

    mteb.evaluate(fangyan.mteb.model("hf:openai/whisper-small"), [fangyan.mteb.task("data/test")])

``mteb`` itself is optional, the extra of that name.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from fangyan.environment import install_extra
from fangyan.errors import UserError

if TYPE_CHECKING:
    from fangyan.mteb.pooled import PooledEncoder
    from fangyan.mteb.retrieval import CrossVarietyRetrieval


def model(spec: str, layer: str = "") -> "PooledEncoder":
    """The encoder that ``spec`` names as a model of MTEB: a vector a recording, the mean frame of a layer.

    ``layer``: as of `fangyan.features.at_layer.load_at_layer`, by default the recommended one, else the last.
    `UserError` for an unknown SPEC or layer, an encoder of text, and where ``mteb`` is not installed.
    """
    _check_installed()
    from fangyan.mteb.pooled import PooledEncoder

    return PooledEncoder(spec, layer)


def task(data: str | Path) -> "CrossVarietyRetrieval":
    """Retrieval between the varieties of a Kaldi data directory as a task of MTEB, a subset for each ordered pair.

    `DataError` for a directory that is malformed or has no two varieties to compare; `UserError` as `model`.
    """
    _check_installed()
    from fangyan.mteb.retrieval import task_of

    return task_of(Path(data))


def _check_installed() -> None:
    try:
        import mteb.abstasks  # noqa: F401
    except ImportError:
        raise UserError(f"models and tasks of MTEB need mteb: {install_extra('mteb')}") from None
