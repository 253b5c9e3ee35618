"""An experiment on the micro corpus, a stage at a time, that nothing disturbed."""

import disturbed
import pytest
import soundfile


@pytest.fixture(scope="session")
def calm(singer, micro_config, tmp_path_factory) -> disturbed.Calm:
    """What the stages left that nothing disturbed."""
    home = tmp_path_factory.mktemp("calm") / "recipe"
    (home / "conf").mkdir(parents=True)
    (home / "conf/micro.yaml").write_text(micro_config.read_text())
    (home / "conf/quick.yaml").write_text("beam_size: 2\nmaxlenratio: 0.5\n")
    for name in ("train", "dev", "test"):
        singer(home / "corpus", name)
        index = home / "corpus" / name / "wav.scp"
        index.write_text(index.read_text().replace(f"{home}/", ""))  # so that it all can be copied
    for wav in (home / "corpus/wav").glob("*test-s0[0-2].wav"):  # to be converted
        samples, rate = soundfile.read(wav)
        soundfile.write(wav, samples[::2], rate // 2)
    before, steps = {}, {}
    for stage in disturbed.STAGES:
        before[stage] = disturbed.files(home)
        ended = disturbed.run(stage, home)
        assert ended.code == 0, ended.said
        steps[stage] = ended.steps
    return disturbed.Calm(home, before | {"end": disturbed.files(home)}, steps)
