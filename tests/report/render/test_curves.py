"""`fangyan.report.render.curves`: what is drawn where."""

from fangyan.report.read import results
from fangyan.report.render import curves

from ..fabricated import intervals


def test_intervals_are_vertical_bars_at_their_layer(exp):
    intervals(exp)
    axes = curves.layers(results.read(exp, "dev", ["test"]), "test").axes[0]
    (bars,) = axes.collections
    assert [segment.tolist() for segment in bars.get_segments()] == [
        [[0, 61], [0, 78.5]],
        [[1, 75], [1, 90]],
    ]
