"""Discrete units: k-means or phones of any encoder's frames, columns of them, texts as units, and what units tell."""
