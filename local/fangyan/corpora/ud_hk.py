"""UD Cantonese-HK and Chinese-HK: 1,004 sentences in Cantonese and in written Chinese, spoken by espeak-ng.

What: the parallel treebanks of City University of Hong Kong, films and legislative proceedings; one set, ``test``, with
each sentence in Cantonese (variety yue) and Mandarin (cmn). ``text`` is the variety's wording in traditional script,
``text_cmn`` the Mandarin one, ``utt2ipa`` how the voice reads it; sentence ids are those of the treebanks. Sentences
that a voice cannot read (English words, characters it lacks) are left out by name, 72 of yue and 28 of cmn; 1,908
utterances remain, 1.65 h. The voices are those of the test set of mini_sinitic: an encoder trained there has never
heard them.
Real sentences in synthetic speech: they show whether an encoder copes with sentences it was not made for; they support
no claim about how people speak.
Licence: CC BY-SA 4.0, the sentences.
Where to get it: ``git clone https://github.com/UniversalDependencies/UD_Cantonese-HK`` and ``.../UD_Chinese-HK``. The
corpus root is the folder that holds them, or the files ``yue_hk-ud-test.conllu`` and ``zh_hk-ud-test.conllu``.
Citation: Wong, Gerdes, Leung and Lee 2017, Quantitative comparative syntax on the Cantonese-Mandarin parallel
dependency treebank, Depling.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import astuple, replace
from pathlib import Path
from random import Random

from fangyan.corpora.common.layouts import list_names
from fangyan.corpora.common.synthesis import make_recordings
from fangyan.corpora.mini_sinitic import PITCHES, RATES, READ_BY, VOICES
from fangyan.data.datadir import Dropped, Utterance
from fangyan.data.text import simplify
from fangyan.errors import DataError, UserError
from fangyan.files import fingerprint, read_text
from fangyan.ipa import espeak
from fangyan.ipa.espeak import Recording, Voice, synthesise_recording

FILES = {"cmn": "zh_hk-ud-test.conllu", "yue": "yue_hk-ud-test.conllu"}
DOWNLOADS = Path("downloads") / "ud_hk"
COMMENT = re.compile(r"^# (parallel_id|text) = (.*)$", re.MULTILINE)


def splits(root: Path | None, jobs: int = 1, limit: int = 0) -> dict[str, list[Utterance | Dropped]]:
    """The utterances of the one set ``test``, sentence by sentence.

    Recordings that ``downloads/ud_hk`` of the working directory lacks are made there by ``jobs`` processes. ``limit``:
    only the first so many sentences (0: all).
    """
    if root is None:
        raise UserError("corpus ud_hk: say where the treebanks lie with --corpus_dir DIR")
    said = {variety: _sentences(_file(root, name)) for variety, name in FILES.items()}
    if said["cmn"].keys() != said["yue"].keys():
        odd = min(said["cmn"].keys() ^ said["yue"].keys())
        raise DataError(f"{root}: the two treebanks have the same sentences, got {odd} in one of them alone")
    planned = [_recording(key, variety, said) for key in said["cmn"] for variety in FILES]
    home = DOWNLOADS / fingerprint(espeak.stamp(), [astuple(recording) for recording in planned])[:16]
    return {"test": make_recordings(_make, home, planned[: limit * len(FILES) or None], jobs, "speech test")}


def _file(root: Path, name: str) -> Path:
    found = next((path for path in (root / name, *sorted(root.glob(f"*/{name}"))) if path.is_file()), None)
    if not found:
        raise DataError(f"{root}: expected {name} in it or in one of its folders, found {list_names(root)}")
    return found


def _sentences(path: Path) -> dict[str, str]:
    """Parallel id -> text of each sentence of a CoNLL-U file; `DataError` for one that lacks either."""
    sentences: dict[str, str] = {}
    for n, block in enumerate(re.split(r"\n{2,}", read_text(path).replace("\r", "").strip()), 1):
        comments = dict(COMMENT.findall(block))
        key, text = comments.get("parallel_id", ""), " ".join(comments.get("text", "").split())
        if not key or not text or key in sentences:
            found = f"{key or 'no id'} {text or 'no text'}"
            raise DataError(f"{path}: sentence {n}: has a parallel_id of its own and a text, got {found}")
        sentences[key] = text
    return sentences


def _recording(sentence: str, variety: str, said: dict[str, dict[str, str]]) -> Recording:
    """What is to be spoken, by a voice drawn for this utterance alone."""
    key = re.sub(r"\W+(\d+)$", lambda match: f"-{match[1]:0>4}", sentence)
    draw = Random(f"{key} {variety}")
    variant = draw.choice(VOICES["test"])
    speaker, text = f"{variety}-{variant}", said[variety][sentence]
    utterance = Utterance(f"{speaker}-{key}", "", text, speaker, variety, key, text_cmn=said["cmn"][sentence])
    readable = unicodedata.normalize("NFKC", text)
    voice = Voice(f"{READ_BY[variety]}+{variant}", draw.choice(RATES), draw.choice(PITCHES))
    return Recording(utterance, simplify(readable) if variety == "cmn" else readable, voice)


def _make(folder: Path, recording: Recording) -> Utterance | Dropped:
    """The utterance with its audio (made unless it is there), duration and IPA; or what the voice cannot read."""
    try:
        ipa = " ".join(_phrases(recording))
    except UserError as error:
        return Dropped(recording.utterance.id, "not readable by the voice", f"{recording.text}: {error}")
    return replace(synthesise_recording(folder, recording), ipa=ipa)


def _phrases(recording: Recording) -> Iterator[str]:
    """The IPA of each phrase of the text, in which espeak-ng takes no punctuation."""
    for phrase in re.split(r"[^\w ]+", recording.text):
        if phrase.strip():
            yield espeak.ipa(phrase.strip(), READ_BY[recording.utterance.variety])
