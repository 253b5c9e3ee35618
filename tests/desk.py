"""A recipe folder of its own for the shell layer, with a python that only records its arguments."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = ROOT / "egs2/TEMPLATE/emb1/emb.sh"
DUAL = ROOT / "egs2/TEMPLATE/dual1/dual.sh"
PRE = ROOT / "egs2/TEMPLATE/pre1/pre.sh"

RECORDING_PYTHON = """#!/bin/bash
if [ "$1" = -c ]; then exit "${NO_ESPNET:-0}"; fi
printf '%s\\0' "$#" "$@" >>"$CALLS"
if [ "$3" = "${FAILING:-}" ]; then
  [ -z "${REASON:-}" ] || echo "$REASON" >>"$FANGYAN_STAGE"
  [ "$3" != check ] || exit 2
  exit 7
fi
[ "$3" != "${HANGING:-}" ] || exec sleep 60
if [ "$3" = submit ]; then
  [ -z "${ANSWER:-}" ] || printf '%b\\n' "$ANSWER"
  [ "$7" != "${FAILING_STAGE:-}" ] || exit 7
fi
"""


class Desk:
    """A recipe folder of its own, and a python that writes down its arguments and does nothing."""

    def __init__(self, folder: Path):
        self.recipe = folder / "my recipe"
        self.recipe.mkdir()
        python = folder / "env/bin/python"
        python.parent.mkdir(parents=True)
        python.write_text(RECORDING_PYTHON)
        python.chmod(0o755)
        self.record = folder / "calls"
        self.env = {
            "PATH": f"{python.parent}:{os.environ['PATH']}",
            "VIRTUAL_ENV": str(folder / "env"),
            "CALLS": str(self.record),
        }

    def run(self, *arguments: str, script: Path = TEMPLATE, **env: str) -> subprocess.CompletedProcess[str]:
        return self.bash(str(script), *arguments, **env)

    def bash(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        self.record.unlink(missing_ok=True)
        return subprocess.run(
            ["bash", *arguments],
            cwd=self.recipe,
            env=self.env | env,
            capture_output=True,
            text=True,
            check=False,
        )

    def calls(self) -> list[list[str]]:
        """The arguments of every call of python since the last run, but for that which checks the options."""
        return [call for call in self.all_calls() if call[2:3] != ["check"]]

    def checked(self) -> list[str]:
        """The arguments of the check of the options."""
        (call,) = [call for call in self.all_calls() if call[2:3] == ["check"]]
        return call[3:]

    def all_calls(self) -> list[list[str]]:
        """The arguments of every call of python since the last run."""
        words = self.record.read_bytes().decode().split("\0")[:-1] if self.record.exists() else []
        calls = []
        while words:
            n = int(words[0])
            calls.append(words[1 : n + 1])
            words = words[n + 1 :]
        return calls

    def verbs(self) -> list[str]:
        """The verbs called, repetitions left out."""
        return list(dict.fromkeys(call[2] for call in self.calls()))
