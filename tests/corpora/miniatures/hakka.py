"""HAT-Vol2: CSV with BOM and quotes, cards read by several people, the evaluation of FSR-2025 and its key."""

HEAD = "檔名,中文,客語漢字,客語拼音,標籤,備註\n"
TRAIN = "HAT-Vol2/訓練_{}_edit.csv"
ROWS = {
    TRAIN.format("DF_大埔腔_女"): [
        ("DF101K2001_001", "我們去吃飯", "𠊎兜去食飯", ""),
        ("DF101K2001_002", "他說好", "佢講，*好", ""),
        ("DF101J2003_001", "念錯了", "讀毋著", "正確讀音：tu5"),
        ("DF101J2003_002", "沒有文字", "", ""),
        ("DF101J2003_003", "沒有錄音", "無錄音", ""),
        ("DF101J2003_004", "驗證集也有", "共樣", ""),  # a sentence of dev
        ("DF102K2001_001", "驗證集也有", "共樣", ""),
        ("DF101J2003_005", "測試集也有", "天光日", ""),  # a sentence of test
    ],
    TRAIN.format("DM_大埔腔_男"): [("DM101K2001_001", "只有一個人", "一儕", "")],
    TRAIN.format("ZM_詔安腔_男"): [
        ("ZM101K2001_001", "你會冷嗎", "你會寒無？", ""),
        ("ZM101K2001_001", "你會冷嗎", "你會寒無？", ""),
        ("ZM202K2001_001", "昨天", "秋暮日", ""),
    ],
    "FSR-2025-Hakka-evaluation-key/熱身賽_錄製語料_DF_大埔腔_女_edit.csv": [
        ("DF301K9001_001", "測試集也有", "天光日", "")
    ],
    "FSR-2025-Hakka-evaluation-key/熱身賽_媒體語料_詔安腔_edit.csv": [("media_0001", "", "大家好", "")],
}
DAPU, ZHAOAN = "HAT-Vol2/訓練_大埔腔30H", "HAT-Vol2/訓練_詔安腔30H"
PLACES = {"訓練_DF": DAPU, "訓練_DM": DAPU, "訓練_ZM": ZHAOAN}
EVALUATION = "FSR-2025-Hakka-evaluation/"


def build(tree):
    for path, rows in ROWS.items():
        name = path.rpartition("/")[2]
        lines = (f'{key}.wav,{cmn},"{text}",x,,{remark}\n' for key, cmn, text, remark in rows)
        tree.text(path, HEAD + "".join(lines), "utf-8-sig", crlf=True)
        folder = PLACES.get(name[:5], EVALUATION + name.replace("_edit.csv", "_4H"))
        for key, *_ in rows:
            tree.wav(f"{folder}/{key[:10]}/{key}.wav")
    tree.remove("HAT-Vol2/訓練_大埔腔30H/DF101J2003/DF101J2003_003.wav")
    tree.wav("HAT-Vol2/訓練_大埔腔30H/DF101J2003/DF101J2003_006.wav")  # no transcript
