"""Sentencepieces: the parts of transcripts that a model may write in place of characters (Kudo 2018, unigram)."""

from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path

from fangyan.errors import UserError

MODEL = "bpe.model"
"""ESPnet's name for it."""


def learn_pieces(texts: Sequence[str], vocabulary: int, folder: Path) -> list[str]:
    """So many pieces of ``texts``, most probable first; ``folder/bpe.model`` splits into them.

    `UserError` for a number that the texts are too few for, or that leaves out one of their characters.
    """
    from sentencepiece import SentencePieceProcessor, SentencePieceTrainer

    model = BytesIO()
    try:
        SentencePieceTrainer.train(
            sentence_iterator=iter(texts),
            model_writer=model,
            vocab_size=vocabulary,
            model_type="unigram",
            character_coverage=1.0,
            normalization_rule_name="identity",  # they are in normal form
            add_dummy_prefix=False,  # the first word of a line is a word like others
            max_sentence_length=max(len(text.encode()) for text in texts)
            + 1,  # longer ones would be left out
            bos_id=-1,
            eos_id=-1,
            num_threads=1,  # the same model again
            minloglevel=2,
        )
    except RuntimeError as error:
        reason = str(error).rpartition("] ")[2].partition(" Increase")[0]
        raise UserError(f"--vocabulary {vocabulary}: {reason}") from None
    (folder / MODEL).write_bytes(model.getvalue())
    processor = SentencePieceProcessor(model_proto=model.getvalue())
    pieces = range(processor.get_piece_size())
    return [processor.id_to_piece(n) for n in pieces if not processor.is_unknown(n)]


def load_splitter(model: Path) -> Callable[[str], Sequence[str]]:
    """What splits a text into its pieces: a list of characters where there is no ``model``."""
    if not model.exists():
        return list
    from sentencepiece import SentencePieceProcessor

    return SentencePieceProcessor(model_file=str(model)).encode_as_pieces
