"""Units and texts of the micro corpus by hand: a unit for each tone, and configurations of the task pretrain."""

from pathlib import Path

from fangyan.data import datadir
from fangyan.files import write_text

TONES = "我你吃饭看书水喝"
RATE = 50
"""Units a second."""
K = len(TONES)
PRETRAIN = """\
include: {base}
task: pretrain
model: pretrained
decoder: null
model_conf: {{units: 8, label_rate: 50, speech_layers: 1, mask_length: 4}}
max_epoch: 2
best_model_criterion: [[valid, acc_shared, max]]
text_data: [{texts}]
text_dev: [{texts}]
"""
"""To be formatted with ``base``, what it includes, and ``texts``, a directory."""


def write_units(data: Path, rate: int = RATE, column: str = "units") -> Path:
    """Writes a column of units of a data directory that was sung: at each moment the number of its tone."""
    lines = []
    for row in datadir.read(data):
        count = round(row.duration * rate)
        heard = (row.text[n * len(row.text) // count] for n in range(count))
        lines.append(f"{row.id} {' '.join(f'{TONES.index(tone)}' for tone in heard)}\n")
    write_text(data / column, "".join(lines))
    return data


def write_texts(folder: Path, texts: list[str], repeat: int = 10, column: str = "units") -> Path:
    """Writes a directory of texts, each character so many units."""
    ids = [f"t{n:03d}" for n in range(len(texts))]
    units = (" ".join(f"{TONES.index(tone)}" for tone in text for _ in range(repeat)) for text in texts)
    tables = {"text": texts, column: units, "utt2lang": ["cmn"] * len(texts)}
    for name, values in tables.items():
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / name, "".join(f"{key} {v}\n" for key, v in zip(ids, values, strict=True)))
    return folder
