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


def test_memory_is_locked_where_the_system_allows_it_and_only_what_is_in_use() -> None:
    show = "print(*[l.split()[1] for l in open('/proc/self/status') if l.startswith(('VmLck', 'VmRSS'))])\n"
    said, after = in_a_process(f"print(lock_memory())\n{show}")
    locked_kb, resident_kb = map(int, after.split())
    assert (locked_kb > 0) == (said == "locked.")
    assert resident_kb < 100_000, "reserved memory is not brought in"


def test_a_refusal_to_lock_memory_names_the_remedy_and_raises_nothing() -> None:
    deny = "import ctypes\nclass No:\n    def mlockall(self, _): return -1\nctypes.CDLL = lambda *_, **__: No()\n"
    assert "memlock" in in_a_process(f"{deny}print(lock_memory())")[0]


def test_an_administrators_allowance_is_used_before_asking() -> None:
    code = (
        "import resource\nfrom distill_live.engine import priority\n"
        "resource.setrlimit(resource.RLIMIT_MEMLOCK, (4096, 65536))\n"
        "priority._raise_limit('RLIMIT_MEMLOCK', float('inf'))\n"
        "print(*resource.getrlimit(resource.RLIMIT_MEMLOCK))\n"
    )
    assert in_a_process(code) == ["65536 65536"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux threads have a priority of their own")
def test_a_thread_stands_back_alone_and_takes_its_processes_with_it() -> None:
    child = "import os; print(os.sched_getscheduler(0), os.nice(0))"
    code = (
        "import subprocess, sys\nrequest_realtime(50, inherit=True)\n"
        f"def look():\n    lower_thread_priority()\n    subprocess.run([sys.executable, '-c', {child!r}])\n"
        "before = os.sched_getscheduler(0), os.nice(0)\n"
        "t = threading.Thread(target=look); t.start(); t.join()\n"
        "print((os.sched_getscheduler(0), os.nice(0)) == before)\n"
    )
    behind = min(os.nice(0) + 10, 19)  # other tests train in this process, which lowers it for good
    assert in_a_process(code) == [f"{os.SCHED_OTHER} {behind}", "True"]
