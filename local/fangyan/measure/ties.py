"""When two scores are equal."""

TIE = 1e-6
"""Scores closer than this are equal: some ten roundings of a float32 cosine, and so of a mean of any number of them.
The same frames score the same wherever they stand. Only cosines of frames whose components are all one number err by
more, as their rounding all goes one way: by up to 1e-5 at d = 3000."""
