"""A real browser, to see a page as a reader does."""

import json
import os
import select
import subprocess
from pathlib import Path

import pytest


class Browser:
    """A headless Chromium, spoken to through pipes in the words of its developer tools."""

    FLAGS = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
        "--disable-component-update --disable-sync --remote-debugging-pipe"
    )

    def __init__(self, program: str, home: Path):
        (ours, self.out), (self.into, theirs) = os.pipe(), os.pipe()
        run = f'exec "$0" {self.FLAGS} --user-data-dir="$1" 3<&{ours} 4>&{theirs}'
        command = ["bash", "-c", run, program, str(home)]
        self.process = subprocess.Popen(command, pass_fds=(ours, theirs), stderr=subprocess.DEVNULL)
        os.close(ours), os.close(theirs)
        self.asked, self.unread, self.events, self.session = 0, b"", [], {}
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = {
            "sessionId": self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        }
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **parameters):
        self.asked += 1
        message = {"id": self.asked, "method": method, "params": parameters} | self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        return self.until(lambda event: event.get("id") == self.asked)["result"]

    def until(self, wanted):
        """The first event that is wanted; those before it, and it, are kept."""
        while True:
            while b"\0" not in self.unread:
                assert select.select([self.into], [], [], 60)[0], "the browser is silent"
                self.unread += os.read(self.into, 1 << 16) or pytest.fail("the browser has ended")
            line, _, self.unread = self.unread.partition(b"\0")
            self.events.append(json.loads(line))
            if wanted(self.events[-1]):
                return self.events[-1]

    def value(self, expression: str):
        found = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        return found["result"]["value"]

    def open(self, path: Path, width: int, scheme: str) -> None:
        self.events.clear()
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
        self.ask("Emulation.setDeviceMetricsOverride", **size)
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.ask("Page.navigate", url=path.as_uri())
        self.until(lambda event: event.get("method") == "Page.loadEventFired")

    def said(self) -> list[str]:
        """The kinds of what was written to the console since the page was opened."""
        spoken = {"Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"}
        return [event["method"] for event in self.events if event.get("method") in spoken]

    def fetched(self) -> list[str]:
        """The addresses, but for those that hold their own content, of all that was loaded."""
        sent = [
            e["params"]["request"]["url"]
            for e in self.events
            if e.get("method") == "Network.requestWillBeSent"
        ]
        return [url for url in sent if not url.startswith("data:")]

    def images(self) -> list[int]:
        """The widths of the images, 0 for one that could not be loaded."""
        return self.value("[...document.images].map(image => image.naturalWidth)")
