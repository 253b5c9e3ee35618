"""Encoders and their layers among the options of run.sh."""

from collections.abc import Iterator, Sequence

from fangyan import config, experiments
from fangyan.encoders import check_spec, hub
from fangyan.encoders.families import spec_of
from fangyan.encoders.layer_names import layers_in_settings, numbered
from fangyan.errors import UserError, known_names
from fangyan.recipes.options import Options

MAKERS = "data tokens teach stats kmeans learn_units units texts train pretrain finetune".split()
"""Stages that a new experiment can begin with; where nothing is trained, those that use an encoder as well."""
INIT_FORMS = "known are a Hugging Face id, a folder, espnet:<experiment, model.zip or Hub id>"


def check_specs(options: Options) -> Iterator[str]:
    """Encoders that are none: SPECs of no known form, and models that are not where they are said to be."""
    for name, spec in _specs(options):
        if spec.startswith("text:"):
            yield f"--{name} {spec}: it encodes texts, and run.sh measures recordings: see dump --column"
        if name == "unit_encoder" and spec.startswith("llm:"):
            yield f"--{name} {spec}: it reads units itself: name an encoder of speech"
        try:
            check_spec(spec)
        except UserError as error:
            yield f"--{name} {options[name]}: {error}" if name == "download" else f"--{name}: {error}"


def _specs(options: Options) -> Iterator[tuple[str, str]]:
    """Each option that names an encoder, and its SPEC."""
    if options["encoder"]:
        yield "encoder", options["encoder"]
    if options["unit_encoder"]:
        yield "unit_encoder", options["unit_encoder"]
    if options["download"]:
        yield "download", f"espnet:{options['download']}"
    if options["init"] and ":" not in options["init"]:
        yield "init", f"hf:{options['init']}"
    if options["init"].startswith("espnet:"):
        yield "init", options["init"]
    yield from (("baselines", spec) for spec in options.words("baselines") if spec != "random")


def check_teacher(options: Options) -> None:
    """The encoder of text that a training configuration names."""
    if options.trains and options.runs("teach", "train"):
        file = options.file("train_config")
        if (spec := config.compose(file).get("teacher")) is not None:
            try:
                check_spec(f"{spec}")
            except UserError as error:
                raise UserError(f"{file}: teacher: {error}") from None


def check_experiment(options: Options) -> None:
    """The experiment, where the first stage is one that goes on with what others have left in it."""
    first = options.stages[0] if options.stages else ""
    makes = MAKERS if options.trains else (*MAKERS, "decode", "dump")
    if options["dry_run"] != "true" and first and first not in makes and not experiments.begun(options.exp):
        there = experiments.describe(options.exp.parent, options.exp.name)
        raise UserError(f"--stage {first}: {options.exp}: no such experiment: {there}")


def check_layers(options: Options) -> Iterator[str]:
    """Layers that the encoder has not, as far as its settings tell how many it has."""
    layers = _known_layers(options) if options["layers"] or options["exit_layers"] else ()
    of_units = layers_in_settings(options["unit_encoder"]) if options["unit_encoder"] else ()
    for name, known in (("layers", layers), ("exit_layers", layers[1:]), ("layer", of_units)):
        for word in options.words(name):
            parts = word.split("+") if name == "layers" else [word]
            if not all(parts):
                yield f"--{name} {word}: a layer, or several joined by + to concatenate them"
            elif unknown := [part for part in parts if known and part not in known]:
                yield f"--{name} {word}: no layer {unknown[0]!r}: {known_names(unknown[0], known)}"


def _known_layers(options: Options) -> Sequence[str]:
    """The names of the layers of the encoder; none where only the encoder itself can tell."""
    if options.trains and (options.runs("train") or not (options.exp / "config.yaml").exists()):
        return numbered(config.compose(options.file("train_config")))
    published = options["download"] and f"espnet:{options['download']}"
    return layers_in_settings(options["encoder"] or published or spec_of(options.exp))


def check_weights(options: Options) -> None:
    """What an encoder starts from: of the families of encoders only ESPnet's is named by a SPEC."""
    source = options["init"]
    family, colon, _ = source.partition(":")
    if colon and family != "espnet":
        raise UserError(f"--init {source}: {INIT_FORMS}")
    begun = (options.exp / "init").exists() or not options.runs("stats", "train")
    absent = any(line.startswith("--init") for line in check_specs(options))
    if not source or not options.trains or begun or absent:
        return
    if place := hub.at_hand(source.removeprefix("espnet:"), "config.json"):
        from fangyan.training import initialise

        initialise.check(source, options.file("train_config"), place)


RULES = (check_experiment, check_specs, check_teacher, check_weights, check_layers)
