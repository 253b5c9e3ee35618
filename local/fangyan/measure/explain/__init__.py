"""Why two utterances are alike (after the interpretation of SeqSim by Shim et al. 2025).

An explanation is a folder
- ``similarity.png``: the cosines of all frames with the characters on both axes, each frame's best match, and what
  each character contributes to precision or recall
- ``cosines.tsv``: a row for each frame of the query, a column for each of the target
- ``frames.tsv``: ``side frame seconds match cosine``; ``match`` is the best frame of the other side, frames from 0
- ``characters.tsv``: ``side number character start end heard_start heard_end contribution match match_character``,
  times in seconds; ``match`` is the character of the other side, from 1, in which most of its frames find their best

Characters are of the wording that the model writes; CTC says where they are. Without it, and in utterances too short
for their characters, axes are in seconds and ``characters.tsv`` has no rows. The most telling pairs of a set are the
folders ``hit1`` ..., ``miss1_wrong`` (what won) and ``miss1_right`` (what should have), listed in ``telling.tsv``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from fangyan.data import datadir
from fangyan.data.datadir import Utterance
from fangyan.encoders import identity, load_encoder, recommended
from fangyan.encoders.choice import of_frames
from fangyan.errors import UserError, nearest
from fangyan.features.at_layer import AtLayer, check_asked
from fangyan.features.layers import layer_name
from fangyan.files import fingerprint, produce, versions, write_table
from fangyan.measure.explain.comparison import FrameComparison, characters, compare_frames
from fangyan.measure.explain.most_confident import most_confident
from fangyan.measure.explain.transcripts import Transcript, align_utterance, transcript
from fangyan.measure.retrieval import write_each_set
from fangyan.progress import track
from fangyan.rounding import decimals
from fangyan.tables import Count, write_rows

FRAMES = ("side", "frame", "seconds", "match", "cosine")


@dataclass(frozen=True)
class Answer:
    """A row of ``telling.tsv``: a candidate of a query, the right one or, of a miss, the wrong one that won."""

    folder: str
    kind: str  # hit or miss
    answer: str  # right or wrong
    query: str
    candidate: str
    score: float
    margin: float  # the best right score minus the best wrong one


@dataclass(frozen=True)
class CharacterRow:
    """A row of ``characters.tsv``: what a character of the query (target) contributes to precision (recall)."""

    side: str
    number: Count
    character: str
    start: float
    end: float
    heard_start: float
    heard_end: float
    contribution: float
    match: Count
    match_character: str


def explain(
    spec: str, sets: Sequence[Path], query: str, target: str, out: Path, layer: str = "", wording: str = ""
) -> bool:
    """Writes ``out/<query>--<target>``, the explanation of two utterances of ``sets``; says whether it had to.

    ``layer``: of the encoder ``spec``, or ``a+b``, two concatenated; empty: the one it recommends, else its last.
    ``wording``: see `transcript`. `UserError` for what there is not.
    """
    layer = layer or recommended(spec).layer
    check_asked(spec, layer)
    utterances = {u.id: u for data in sets for u in datadir.read(data)}
    for option, key in (("query", query), ("target", target)):
        if key not in utterances:
            near = nearest(key, utterances)
            hint = f": did you mean {near!r}?" if near else ""
            raise UserError(f"--{option} {key}: no such utterance in {', '.join(map(str, sets))}{hint}")
    pair = [utterances[query], utterances[target]]
    of = transcript(spec, wording)
    inputs = {"encoder": identity(spec), "layer": layer, "pair": [vars(u) for u in pair]}
    inputs |= {"recordings": fingerprint(versions(u.wav for u in pair))} | of.stamp()

    def build(folder: Path) -> None:
        _explain_pair(AtLayer(load_encoder(spec), layer), of, *pair, folder)

    return produce(out / f"{query}--{target}".replace("/", "_"), inputs, build)


def explain_telling(
    spec: str, feats: Path, sets: Sequence[Path], out: Path, count: int, layer: str = "", wording: str = ""
) -> list[Path]:
    """Writes ``out/<set>`` and returns those it had to: explanations of up to ``count`` hits and as many misses.

    ``feats``: folder of `fangyan.features.dump` by the encoder ``spec``, from which `most_confident` chooses.
    ``layer``: of those dumped, the last if empty.
    """
    if count < 1:
        raise UserError(f"--count {count}: a whole number above 0")
    of = transcript(spec, wording)
    settings = {"encoder": identity(spec), "count": count} | of.stamp()
    encoder = cache(partial(load_encoder, spec))  # loaded once, and only if there is work

    def write(of_set: Path, data: Path, layers: Sequence[str], folder: Path) -> None:
        _explain_telling(AtLayer(encoder(), of_frames(layers)[-1]), of, of_set, data, count, folder)

    return write_each_set(feats, sets, out, settings, write, [layer] if layer else [], datadir.identity)


def _explain_pair(
    encoder: AtLayer, of: Transcript, query: Utterance, target: Utterance, folder: Path
) -> None:
    from fangyan.measure.explain.figure import similarity
    from fangyan.style import save

    if not encoder.frame_rate:
        raise UserError(
            f"--layer {encoder.layer}: one vector an utterance, and frames are explained: name another"
        )
    found = compare_frames(*(align_utterance(encoder, utterance, of) for utterance in (query, target)))
    title = (
        f"{query.variety} to {target.variety}, {layer_name(encoder.layer)}: SeqSim {decimals(found.f1, 3)}"
    )
    _write_tables(found, encoder.frame_rate, folder)
    save(similarity(found, encoder.frame_rate, title), folder / "similarity.png")


def _explain_telling(
    encoder: AtLayer, of: Transcript, feats: Path, data: Path, count: int, folder: Path
) -> None:
    hits, misses = most_confident(feats, data, str(encoder.layer), count)
    cases = [("hit", "right", f"hit{n}", hit) for n, hit in enumerate(hits, 1)]
    cases += [
        ("miss", a, f"miss{n}_{a}", miss) for n, miss in enumerate(misses, 1) for a in ("wrong", "right")
    ]
    utterances = {u.id: u for u in datadir.read(data)}
    rows = []
    for kind, answer, name, outcome in track(cases, f"explain {data.name}", "pairs"):
        query, candidate = outcome.query, getattr(outcome, answer)
        _explain_pair(encoder, of, utterances[query], utterances[candidate], folder / name)
        score = getattr(outcome, f"{answer}_score")
        rows.append(Answer(name, kind, answer, query, candidate, score, outcome.margin))
    write_rows(folder / "telling.tsv", rows, Answer)


def _write_tables(found: FrameComparison, frame_rate: float, folder: Path) -> None:
    columns = [str(n) for n in range(len(found.target.cosine))]
    rows = [dict(zip(columns, row, strict=True)) for row in found.cosines.tolist()]
    write_table(folder / "cosines.tsv", rows, columns)
    frames = (
        (name, n, n / frame_rate, int(match), float(cosine))
        for name, (side, _) in found.sides().items()
        for n, (match, cosine) in enumerate(zip(side.match, side.cosine, strict=True))
    )
    write_table(folder / "frames.tsv", [dict(zip(FRAMES, row, strict=True)) for row in frames], FRAMES)
    write_rows(folder / "characters.tsv", _character_rows(found, frame_rate), CharacterRow)


def _character_rows(found: FrameComparison, frame_rate: float) -> Iterator[CharacterRow]:
    for name, (side, other) in found.sides().items():
        for n, char in enumerate(characters(side, other), 1):
            times = (frame / frame_rate for frame in (*char.part, *char.peak))
            match = char.match + 1, other.utterance.characters[char.match]
            yield CharacterRow(name, n, char.text, *times, char.contribution, *match)
