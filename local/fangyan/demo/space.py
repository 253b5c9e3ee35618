"""The page as a folder that can be pushed to the Hugging Face Hub as a Space: model, recordings, code, and its needs.

::

    README.md requirements.txt .gitattributes   what the Hub reads
    app.py                                      starts the page
    model/ or model.zip                         what the encoder loads; a model of the Hub is left there
    data/<set>/                                 the data directory, its recordings in wav/*.flac
    local/fangyan/ conf/                        this package
"""

import sys
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from operator import attrgetter
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from packaging.requirements import Requirement

from fangyan import encoders
from fangyan.corpora.common.licences import Corpus, describe, strictest
from fangyan.data import audio, datadir, durations
from fangyan.data.sources import origins
from fangyan.demo import TITLE, gradio_version
from fangyan.encoders.carrying import carry, copy
from fangyan.encoders.families import FAMILIES
from fangyan.encoders.text_side import is_folder
from fangyan.errors import UserError
from fangyan.features.at_layer import check_asked, report_choice
from fangyan.files import ROOT, fingerprint, produce, write_text
from fangyan.measure.explain.transcripts import trained
from fangyan.progress import track
from fangyan.publish import rights
from fangyan.publish.learned import origins as learned_from

TEMPLATES = Path(__file__).parent / "templates" / "space"
PYTHON = "3.12"
MODEL = "model"
UNUSED = frozenset(
    "espnet_model_zoo ijson jiwer panphon pinyin-to-ipa pyarrow tensorboard tojyutping".split()
)
"""Dependencies that the page imports nothing of: corpora, IPA, scoring and training need them."""
OF_TEXT = frozenset(["sentence-transformers"])
"""What it needs for typed sentences alone."""


def space(spec: str, data: Path, out: Path, layer: str = "", permission: str = "") -> bool:
    """Writes the folder ``out``, `fangyan.demo.demo` of the same arguments as a Space; False if it was finished.

    ``permission``: who allowed to hand on what a licence forbids to; without it `UserError` says which corpus does.
    `UserError` for a folder that has something else in it.
    """
    check_asked(spec, layer)
    layer = _layer(spec, layer)
    recorded = [describe(name) for name in sorted({origin.corpus for origin in origins(data)})]
    learned = [describe(name) for name in sorted({origin.corpus for origin in learned_from(spec)})]
    rights.check_permission(str(out), learned, permission, recorded)
    corpora, (texts, teacher) = sorted({*recorded, *learned}, key=attrgetter("name")), _reading(spec)
    code = [str(path.relative_to(ROOT)) for path in _code()]
    inputs = {
        "encoder": encoders.identity(spec),
        "data": datadir.identity(data),
        "layer": layer,
        "permission": permission,
        "code": fingerprint(code, *_code()),
        "corpora": [corpus.name for corpus in corpora],
        "requirements": [*requirements(texts), gradio_version()],
        "training": trained(spec),
    }
    return produce(out, inputs, partial(_build, spec, texts, teacher, data, layer, corpora, permission))


def _layer(spec: str, layer: str) -> str:
    """``layer``, else the one that the encoder recommends, told on stderr; empty where it has none."""
    if layer:
        return layer
    choice = encoders.recommended(spec)
    report_choice(spec, choice)
    return choice.layer


def _reading(spec: str) -> tuple[bool, str]:
    """Whether the Space reads what is typed, and the Hub id of the encoder of text by which, if it is another model.

    One that is a folder is not handed on, which stderr says.
    """
    try:
        teacher = encoders.teacher_of(spec)
    except UserError:
        return False, ""
    if not teacher or not is_folder(teacher):
        return True, teacher.partition(":")[2]
    print(
        "the Space has no field for typed sentences: their encoder is a folder here, not of the Hub",
        file=sys.stderr,
    )
    return False, ""


def requirements(texts: bool = False) -> list[str]:
    """What the page needs, at the versions in use here; Gradio is the Hub's to bring, at the same version.

    ``texts``: whether it reads typed sentences.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    unused = UNUSED if texts else UNUSED | OF_TEXT
    needed = [r for r in map(Requirement, project["dependencies"]) if r.name not in unused]
    extras = {r.name: f"[{','.join(sorted(r.extras))}]" if r.extras else "" for r in needed}
    return [f"{name}{extra}=={version(name)}" for name, extra in extras.items()]


def _code() -> list[Path]:
    found = [*(ROOT / "local" / "fangyan").rglob("*"), *(ROOT / "conf").rglob("*")]
    return sorted(path for path in found if path.is_file() and path.suffix != ".pyc")


def _build(
    spec: str,
    texts: bool,
    teacher: str,
    data: Path,
    layer: str,
    corpora: Sequence[Corpus],
    permission: str,
    folder: Path,
) -> None:
    for path in _code():
        copy(path, folder / path.relative_to(ROOT))
    held, home = _model(spec, layer, folder), Path("data") / data.resolve().name
    _recordings(data, folder, home)
    templates = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    content = {
        "title": TITLE,
        "front": _front_matter(spec, teacher, corpora),
        "encoder": repr(held),
        "data": repr(str(home)),
        "layer": repr(layer),
        "requirements": requirements(texts),
        "texts": texts,
        "teacher": teacher,
        "corpora": corpora,
        "binding": strictest(corpora),
        "permission": permission,
    }
    for path in TEMPLATES.iterdir():
        write_text(folder / path.stem, templates.get_template(path.name).render(content))


def _front_matter(spec: str, teacher: str, corpora: Sequence[Corpus]) -> str:
    """The YAML that the Hub reads."""
    from huggingface_hub import SpaceCardData

    name, _, argument = spec.partition(":")
    trained = name in FAMILIES and FAMILIES[name].finder and name != "random"
    of_hub = bool(trained) and not Path(argument).exists()
    data = SpaceCardData(
        title=TITLE,
        emoji="🗣️",
        colorFrom="blue",
        colorTo="green",
        sdk="gradio",
        sdk_version=gradio_version(),
        python_version=PYTHON,
        app_file="app.py",
        short_description="Speech retrieval between Chinese varieties",
        models=[one.partition("@")[0] for one in (argument * of_hub, teacher) if one] or None,
        **rights.front_matter(corpora),
    )
    return data.to_yaml()


def _model(spec: str, layer: str, folder: Path) -> str:
    """The SPEC of the encoder in the Space, where what it loads lies if it lies here.

    Of an experiment that is its encoder alone: no pickle, and no path of this machine.
    """
    held = carry(spec, folder / MODEL, layer)
    return f"{spec.partition(':')[0]}:{held.name}" if held else spec


def _recordings(data: Path, folder: Path, home: Path) -> None:
    """Writes the data directory ``folder/home`` with its recordings in it, at paths relative to ``folder``."""
    moved = []
    utterances = durations.measured(datadir.read(data, datadir.SPOKEN))
    for n, utterance in enumerate(track(utterances, "recordings", "utterances")):
        wav = home / "wav" / f"{n:05d}.flac"
        audio.write(folder / wav, audio.read(utterance.wav))
        moved.append(replace(utterance, wav=str(wav)))
    datadir.write(folder / home, moved, groups=datadir.read_groups(data))
