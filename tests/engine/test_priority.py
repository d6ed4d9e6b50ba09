"""Priorities are asked for in a process of their own, and what was granted is what is said."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from distill_live.engine.priority import realtime_allowed

pytestmark = pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="needs Linux scheduling")


def in_a_process(code: str) -> list[str]:
    code = "import os, threading\nfrom distill_live.engine.priority import *\n" + code
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.splitlines()


SHOW = "print(os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK, os.sched_getparam(0).sched_priority)\n"
IN_A_THREAD = f"t = threading.Thread(target=lambda: {SHOW.strip()})\nt.start(); t.join()\n"


@pytest.mark.parametrize("inherit", [False, True])
def test_the_sentence_says_what_was_granted_and_threads_have_it_only_when_asked(inherit: bool) -> None:
    said, own, thread = in_a_process(f"print(request_realtime(50, inherit={inherit}))\n{SHOW}{IN_A_THREAD}")
    granted, ordinary = f"{os.SCHED_FIFO} 50", f"{os.SCHED_OTHER} 0"
    assert (own == granted) == (said == "real-time priority 50.")
    assert own in (granted, ordinary)
    assert thread == (own if inherit else ordinary)


def test_lowering_undoes_an_inherited_real_time_priority() -> None:
    said, own, nice = in_a_process(
        f"request_realtime(50, inherit=True)\nprint(lower_priority())\n{SHOW}print(os.nice(0))"
    )
    assert (said, own, nice) == ("lowest priority.", f"{os.SCHED_BATCH} 0", "19")


def test_a_refusal_names_the_remedy_and_raises_nothing() -> None:
    refuse = "def refuse(*_): raise PermissionError\nos.sched_setscheduler = refuse\n"
    said, allowed = in_a_process(f"{refuse}print(request_realtime(50))\nprint(realtime_allowed())")
    assert "rtprio" in said
    assert allowed == "False"


def test_asking_whether_it_would_be_granted_changes_nothing() -> None:
    before = os.sched_getscheduler(0), os.sched_getparam(0).sched_priority
    realtime_allowed()
    assert (os.sched_getscheduler(0), os.sched_getparam(0).sched_priority) == before
