"""Speeds, each as a ratio to a baseline that is measured in turn with it in the same process.

A ratio is the median over the repeats of value / baseline, both of one repeat: what else runs on the machine slows
both. What takes minutes, or a process of its own, is measured once (`once`). Features are random, with a fixed seed,
the lengths of utterances uniform from `SHORTEST` to `LONGEST` frames. Where there is a GPU, rows follow for it too.

- `fangyan.bench.seqsim`: SeqSim against the rate of matrix multiplication, a loop over pairs, and the published form
- `fangyan.bench.peers`: SeqSim against public scorers of the same kind
- `fangyan.bench.memory`: whether the working memory of SeqSim grows with the number of utterances
- `fangyan.bench.yubao`: the complete job of the YuBao benchmark
- `fangyan.bench.preparation`: preparing a data directory against merely opening its recordings
- `fangyan.bench.search`: search by a first cut against exhaustive search; by a sentence among vectors; in cells
- `fangyan.bench.mining`: neighbours by a first cut and SeqSim against SeqSim with the whole other side
- `fangyan.bench.align`: a step of training with a joint space against one without
- `fangyan.bench.pretrain`: a step of pre-training against one of recognition, and what it waits for its texts
- `fangyan.bench.dump`: dumping features against the bare encoder, and against one utterance at a time; its memory
- `fangyan.bench.towers`: the same of an audio tower of a speech LLM; the memory of loading it
- `fangyan.bench.units`: units of frames against the product with all centroids; the memory of a column of units
- `fangyan.bench.llm`: vectors by a language model that reads units, in batches against one by one
"""

from pathlib import Path

import torch

from fangyan.bench import (
    align,
    dump,
    llm,
    memory,
    mining,
    peers,
    preparation,
    pretrain,
    search,
    seqsim,
    towers,
    units,
    yubao,
)
from fangyan.bench.benchmark import COLUMNS, LONGEST, SEED, SHORTEST, Benchmark, Size, measure
from fangyan.environment import machine
from fangyan.errors import DataError, UserError, known_names
from fangyan.files import write_table
from fangyan.progress import track

BENCHMARKS = (
    *seqsim.BENCHMARKS,
    *peers.BENCHMARKS,
    *memory.BENCHMARKS,
    *yubao.BENCHMARKS,
    *preparation.BENCHMARKS,
    *search.BENCHMARKS,
    *mining.BENCHMARKS,
    *align.BENCHMARKS,
    *pretrain.BENCHMARKS,
    *dump.BENCHMARKS,
    *towers.BENCHMARKS,
    *units.BENCHMARKS,
    *llm.BENCHMARKS,
)


def run(out: Path, size: Size | None = None, only: tuple[str, ...] = ()) -> None:
    """Prints the table of all benchmarks and writes it to ``out/bench.tsv``; about ten minutes on two cores.

    ``only``: of those alone whose names begin with one of these; `UserError` for a beginning that no name has.
    """
    size = size or Size()
    names = [benchmark.name for benchmark in BENCHMARKS]
    for beginning in only:
        if not any(name.startswith(beginning) for name in names):
            raise UserError(f"--only {beginning!r}: {known_names(beginning, names)}")
    chosen = [benchmark for benchmark in BENCHMARKS if benchmark.name.startswith(only or "")]
    devices = ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)
    print("\n".join(_header(size)))
    print(*COLUMNS, sep="\t")
    rows = []
    for benchmark in track(chosen, "bench", "benchmarks"):
        for device in devices:
            if device in benchmark.devices:
                rows += _row(benchmark, size, device)
    write_table(out / "bench.tsv", rows, COLUMNS)


def _row(benchmark: Benchmark, size: Size, device: str) -> list[dict[str, str | float]]:
    """The row, or none where the benchmark cannot run here or its two results differ; prints it, or why not."""
    try:
        if why := benchmark.obstacle():
            raise DataError(why)
        row = measure(benchmark, size, device)
    except DataError as error:
        print(f"# {benchmark.name} on {device} left out: {error}", flush=True)
        return []
    print(*map(_short, row.values()), sep="\t", flush=True)
    return [row]


def _header(size: Size) -> list[str]:
    host = machine()
    return [
        f"# {host['cpu']}, {host['cores']} cores, GPU: {host['gpu']}; "
        f"torch {torch.__version__}, {torch.get_num_threads()} threads",
        f"# N = {size.utterances} x {size.utterances}, T = {SHORTEST}..{LONGEST}, d as named or 512, seed {SEED}, "
        f"{size.repeats} repeats; whole job: {size.sites} sites x {size.sentences} sentences",
    ]


def _short(cell: str | float) -> str:
    return f"{cell:.4g}" if isinstance(cell, float) else cell
