"""A library of the micro corpus, and its page in a thread of this process."""

import pytest


@pytest.fixture(scope="session")
def library(sung):
    """The test set as filter banks."""
    from fangyan.demo.library import Library

    return Library("fbank", sung["test"])


@pytest.fixture(scope="session")
def blocks(library):
    """The page of `library`, served."""
    from fangyan.demo.server import start_page

    served = start_page(library)
    yield served
    served.close()


@pytest.fixture(scope="session")
def reader(sung, aligned):
    """The test set by a model with a text side."""
    from fangyan.demo.library import Library

    return Library(f"espnet:{aligned}", sung["test"])
