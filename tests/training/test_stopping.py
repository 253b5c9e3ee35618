import os
import signal

import pytest

from fangyan.errors import Stopped, UserError
from fangyan.training.stopping import REQUESTED, UntilRequested, on_request, stop_if_requested


@pytest.fixture
def asked():
    """Inside the test, somebody has asked for a stop."""
    with on_request():
        os.kill(os.getpid(), signal.SIGUSR1)
        yield
    REQUESTED.clear()


def test_the_signal_kills_nothing_and_ends_the_batches():
    with on_request():
        batches = UntilRequested([1, 2, 3, 4])
        assert len(batches) == 4
        heard = []
        for batch in batches:
            heard.append(batch)
            if batch == 2:
                os.kill(os.getpid(), signal.SIGUSR1)
        assert heard == [1, 2]
    with on_request():
        assert list(batches) == [1, 2, 3, 4]  # a request counts once
    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL


def test_nobody_has_asked(tmp_path):
    with on_request():
        stop_if_requested(tmp_path, 3)
    assert not list(tmp_path.iterdir())


def test_a_stop_says_where_the_next_run_goes_on(asked, tmp_path):
    with pytest.raises(
        Stopped, match="stopped on request in epoch 3; the next run goes on after epoch 2, the last whole"
    ):
        stop_if_requested(tmp_path, 3)
    assert Stopped.code == 75


def test_a_second_stop_in_one_epoch_is_no_way_to_go_on(asked, tmp_path):
    with pytest.raises(
        Stopped, match="in epoch 1; the next run goes on at the beginning: no epoch was whole"
    ):
        stop_if_requested(tmp_path, 1)
    with pytest.raises(
        UserError, match="in epoch 1 again, .* give the job more time, or choose shorter epochs"
    ) as again:
        stop_if_requested(tmp_path, 1)
    assert again.value.code == 2
    with pytest.raises(Stopped):
        stop_if_requested(tmp_path, 2)
