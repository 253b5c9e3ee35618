"""A submission as JSON, of numbers whose means are found by hand."""

import json
from pathlib import Path
from typing import Any

from fangyan.leaderboard.submission import Protocol, hash_of

PROTOCOL = {
    "score": "seqsim",
    "normalise": "none",
    "sentences": "utt2sent",
    "by": "utt2lang",
    "texts": [],
    "tie": 1e-6,
    "draws": 2000,
    "seed": 0,
}


def pair(source: str, target: str, recall: float, low: float = 0.0, high: float = 1.0) -> dict[str, Any]:
    ends = {"source": source, "target": target}
    return ends | {"recall_at_1": recall, "low": low, "high": high, "chance": 0.1, "queries": 10}


def submission(name: str = "loud", there: float = 0.2, back: float = 0.6, **changes: Any) -> dict[str, Any]:
    """R@1 ``there`` from yue to cmn and ``back`` again, interval of the mean from 0.125 to 0.75; ``changes`` on top."""
    protocol = PROTOCOL | changes.pop("protocol", {})
    mean = {"recall_at_1": (there + back) / 2, "low": 0.125, "high": 0.75, "chance": 0.1, "queries": 20}
    return {
        "form": 1,
        "protocol": protocol,
        "protocol_hash": hash_of(Protocol(**protocol | {"texts": tuple(protocol["texts"])})),
        "corpus": {
            "set": "test",
            "fingerprint": "c" * 64,
            "utterances": 20,
            "sentences": 10,
            "varieties": ["cmn", "yue"],
        },
        "encoder": {"name": name, "family": "fbank", "fingerprint": f"{ord(name[0]):064x}"},
        "layer": {"name": "layer04", "how": "chosen on dev"},
        "mean": mean,
        "drawn": "10 sentences",
        "pairs": [pair("cmn", "yue", back), pair("yue", "cmn", there, 0.1, 0.3)],
        "ranks": "a" * 64,
        "origin": {
            "versions": {"torch": "2.14.1"},
            "machine": {"cpu": "Abacus 3000", "cores": 2, "gpu": "none"},
            "threads": 1,
            "commit": "0123456789abcdef",
            "dirty": True,
            "seed": 7,
        },
    } | changes


def written(path: Path, value: object) -> Path:
    """The file, with the value as JSON."""
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path
