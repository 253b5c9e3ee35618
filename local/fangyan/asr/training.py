"""Statistics and hybrid CTC/attention training, resumable after a kill at any moment."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from fangyan import audio, datadir, provenance
from fangyan import config as configs
from fangyan.asr import summary
from fangyan.asr.checkpoints import TOLD, epochs_told, newest_whole, write_history
from fangyan.asr.experiment import Experiment, stamped, targets
from fangyan.asr.initialise import WEIGHTS, content_of, write_weights
from fangyan.asr.lengths import check_lengths
from fangyan.asr.pieces import MODEL
from fangyan.asr.ranks import Place, any_rank, place, together
from fangyan.asr.recordings import named
from fangyan.asr.resuming import STARTED, check_unchanged, felt
from fangyan.asr.sampling import CORPORA
from fangyan.asr.sampling import WEIGHTS as CORPUS_WEIGHTS
from fangyan.asr.stopping import on_request
from fangyan.asr.task import check, run
from fangyan.encoders.espnet_model import locate
from fangyan.errors import DataError, UserError
from fangyan.files import (
    DONE,
    fingerprint,
    is_done,
    made_from,
    produce,
    read_table,
    stamp,
    write_json,
    write_text,
)
from fangyan.origins import origins

RAW = {"normalize": None, "normalize_conf": {}}
"""As statistics are of the features before they are normalised."""
BEFORE_THE_MODEL = ("frontend", "preprocessor", "use_preprocessor", "speech_volume_normalize", "input_size")
BEFORE_THE_MODEL += ("cleaner", "g2p", "non_linguistic_symbols")
"""How the keys begin that decide what statistics are of."""


def collect_stats(job: Experiment) -> bool:
    """Whether ``exp/stats`` had to be written: targets, lengths, and mean and variance of the features."""
    inputs = _stats_inputs(configs.compose(job.config), _materials(job))
    return produce(job.stats, inputs, partial(_collect_stats, job))


def train(job: Experiment, here: Place | None = None) -> bool:
    """Whether anything had to be trained: afterwards ``exp`` holds the averaged model, history and provenance.

    A killed run goes on after its last whole epoch with the same random numbers; an experiment folder that was started
    from other data, weights, settings or another seed is refused, with what differs (`asr.resuming` says what may).
    ``here``: which of several ranks this process is; they split each batch. Raises `Stopped` on SIGUSR1.
    """
    here = here or place(ngpu=None, num_nodes=1)
    settings = configs.compose(job.config)
    with on_request(), together(here):
        inputs = _begin(job, settings, here) if here.first else None
        if not any_rank(inputs is not None):
            return False
        _run_training(job, settings, here)
        if inputs is not None:
            if not (job.exp / TOLD).exists():
                write_history(job.exp, epochs_told(job.exp))
            write_json(job.exp / summary.NAME, _summary(job, here))
            stamp(job.exp, inputs, _made(job.exp))
    return True


def _begin(job: Experiment, settings: Mapping[str, Any], here: Place) -> dict[str, Any] | None:
    """What the finished experiment is recognised by, all being ready for training; None where it is finished."""
    if not (job.stats / DONE).exists():
        raise UserError(f"{job.stats}: no statistics there; run the stage stats first")
    materials = _materials(job)
    if not is_done(job.stats, _stats_inputs(settings, materials)):
        raise UserError(
            f"{job.stats}: statistics not whole, or of other data, tokens or front end than now: run stage stats again"
        )
    finished = {"settings": felt(settings), "seed": job.seed} | materials
    finished |= _start(job, settings) | _weighted(job, settings)
    if is_done(job.exp, finished):
        return None
    _rehearse(job, settings, here)
    if newest_whole(job.exp):
        check_unchanged(job.exp, finished)
    check_lengths(job)
    write_json(job.exp / STARTED / DONE, finished)
    return finished


def _made(exp: Path) -> list[Path]:
    """The files that make a finished experiment."""
    config, weights, _ = locate(exp)
    return [config, weights, exp / TOLD, exp / summary.NAME]


def _start(job: Experiment, settings: Mapping[str, Any]) -> dict[str, str]:
    """What the weights that training starts from are, written once to ``exp/init``; nothing without ``job.init``."""
    if not job.init:
        return {}
    home = job.exp / "init"
    shape = {key: value for key, value in settings.items() if key.startswith(("encoder", "frontend"))}
    taken = (made_from(home) or {}).get("content", "")  # from a place that may be gone by now
    inputs = {"source": job.init, "shape": shape, "content": content_of(job.init) or taken}
    produce(home, inputs, partial(write_weights, job.init, job.config))
    return {"init": fingerprint(home / WEIGHTS)}


def _weighted(job: Experiment, settings: Mapping[str, Any]) -> dict[str, str]:
    """What the corpora of the training data weigh; nothing where they weigh the same."""
    weights = job.train / CORPUS_WEIGHTS
    if not weights.exists():
        return {}
    if settings.get("batch_type") != "catpow":
        raise UserError(
            f"{weights}: corpora that weigh differently need `iterator_type: category` and `batch_type: catpow` in "
            f"{job.config}"
        )
    return {"weights": fingerprint(weights, *filter(Path.exists, [job.train / CORPORA]))}


def _stats_inputs(settings: Mapping[str, Any], materials: Mapping[str, Any]) -> dict[str, Any]:
    early = {key: value for key, value in settings.items() if key.startswith(BEFORE_THE_MODEL)}
    return {"settings": early | configs.contents(early), **materials}


def _materials(job: Experiment) -> dict[str, Any]:
    """What is learnt from and written down, for a stamp."""
    tokens = fingerprint(
        *(job.tokens / name for name in ("tokens.txt", MODEL) if (job.tokens / name).exists())
    )
    data = {role: datadir.identity(path) for role, path in job.sets().items()}
    return {"tokens": tokens, "target": job.target} | stamped(job.form) | data


def _collect_stats(job: Experiment, folder: Path) -> None:
    settings, here = configs.compose(job.config), place(ngpu=None, num_nodes=1, environment={})
    alike = {"batch_type": "unsorted", "batch_size": 32, "valid_batch_size": 32}
    _rehearse(job, settings, here, RAW)
    for role, data in job.sets().items():
        _write_kept(job, data, folder / role)
    kept = {role: folder / role for role in job.sets()}  # ESPnet reads tables of equal ids side by side here
    shapes = {f"{role}_shape_file": [str(part / "wav.scp")] for role, part in kept.items()}
    arguments = (
        _data_arguments(job, folder, kept) | shapes | {"collect_stats": True, "output_dir": str(folder)}
    )
    with named(job.sets().values()):
        run(settings | RAW | alike, folder / "stats", arguments, here)
    for role, data in job.sets().items():
        _refuse_broken_audio(data, folder / role / "feats_stats.npz")
        ids = list(datadir.read_map(folder / role / "wav.scp"))
        _put_in_order(folder / role / "speech_shape", ids)
        _put_in_order(folder / role / "text_shape", ids, f",{len(job.vocabulary)}")


def _write_kept(job: Experiment, data: Path, folder: Path) -> None:
    """Writes the tables ``text`` and ``wav.scp`` of the utterances of ``data`` that there is something to learn of."""
    texts = targets(data, job.target, job.form)
    kept = [utterance for utterance in datadir.read(data) if utterance.id in texts]
    write_text(folder / "text", "".join(f"{u.id} {texts[u.id]}\n" for u in kept))
    write_text(folder / "wav.scp", "".join(f"{u.id} {u.wav}\n" for u in kept))


def _refuse_broken_audio(data: Path, moments: Path) -> None:
    """`DataError` that names the utterances because of which the sums over all features are no finite numbers."""
    import numpy as np

    if not moments.exists() or np.isfinite(np.load(moments)["sum_square"]).all():
        return
    for n, (key, wav) in enumerate(datadir.read_map(data / "wav.scp").items(), 1):
        try:
            audio.read(wav)
        except DataError as error:
            raise DataError(f"{data / 'wav.scp'}:{n}: {error} (utterance {key})") from None
    raise DataError(f"{moments}: the features of {data} are not all finite numbers, though its samples are")


def _put_in_order(file: Path, ids: Sequence[str], ending: str = "") -> None:
    """Writes the lengths of ``file`` again, one for each of ``ids`` in their order, with an ``ending`` to each.

    ESPnet deals the utterances to its workers in turn, and writes what it gets from them as it comes.
    """
    lengths = datadir.read_map(file, strict=False)
    missing = [key for key in ids if key not in lengths]
    if missing:
        raise DataError(
            f"{file}: a length for every utterance, got none for {missing[0]} and {len(missing) - 1} more"
        )
    write_text(file, "".join(f"{key} {lengths[key]}{ending}\n" for key in ids))


def _data_arguments(job: Experiment, stats: Path, sets: Mapping[str, Path]) -> dict[str, Any]:
    arguments: dict[str, Any] = {"token_list": str(job.tokens / "tokens.txt"), "seed": job.seed}
    model = job.tokens / MODEL
    arguments |= {"token_type": "bpe", "bpemodel": str(model)} if model.exists() else {"token_type": "char"}
    for role, data in sets.items():
        arguments[f"{role}_data_path_and_name_and_type"] = [
            f"{data / 'wav.scp'},speech,sound",
            f"{stats / role / 'text'},text,text",
        ]
    return arguments


def _training_arguments(job: Experiment, settings: Mapping[str, Any]) -> dict[str, Any]:
    arguments = _data_arguments(job, job.stats, job.sets()) | {"output_dir": str(job.exp), "resume": True}
    for role in job.sets():
        arguments[f"{role}_shape_file"] = [str(job.stats / role / f"{x}_shape") for x in ("speech", "text")]
    if job.init:
        arguments["init_param"] = f"{job.exp / 'init' / WEIGHTS}:encoder:encoder"
    if settings.get("normalize") == "global_mvn":
        arguments["normalize_conf"] = f"stats_file={job.stats / 'train' / 'feats_stats.npz'}"
    return arguments


def _run_training(job: Experiment, settings: Mapping[str, Any], here: Place) -> None:
    with named(job.sets().values()):
        run(settings, job.exp / "train", _training_arguments(job, settings), here)


def _rehearse(
    job: Experiment,
    settings: Mapping[str, Any],
    here: Place,
    instead: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """`DataError` for settings that would not do, with ``instead`` of some where there are no statistics."""
    check(settings, job.config)
    if job.init and settings.get("init_param"):
        raise DataError(f"{job.config}: init_param and --init both name initial weights: leave one out")
    from fangyan.asr.rehearsal import rehearse

    rehearse(job, {**settings, **instead}, here, _training_arguments)


def _summary(job: Experiment, here: Place) -> dict[str, Any]:
    import torch

    weights = torch.load(locate(job.exp)[1], map_location="cpu", weights_only=True)
    return {
        "seed": job.seed,
        "target": job.target,
        "text_form": job.text_form,
        "init": job.init or "random",
        "train_set": job.train.name,
        "dev_set": job.dev.name,
        "parameters": sum(w.numel() for w in weights.values() if w.is_floating_point()),
        "seconds": sum(float(row["seconds"]) for row in read_table(job.exp / TOLD)),
        "ranks": here.world,
        "threads": torch.get_num_threads(),
        "machine": provenance.machine(),
        "versions": provenance.versions(),
        "code": provenance.code(),
        "data": {role: _origin(data) for role, data in job.sets().items()},
    }


def _origin(data: Path) -> dict[str, Any]:
    """What a data directory is: its fingerprint, and what each corpus gave of each variety."""
    return {"fingerprint": datadir.identity(data), "origins": [vars(row) for row in origins(data)]}
