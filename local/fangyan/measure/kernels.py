"""Loops over frames as machine code (numba), for which torch has no one pass: importing it imports numba.

They are compiled when they are first called, in a second or two, and kept on disk. They release the lock of the
interpreter, and start no threads of their own: a process that has used them may fork.
"""

import numpy as np
from llvmlite import ir
from numba import float32, njit
from numba.extending import intrinsic

BELOW = np.float32(-2)
"""Less than any cosine."""


@intrinsic
def _larger(context, a, b):
    """The larger of two numbers that are no NaN. With Python's ``max`` LLVM makes no vectors of a maximum."""

    def generate(_, builder, __, values):
        kind = ir.FloatType()
        function = builder.module.declare_intrinsic(
            "llvm.maxnum", [kind], ir.FunctionType(kind, [kind, kind])
        )
        return builder.call(function, values, fastmath=("fast",))

    return float32(float32, float32), generate


@njit(cache=True, nogil=True)
def compare(cosines, ends_a, ends_b, places_a, places_b, precision, recall, f1):
    """Writes precision, recall and F1 of n utterances with m, by the cosines of their frames, where they belong.

    ``cosines``: (R, C) float32; utterances lie end to end: row ``ends_a[i]`` is the first of utterance i, and
    ``ends_a[n]`` the end of the last; so columns. ``places_a[i]`` and ``places_b[j]`` are row and column of utterances
    i and j in the results, float32 matrices; conventions are those of `fangyan.measure.seqsim`. One pass: a cosine is
    read once for both maxima.
    """
    sums = np.empty(len(places_b))
    best_in_a = np.empty(ends_b[-1], np.float32)
    for i in range(len(places_a)):
        sums[:] = 0
        best_in_a[:] = BELOW
        for t in range(ends_a[i], ends_a[i + 1]):
            row = cosines[t]  # by index: LLVM makes no vectors of what it gets from an iterator
            for j in range(len(places_b)):
                part, best = row[ends_b[j] : ends_b[j + 1]], best_in_a[ends_b[j] : ends_b[j + 1]]
                largest = BELOW
                for k in range(len(part)):
                    largest = _larger(largest, part[k])
                    best[k] = _larger(best[k], part[k])
                sums[j] += largest
        for j in range(len(places_b)):
            total = 0.0
            for value in best_in_a[ends_b[j] : ends_b[j + 1]]:
                total += value
            at = places_a[i], places_b[j]
            precision[at] = p = _cosine(sums[j] / (ends_a[i + 1] - ends_a[i]))
            recall[at] = r = _cosine(total / (ends_b[j + 1] - ends_b[j]))
            product = p * r
            f1[at] = (product + product) / (p + r) if product > 0 else np.float32(0)


@njit
def _cosine(mean):
    """What rounding leaves of it is none beyond 1."""
    return np.float32(min(max(mean, -1.0), 1.0))


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def normalise(frames, units):
    """Writes (T, d) float32 ``frames``, L2-normalised, into ``units``; the squares are of double precision.

    A frame of zeros stays one.
    """
    for t in range(len(frames)):
        frame, unit = frames[t], units[t]
        squares = 0.0
        for k in range(len(frame)):
            squares += np.float64(frame[k]) ** 2
        factor = 1 / np.sqrt(squares) if squares > 0 else 0.0
        for k in range(len(frame)):
            unit[k] = frame[k] * factor
