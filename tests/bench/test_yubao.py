"""`fangyan.bench.yubao`: the job is what it says, and the extrapolation counts right; no timings."""

from fangyan.bench import yubao
from fangyan.bench.seqsim import as_published
from fangyan.files import read_table


def test_the_benchmark_has_8_groups_of_1_and_7_times_11_sites():
    groups = list(yubao.groups(78).values())
    assert len(groups) == 78 and len(set(groups)) == 8
    assert sorted(groups.count(group) for group in set(groups)) == [1, *[11] * 7]


def test_published_pairs():
    # Sites of groups A, B, B: A-B four ordered pairs; B-B is not published.
    assert len(set(yubao.groups(3).values())) == 2
    assert yubao.published_pairs(3, 5) == 4 * 25
    assert yubao.published_pairs(78, 50) == (78 * 77 - 7 * 11 * 10) * 2500


def test_the_job_scores_all_ordered_pairs_of_sites(tmp_path, monkeypatch):
    def clock(work, feats, sets, out):
        work(feats, sets, out)
        (tables,) = out.iterdir()
        (tmp_path / "pairs.tsv").write_text((tables / "pairs.tsv").read_text())
        (tmp_path / "groups.tsv").write_text((tables / "groups.tsv").read_text())
        return 7.0

    monkeypatch.setattr(yubao, "seconds", clock)
    assert yubao.job_seconds(4, 3) == 7
    pairs = read_table(tmp_path / "pairs.tsv")
    assert len({(row["source"], row["target"]) for row in pairs}) == 4 * 3 == len(pairs)
    assert {row["n"] for row in pairs} == {"3"} and {row["layer"] for row in pairs} == {"layer"}
    assert {row["cell"] for row in read_table(tmp_path / "groups.tsv")} == {"across", "within"}


def test_the_published_form_is_extrapolated(monkeypatch):
    def rate(scorer, queries, candidates):
        assert scorer is as_published and len(queries) == len(candidates) == yubao.FEW
        return 50.0  # pairs a second

    monkeypatch.setattr(yubao, "pairs_per_second", rate)
    assert yubao.published_seconds(3, 5) == 100 / 50
