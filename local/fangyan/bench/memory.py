"""The working memory of SeqSim: what it needs beside the packed sets and the result, of N and of 4 N utterances.

The peak of resident memory while two packed sets are compared, less what was resident before and less the result.
A process of its own measures each size: allocated blocks go back to the system at once (`ENVIRONMENT`), so that
memory freed earlier hides nothing, and the kernel's mark of the peak is set back (proc(5), clear_refs) before the
comparison. ``getrusage`` will not do: its peak is not set back and a child begins with that of its parent.
"""

import os
import subprocess
import sys
from pathlib import Path

from fangyan.bench.benchmark import Benchmark, sets
from fangyan.measure.seqsim import pack, seqsim_matrix

MARK = Path("/proc/self/clear_refs")
DIMENSION = 512
TIMES = 4
ENVIRONMENT = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "0"}
"""mallopt(3)."""


def in_own_process(utterances: int) -> float:
    """`working_memory` in MiB, measured by a fresh process."""
    path = os.pathsep.join(filter(None, sys.path))
    code = f"from fangyan.bench.memory import working_memory; print(working_memory({utterances}))"
    environment = os.environ | ENVIRONMENT | {"PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def working_memory(utterances: int) -> float:
    """MiB at the peak of one comparison of ``utterances`` a side, beside packed sets and result."""
    both = sets(DIMENSION, utterances)
    seqsim_matrix(*(pack(side[:1]) for side in both))  # loads what only the first use loads
    queries, candidates = map(pack, both)
    MARK.write_text("5")
    before = resident("VmRSS")
    found = seqsim_matrix(queries, candidates)
    return (resident("VmHWM") - before - sum(score.nbytes for score in found)) / 2**20


def resident(name: str) -> int:
    """Bytes of this process: ``VmRSS`` now, ``VmHWM`` at the peak (proc(5))."""
    status = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in status if line.startswith(f"{name}:")))


BENCHMARKS = (
    Benchmark(
        "seqsim_working_memory",
        "MiB",
        value=lambda utterances: in_own_process(TIMES * utterances),
        baseline=in_own_process,
        baseline_name="a quarter of the utterances",
        data=lambda size, device: (size.utterances,),
        obstacle=lambda: "" if os.access(MARK, os.W_OK) else f"it needs {MARK} of Linux",
        devices=("cpu",),
        once=True,
    ),
)
