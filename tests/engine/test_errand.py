"""Errands: a call that hangs is left behind, one that fails fails where its result is asked for."""

from __future__ import annotations

import threading

import pytest

from distill_live.engine.errand import Errand
from distill_live.errors import DeviceError


def test_a_call_that_hangs_is_not_waited_for_and_can_be_asked_again() -> None:
    back = threading.Event()
    errand = Errand(lambda: back.wait(30))
    assert not errand.wait(0.02)
    assert not errand.done
    back.set()
    assert errand.wait(30)
    assert errand.result() is True


@pytest.mark.parametrize("error", [DeviceError("no"), ValueError("no")])
def test_what_the_call_raises_is_raised_where_its_result_is_asked_for(error: Exception) -> None:
    def fail() -> None:
        raise error

    errand = Errand(fail)
    assert errand.wait(30)
    with pytest.raises(type(error), match="no"):
        errand.result()
