"""YuBao (语保): 50 parallel sentences at 78 places of China, a benchmark of retrieval across Sinitic varieties.

What: one site of standard Mandarin and 11 each of dialectal Mandarin, Gan, Xiang, Min, Hakka, Wu and Yue (the table
``conf/yubao/sites.tsv``), about 50 sentences a site and one recording a sentence. One set, ``test``; variety = site
id; sentence = last four digits of the utterance id; speaker = what stands before them. ``text`` is the variety's
wording, ``text_cmn`` the Mandarin one, ``utt2ipa`` the IPA; what upstream left blank is ``□``, for the recording
counts all the same. Some sites lack sentences: pairs of sites are compared on the sentences that both have. Where
sites share a name the id decides, and of two sites that both fit the benchmark's name the one with more recordings.
What is not there is listed and counted: recordings, and sentences that upstream has of other sites, not of this one.
Licence: audio and video belong to the Centre for the Protection of Language Resources of China; no redistribution.
Where to get it: the metadata comes by itself from the Hugging Face Hub; where it cannot, ``hf download
kalbin/yubao_videos --repo-type dataset --local-dir ROOT/yubao_videos``. The audio each user collects from
https://zhongguoyuyan.cn (account needed) as https://github.com/kalvinchang/yubao describes:
``ROOT/省_市_县/04G96mb01yf0001.wav``, any rate, mono or stereo.
Citation: Chang, Shao, Li and Yu 2026, Towards comprehensive semantic speech embeddings for Chinese dialects,
arXiv 2601.07274; Centre for the Protection of Language Resources of China 2023, The Chinese Language Resources
Protection Project collection and display platform, https://zhongguoyuyan.cn.
"""

import re
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from shlex import quote
from tempfile import TemporaryDirectory

from fangyan.corpora.common.layouts import list_names
from fangyan.corpora.common.streams import READERS
from fangyan.data.datadir import Dropped, Utterance
from fangyan.environment import typed
from fangyan.errors import DataError, UserError
from fangyan.files import ROOT, read_table

SITES = ROOT / "conf" / "yubao" / "sites.tsv"
METADATA = "yubao_videos"
REPOSITORY = f"kalbin/{METADATA}"
"""On the Hugging Face Hub."""
FORMATS = (".jsonl", ".parquet")
"""Suffixes of its tables."""
COLUMNS = ("utterance_id", "transcript", "translation", "ipa")
UTTERANCE = re.compile(r"([0-9A-Z]{5})\S*?(\d{4})")
"""The id of an utterance: site, anything, sentence."""
UNKNOWN = "□"
"""Sinology's sign for what has no character; neither Han nor IPA, so that nothing takes it for either."""


@dataclass(frozen=True)
class Site:
    """A place of the benchmark; it has several ids where sites share its name."""

    ids: tuple[str, ...]
    name: str
    group: str


def splits(
    root: Path | None, jobs: int = 1, limit: int = 0, *, allow_missing: bool = False
) -> dict[str, list[Utterance | Dropped]]:
    """The utterances of the one set ``test``, site by site in the order of the table.

    Metadata that ``root`` lacks is downloaded to it. Recordings that are not there raise a `DataError` with a table of
    the gaps; if ``allow_missing``, they are listed as left out instead.
    """
    if root is None:
        raise UserError("corpus yubao: say where metadata and recordings lie with --corpus_dir DIR")
    places = sites()
    recordings = _recordings(root)  # first: nothing is downloaded to a folder that is not YuBao's
    said = _said(root, {key for place in places for key in place.ids})
    records = {place: _records(place, said, recordings) for place in places}
    gaps = {place: found for place, found in records.items() if any(isinstance(r, Dropped) for r in found)}
    if gaps and not allow_missing:
        raise DataError(_table(root, gaps, len(places)))
    return {"test": [*chain.from_iterable(records.values()), *_unsaid(records)]}


def groups(_: Path | None = None) -> dict[str, str]:
    """The group of each site by its id: the eight of the benchmark."""
    return {key: place.group for place in sites() for key in place.ids}


def sites() -> list[Site]:
    """The sites of the benchmark in the order of the table."""
    return [Site(tuple(row["site_id"].split()), row["site"], row["group"]) for row in read_table(SITES)]


def _said(root: Path, wanted: set[str]) -> dict[str, list[Utterance]]:
    """The utterances of each wanted site by its id, as yet without audio."""
    said: dict[str, list[Utterance]] = {key: [] for key in wanted}
    seen: dict[str, str] = {}
    for where, row in chain.from_iterable(READERS[file.suffix](file) for file in _exports(root)):
        _check_columns(where, row)
        key = str(row["utterance_id"]).strip()
        if key[:5] not in wanted:
            continue
        if key in seen:
            raise DataError(
                f"{where}: utterance ids are unique, got {key} as in {seen[key]}: keep one export"
            )
        seen[key] = where
        said[key[:5]].append(_utterance(where, key, row))
    return said


def _exports(root: Path) -> list[Path]:
    """The files that hold the metadata, downloaded where there are none."""
    home = root / METADATA
    why = "" if _exported(root) or home.exists() else _download(home)
    if found := _exported(root):
        return found
    raise DataError(
        f"{root}: expected the metadata as {METADATA}.parquet, {METADATA}.jsonl or a folder {METADATA} of such files, "
        f"found none{why}: {typed('hf')} download {REPOSITORY} --repo-type dataset --local-dir {quote(str(home))}"
    )


def _exported(root: Path) -> list[Path]:
    patterns = (METADATA + ".*", METADATA + "/**/*")
    return sorted(file for pattern in patterns for file in root.glob(pattern) if file.suffix in FORMATS)


def _download(home: Path) -> str:
    """Why the tables of the data set could not be downloaded; '' after they were, whole, to ``home``."""
    from huggingface_hub import snapshot_download

    tables = [f"*{suffix}" for suffix in FORMATS]
    try:
        with TemporaryDirectory(dir=home.parent) as folder:
            part = Path(folder, METADATA)
            snapshot_download(REPOSITORY, repo_type="dataset", local_dir=part, allow_patterns=tables)
            part.rename(home)
    except Exception as error:  # whatever the libraries of the network raise: offline, refused, full disk
        return f" and no way to the Hub ({' '.join(str(error).split())[:200]})"
    return ""


def _check_columns(where: str, row: object) -> None:
    found = list(row) if isinstance(row, dict) else [str(row)]
    if not set(COLUMNS) <= set(found):
        raise DataError(
            f"{where}: the columns of {METADATA} are {' '.join(COLUMNS)} and others, got {' '.join(found)[:90]}: "
            "upstream has changed, or this is another table"
        )


def _utterance(where: str, key: str, row: dict) -> Utterance:
    parts = UTTERANCE.fullmatch(key)
    if not parts:
        raise DataError(f"{where}: an utterance_id is like 04G96mb01yf0001, got {key!r}")
    text, translation, ipa = (" ".join(str(row[name] or "").split()) or UNKNOWN for name in COLUMNS[1:])
    return Utterance(
        id=key,
        wav="",
        text=text,
        speaker=key[:-4],
        variety=parts[1],
        sentence=parts[2],
        text_cmn=translation,
        ipa=ipa,
    )


def _recordings(root: Path) -> dict[str, str]:
    """Utterance id -> its wav file in whichever folder; an empty file is none."""
    recordings: dict[str, str] = {}
    other = "no wav file" if root.is_dir() else list_names(root)
    for wav in sorted(root.rglob("*.wav")):
        if not UTTERANCE.fullmatch(wav.stem):
            other = str(wav)
        elif wav.is_file() and wav.stat().st_size:
            if wav.stem in recordings:
                first = recordings[wav.stem]
                raise DataError(
                    f"{wav}: an utterance has one recording, got another in {first}: remove one of them"
                )
            recordings[wav.stem] = str(wav)
    if not recordings:
        raise DataError(f"{root}: expected recordings such as 省_市_县/04G96mb01yf0001.wav, found {other}")
    return recordings


def _records(
    place: Site, said: dict[str, list[Utterance]], recordings: dict[str, str]
) -> list[Utterance | Dropped]:
    """What was said at a place with its audio, or without; of sites that share the name, that with most audio."""
    chosen = max((said[key] for key in place.ids), key=lambda found: sum(u.id in recordings for u in found))
    if not chosen:
        raise DataError(
            f"{METADATA}: expected utterances of site {place.ids[0]} {place.name}, found none: export all of it"
        )
    return [
        replace(utterance, wav=recordings[utterance.id])
        if utterance.id in recordings
        else Dropped(utterance.id, "missing recording", place.name)
        for utterance in chosen
    ]


def _unsaid(records: dict[Site, list[Utterance | Dropped]]) -> list[Dropped]:
    """The sentences that upstream lacks of a site: of all that any site has."""
    said = {place: {record.id[-4:]: record.id for record in found} for place, found in records.items()}
    sentences = sorted(set().union(*said.values()))
    return [
        Dropped(f"{min(of.values())[:-4]}{sentence}", "sentence missing upstream", place.name)
        for place, of in said.items()
        for sentence in sentences
        if sentence not in of
    ]


def _table(root: Path, gaps: dict[Site, list[Utterance | Dropped]], total: int) -> str:
    """The sites that lack recordings: found of expected, the first that is missing."""
    lines = [f"{root}: recordings are missing (or empty files) at {len(gaps)} of {total} sites", ""]
    lines.append("site   found  first missing    name")
    for place, records in gaps.items():
        missing = [record.id for record in records if isinstance(record, Dropped)]
        found = f"{len(records) - len(missing)}/{len(records)}"
        lines.append(f"{missing[0][:5]}  {found:5}  {missing[0]}  {place.name}")
    lines += ["", "Collect them, or go on without them: --corpus_options allow_missing=true"]
    return "\n".join(lines)
