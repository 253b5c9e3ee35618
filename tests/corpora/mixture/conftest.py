"""Three corpora in their own layouts, whose recordings are tones of the micro corpus: there is something to learn."""

import shutil
from itertools import permutations
from pathlib import Path

import pytest

from fangyan.data import datadir

SENTENCES = ["".join(chars) for chars in permutations("我你吃饭看书水喝", 3)][::7]
SETS = {"train": SENTENCES[:16], "dev": SENTENCES[16:22], "test": SENTENCES[22:28]}


def place(sung: list[datadir.Utterance], home: Path, path: str) -> dict[str, datadir.Utterance]:
    """Name -> utterance of recordings under the names that ``path`` gives to numbers from 1."""
    files = {home / path.format(n=n): utterance for n, utterance in enumerate(sung, 1)}
    for file, utterance in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(utterance.wav, file)
    return {file.stem: utterance for file, utterance in files.items()}


def table(file: Path, lines: list[str]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def aishell(sung: dict[str, list], home: Path) -> None:
    said = []
    for n, name in enumerate(SETS, 1):
        named = place(sung[name], home, f"data_aishell/wav/{name}/S000{n}/BAC009S000{n}W{{n:04}}.wav")
        said += [f"{key} {u.text}" for key, u in named.items()]
    table(home / "data_aishell/transcript/aishell_transcript_v0.8.txt", said)


def kespeech(sung: dict[str, list], home: Path) -> None:
    parts = {
        "train_phase1": "train",
        "train_phase2": None,
        "dev_phase1": "dev",
        "dev_phase2": None,
        "test": "test",
    }
    for n, (part, name) in enumerate(parts.items(), 1):
        path = f"Audio/{n}/phase1/{n}_{{n:04}}.wav"
        named = place(sung[name], home / "KeSpeech", path) if name else {}
        folder = home / "KeSpeech/Tasks/ASR" / part
        table(folder / "wav.scp", [f"{key} Audio/{n}/phase1/{key}.wav" for key in named])
        table(folder / "text", [f"{key} {u.text}" for key, u in named.items()])
        table(folder / "utt2spk", [f"{key} {n}" for key in named])
        table(folder / "utt2subdialect", [f"{key} Zhongyuan" for key in named])


def mdcc(sung: dict[str, list], home: Path) -> None:
    for name, of in {"train": "train", "dev": "valid", "test": "test"}.items():
        named = place(sung[name], home, f"dataset/audio/447_{of}_{{n}}_1.00_2.00.wav")
        rows = [f"./audio/{key}.wav,./transcription/{key}.txt,female,1.00" for key in named]
        table(home / f"dataset/cnt_asr_{of}_metadata.csv", ["audio_path,text_path,sex,duration", *rows])
        for key, utterance in named.items():
            table(home / f"dataset/transcription/{key}.txt", [utterance.text])


@pytest.fixture(scope="session")
def shelf(singer, tmp_path_factory) -> dict[str, Path]:
    """Corpus -> where it lies: AISHELL-1 (cmn), KeSpeech (cmn-zhongyuan), MDCC (yue), of the same sentences."""
    folder = tmp_path_factory.mktemp("shelf")
    for build in (aishell, kespeech, mdcc):
        home = folder / "sung" / build.__name__
        sung = {name: datadir.read(singer(home, name, said, ["any"])) for name, said in SETS.items()}
        build(sung, folder / build.__name__)
    return {build.__name__: folder / build.__name__ for build in (aishell, kespeech, mdcc)}


@pytest.fixture
def desk(shelf, tmp_path, monkeypatch) -> Path:
    """An empty folder to work in but for corpora.yaml, which knows the shelf."""
    monkeypatch.chdir(tmp_path)
    table(tmp_path / "corpora.yaml", [f"{name}: {root}" for name, root in shelf.items()])
    return tmp_path
