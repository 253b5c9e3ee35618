"""The embedded corpus: nothing lies on disk, a sentence a set is generated."""

LIMIT = 1


def build(tree):
    pass
