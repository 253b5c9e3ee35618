"""MDCC: 73.6 h of Cantonese from audio books of Hong Kong: philosophy, politics, education, culture, family.

What: variety yue; sets train, dev (upstream's ``valid``: 5,663 clips, 5.05 h) and test (12,492 clips, 11.01 h); no clip
is longer than 15 s. ``text`` is Cantonese in traditional script; there is no Mandarin wording. The corpus does not say
who speaks: each clip is its own speaker, as is usual in Kaldi.
Overlap: valid and test are made of the same 93 programmes (counted in upstream's tables; that of train is not public),
so that voices and topics of one set are those of the others. Upstream does not promise otherwise of sentences.
Licence: research only, signed; no redistribution.
Where to get it: https://github.com/HLTCHKUST/cantonese-asr: a letter brings the form, the signed form the link. The
corpus root is the folder that holds ``dataset``, with ``audio``, ``transcription`` and
``cnt_asr_{train,valid,test}_metadata.csv`` in it.
Citation: Yu et al. 2022, Automatic speech recognition datasets in Cantonese: a survey and new dataset, LREC,
arXiv 2201.02419.
"""

from collections.abc import Iterator
from pathlib import Path

from fangyan.corpora.common.layouts import drop_empty, drop_unlisted, find_home, read_columns, utterance
from fangyan.data.datadir import Dropped, Utterance
from fangyan.files import read_text

SETS = {"train": "train", "dev": "valid", "test": "test"}
"""Ours -> upstream's."""
TABLE = "cnt_asr_{}_metadata.csv"
COLUMNS = ("audio_path", "text_path", "sex", "duration")


def splits(root: Path | None, jobs: int = 1, limit: int = 0) -> dict[str, list[Utterance | Dropped]]:
    """The utterances of train, dev and test in the order of the tables."""
    folder = find_home("mdcc", root, "dataset", TABLE.format("test"))
    sets = {name: drop_empty(_records(folder, folder / TABLE.format(of))) for name, of in SETS.items()}
    listed = {
        str(folder / row["audio_path"])
        for of in SETS.values()
        for row in read_columns(folder / TABLE.format(of), COLUMNS, delimiter=",")
    }
    return sets | {"train": [*sets["train"], *drop_unlisted(folder / "audio", listed)]}


def _records(folder: Path, metadata: Path) -> Iterator[Utterance | Dropped]:
    for row in read_columns(metadata, COLUMNS, delimiter=","):
        wav, transcript = folder / row["audio_path"], folder / row["text_path"]
        if transcript.is_file():
            yield utterance(wav.stem, wav, read_text(transcript), wav.stem, "yue")
        else:
            yield Dropped(wav.stem, "no transcript", row["text_path"])
