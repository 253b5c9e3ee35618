"""The packed form of a language model that reads units: a folder as sentence-transformers has it, and all it needs.

::

    README.md LICENSE                    the model card, and what its licence follows from
    modules.json config.json ...         the language model, its tokenizer, pooling, normalisation
    dual.yaml                            prefixes, and the layer to compare utterances at
    units/                               centroids, and the encoder of the units where it was trained here
    train.json RESULTS.md images/        how it came to be, and what was measured
"""

from functools import partial
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory

import numpy as np

from fangyan import environment
from fangyan.encoders import files, load_encoder
from fangyan.encoders.carrying import carry, copy, copy_record
from fangyan.encoders.choice import choice_of_experiment
from fangyan.files import fingerprint, produce, write_text
from fangyan.publish.archive import run_proof
from fangyan.report import inputs

FOLDER = "packed"


def renew(exp: Path) -> bool:
    """Makes ``exp/packed``; says whether it had to: the same one is kept.

    It loads with ``load_encoder("llm:packed")``. `UserError` where the experiment is not trained, or where what was
    packed does not load in a fresh process and give what the experiment gives.
    """
    report = [exp / "RESULTS.md", *sorted((exp / "images").glob("*")), *inputs.results(exp)]
    made = {
        "sources": fingerprint(exp.resolve().name, *files(f"llm:{exp}"), inputs.state(report, exp)),
        "code": inputs.code(),
        "versions": environment.versions(),
    }
    return produce(exp / FOLDER, made, partial(_lay_out, exp))


def _lay_out(exp: Path, folder: Path) -> None:
    from fangyan.publish import card, rights

    facts, spec = card.read(exp), f"llm:{exp}"
    carry(spec, folder, choice_of_experiment(exp).layer)
    copy_record(exp, folder)
    if (exp / "RESULTS.md").exists():
        copy(exp / "RESULTS.md", folder / "RESULTS.md")
    if (exp / "images").is_dir():
        copytree(exp / "images", folder / "images")
    _check(spec, folder, exp / FOLDER)
    write_text(folder / "LICENSE", rights.licence_text(facts.corpora))
    write_text(folder / card.NAME, card.write(facts))


def _check(spec: str, folder: Path, out: Path) -> None:
    """`UserError` unless a folder that becomes ``out`` gives what the encoder of ``spec`` gives."""
    from fangyan.publish import proof

    encoder = load_encoder(spec, "cpu")
    with TemporaryDirectory() as temporary:
        wanted = Path(temporary) / "wanted.npz"
        np.savez(wanted, **encoder(proof.noise()), text=encoder.embed_text([proof.SENTENCE]))
        run_proof(out, folder, wanted)
