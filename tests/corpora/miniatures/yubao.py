"""YuBao: all 78 sites with two sentences each, one recording missing."""

import json

from fangyan.corpora import yubao

OPTIONS = {"allow_missing": True}


def build(tree):
    keys = [f"{site.ids[0]}mb01yf000{n}" for site in yubao.sites() for n in (1, 2)]
    rows = [
        {"utterance_id": key, "transcript": "话", "translation": f"第{key[-1]}句", "ipa": "a⁵⁵"}
        for key in keys
    ]
    tree.text("yubao_videos.jsonl", "\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
    tree.wavs(*(f"scraped/{key[:5]}/{key}.wav" for key in keys[1:]))
