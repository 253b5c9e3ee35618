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
    from fangyan.demo.server import launch

    served = launch(library)
    yield served
    served.close()


@pytest.fixture(scope="session")
def chromium(chromium_program):
    """A real Chromium without a screen, with a microphone that hears beeps, at the hands of Playwright."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="no Playwright here: pip install playwright"
    )
    microphone = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium_program, args=["--no-sandbox", *microphone])
        yield browser
        browser.close()
