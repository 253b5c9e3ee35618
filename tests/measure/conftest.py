"""What the tests of measures share: a package with measurements of its own."""

import pytest


@pytest.fixture
def install(package):
    """A function that installs a package with these entry points and this text of its module counting."""

    def write(entries: str, module: str) -> None:
        package("counting", f"[fangyan.measures]\n{entries}", module)

    return write
