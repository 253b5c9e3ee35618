"""Statistics and training, resumable after a kill at any moment."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from fangyan import config as configs
from fangyan import environment
from fangyan.data import audio, datadir
from fangyan.data.sources import origins
from fangyan.encoders.espnet_build import task_of
from fangyan.encoders.espnet_model import locate
from fangyan.errors import DataError, UserError
from fangyan.files import DONE, fingerprint, is_done, made_from, produce, read_table, stamp, write_json
from fangyan.training import history, inputs, summary
from fangyan.training.checkpoints import epochs_told, newest_whole
from fangyan.training.espnet_task import check, run
from fangyan.training.initialise import INIT_WEIGHTS, asks_for_heads, content_of, write_weights
from fangyan.training.ranks import Rank, any_rank, joined_ranks, this_rank
from fangyan.training.resuming import STARTED, check_unchanged, deciding_settings
from fangyan.training.run import Run, form_inputs
from fangyan.training.sampling import CORPORA
from fangyan.training.sampling import CORPUS_WEIGHTS as CORPUS_WEIGHTS
from fangyan.training.stopping import on_request
from fangyan.training.unreadable_audio import archives_named, name_unreadable

RAW = {"normalize": None, "normalize_conf": {}}
"""As statistics are of the features before they are normalised."""
BEFORE_THE_MODEL = (
    "task",
    "frontend",
    "preprocessor",
    "use_preprocessor",
    "speech_volume_normalize",
    "input_size",
)
BEFORE_THE_MODEL += ("cleaner", "g2p", "non_linguistic_symbols")
"""How the keys begin that decide what statistics are of."""


def collect_stats(job: Run) -> bool:
    """Writes ``exp/stats`` and says whether it had to: targets, lengths, and mean and variance of the features."""
    return produce(job.stats, _stats_inputs(job), partial(_collect_stats, job))


def is_trained(job: Run) -> bool:
    """Whether ``exp`` is finished from what is there now; known without torch, and by one process alone."""
    if not (job.exp / DONE).exists():
        return False
    _check_stats(job)
    return is_done(job.exp, _inputs(job, job.settings))


def train(job: Run, here: Rank | None = None) -> bool:
    """Trains, and says whether it had to: ``exp`` holds the averaged model, history and provenance.

    A killed run goes on after its last whole epoch with the same random numbers; an experiment folder that was started
    from other data, weights, settings or another seed is refused, with what differs (`training.resuming` says what
    may). ``here``: which of several ranks this process is; they split each batch. Raises `Stopped` on SIGUSR1.
    """
    here = here or this_rank(ngpu=None, num_nodes=1)
    settings = job.settings
    with on_request(), joined_ranks(here):
        finished = _begin(job, settings, here) if here.first else None
        if not any_rank(finished is not None):
            return False
        _run_training(job, settings, here)
        if finished is not None:
            if not (job.exp / history.NAME).exists():
                columns = history.columns(task_of(settings, job.config).curves)
                history.write(job.exp, epochs_told(job.exp), columns)
            write_json(job.exp / summary.NAME, _summary(job, here))
            stamp(job.exp, finished, _made(job.exp))
    return True


def _begin(job: Run, settings: Mapping[str, Any], here: Rank) -> dict[str, Any] | None:
    """What the finished experiment is recognised by, all being ready for training; None where it is finished."""
    _check_stats(job)
    finished = _inputs(job, settings)
    if is_done(job.exp, finished):
        return None
    _rehearse(job, settings, here)
    if newest_whole(job.exp):
        check_unchanged(job.exp, finished)
    task_of(settings, job.config).check(job)
    write_json(job.exp / STARTED / DONE, finished)
    return finished


def _check_stats(job: Run) -> None:
    """Raises `UserError` where the statistics are not of what is there now."""
    if not (job.stats / DONE).exists():
        raise UserError(f"{job.stats}: no statistics there; run the stage stats first")
    if not is_done(job.stats, _stats_inputs(job)):
        raise UserError(
            f"{job.stats}: statistics not whole, or of other data, tokens or front end than now: run stage stats again"
        )


def _inputs(job: Run, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What the finished experiment is recognised by."""
    found = {"settings": deciding_settings(settings), "seed": job.seed} | _materials(job)
    return found | inputs.further_fingerprints(job) | _start(job, settings) | _weighted(job, settings)


def _made(exp: Path) -> list[Path]:
    """The files that make a finished experiment."""
    config, weights, _ = locate(exp)
    return [config, weights, exp / history.NAME, exp / summary.NAME]


def _start(job: Run, settings: Mapping[str, Any]) -> dict[str, str]:
    """What the weights that training starts from are, written once to ``exp/init``; nothing without ``job.init``."""
    if not job.init:
        return {}
    if settings.get("init_param"):
        raise DataError(f"{job.config}: init_param and --init both name initial weights: leave one out")
    home = job.exp / "init"
    shape = {key: value for key, value in settings.items() if key.startswith(("encoder", "frontend"))}
    taken = (made_from(home) or {}).get("content", "")  # from a place that may be gone by now
    source = {"source": job.init, "shape": shape, "content": content_of(job.init) or taken}
    if asks_for_heads(job.config):
        source["heads"] = inputs.token_fingerprint(job)
    produce(home, source, partial(write_weights, job.init, job.config, tokens=job.vocabulary))
    return {"init": fingerprint(home / INIT_WEIGHTS)}


def _weighted(job: Run, settings: Mapping[str, Any]) -> dict[str, str]:
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


def _stats_inputs(job: Run) -> dict[str, Any]:
    early = {key: value for key, value in job.settings.items() if key.startswith(BEFORE_THE_MODEL)}
    return {"settings": early | configs.contents(early), **_materials(job, only_measured=True)}


def _materials(job: Run, only_measured: bool = False) -> dict[str, Any]:
    """What is learnt from and written down, for a stamp; for that of the statistics, what these are of."""
    target = {"tokens": inputs.token_fingerprint(job), "target": job.target} | form_inputs(job.form)
    return target | inputs.data_fingerprints(job, only_measured)


def _collect_stats(job: Run, folder: Path) -> None:
    settings, here = job.settings, this_rank(ngpu=None, num_nodes=1, environment={})
    alike = {"batch_type": "unsorted", "batch_size": 32, "valid_batch_size": 32}
    _start(job, settings)  # what does not fit is told before the data is read
    _rehearse(job, settings, here, RAW)
    for role, data in job.sets().items():  # ESPnet reads tables of equal ids side by side here
        inputs.write_measured(job, data, folder / role)
    arguments = inputs.statistics_arguments(job, folder) | {"collect_stats": True, "output_dir": str(folder)}
    with name_unreadable(job.sets().values()):
        run(settings | RAW | alike, folder / "stats", arguments, here)
    for role, data in job.sets().items():
        _refuse_broken_audio(data, folder / role / "feats_stats.npz")
        inputs.put_shapes_in_order(job, folder / role)


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


def _training_arguments(job: Run, settings: Mapping[str, Any]) -> dict[str, Any]:
    arguments = inputs.training_arguments(job) | {"output_dir": str(job.exp), "resume": True}
    if job.init:
        parts = "" if asks_for_heads(job.config) else ":encoder:encoder"
        arguments["init_param"] = f"{job.exp / 'init' / INIT_WEIGHTS}{parts}"
    if settings.get("normalize") == "global_mvn":
        arguments["normalize_conf"] = f"stats_file={job.stats / 'train' / 'feats_stats.npz'}"
    return arguments


def _run_training(job: Run, settings: Mapping[str, Any], here: Rank) -> None:
    with name_unreadable(job.sets().values()), archives_named(inputs.archives(job)):
        run(settings, job.exp / "train", _training_arguments(job, settings), here)


def _rehearse(
    job: Run,
    settings: Mapping[str, Any],
    here: Rank,
    instead: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """`DataError` for settings that would not do, with ``instead`` of some where there are no statistics."""
    check(settings, job.config)
    from fangyan.training.rehearsal import rehearse

    rehearse(job, {**settings, **instead}, here, _training_arguments)


def _summary(job: Run, here: Rank) -> dict[str, Any]:
    import torch

    weights = torch.load(locate(job.exp)[1], map_location="cpu", weights_only=True)
    return {
        "task": job.task,
        "seed": job.seed,
        "target": job.target,
        "text_form": job.text_form,
        "init": job.init or "random",
        "train_set": job.train.name,
        "dev_set": job.dev.name,
        "parameters": sum(w.numel() for w in weights.values() if w.is_floating_point()),
        "seconds": sum(float(row["seconds"]) for row in read_table(job.exp / history.NAME)),
        "ranks": here.world,
        **environment.here(),
        **task_of(job.settings, job.config).summary(job),
        "data": {role: _origin(data) for role, data in job.sets().items()},
    }


def _origin(data: Path) -> dict[str, Any]:
    """What a data directory is: its fingerprint, and what each corpus gave of each variety."""
    return {"fingerprint": datadir.identity(data), "origins": [vars(row) for row in origins(data)]}
