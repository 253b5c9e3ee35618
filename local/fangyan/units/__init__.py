"""Discrete units of speech: k-means on a layer of any encoder, a column of each frame's unit, and what units tell."""
