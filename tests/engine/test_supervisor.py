"""The supervisor: messages are passed on, the dead come back, and nothing is ever left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from distill_live.engine import supervisor as supervising
from distill_live.engine.supervisor import ChildSpec, Supervisor
from distill_live.link import Link, Message, link_pair
from tests.engine import children

ROOT = Path(__file__).parents[2]
PATIENCE_S = 30.0


class Heard:
    """What the listener heard."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, Message]] = []

    def __call__(self, name: str, message: Message) -> None:
        self.messages.append((name, message))

    def of(self, kind: str, name: str | None = None) -> list[Message]:
        return [m for n, m in self.messages if m["type"] == kind and name in (None, n)]

    def ended(self) -> list[Message]:
        return [m for m in self.of("child") if m["state"] == "ended"]


def poll_until(supervisor: Supervisor, done: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < deadline_s, "nothing happened"
        supervisor.poll(0.2)


def gone(pid: int) -> bool:
    """Whether a process has ended (a zombie has)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z"


def eventually(fact: Callable[[], object]) -> bool:
    deadline_s = time.monotonic() + PATIENCE_S
    while not fact() and time.monotonic() < deadline_s:
        time.sleep(0.05)
    return bool(fact())


def test_children_are_heard_and_addressed_by_name_and_ignore_ctrl_c_from_their_first_moment() -> None:
    heard = Heard()
    with Supervisor(heard) as supervisor:
        supervisor.start(ChildSpec("one", children.obedient, "settings"))
        poll_until(supervisor, lambda: heard.of("hello", "one"))
        assert heard.of("hello")[0] == {"type": "hello", "settings": "settings", "sigint_ignored": True}
        assert supervisor.send("one", {"type": "anything"})
        poll_until(supervisor, lambda: heard.of("heard", "one"))
        assert heard.of("heard")[0]["what"] == "anything"


def test_everything_fades_before_anybody_quits_and_last_messages_still_arrive() -> None:
    heard = Heard()
    supervisor = Supervisor(heard)
    supervisor.start(ChildSpec("device", children.obedient, "d", fades=True))
    supervisor.start(ChildSpec("engine", children.obedient, "e"))
    poll_until(supervisor, lambda: len(heard.of("hello")) == 2)
    pids = [supervisor.pid(name) for name in ("device", "engine")]
    supervisor.close()
    supervisor.close()
    kinds = [(name, m.get("what", m["type"])) for name, m in heard.messages if m["type"] in ("heard", "faded")]
    assert kinds.index(("device", "faded")) < kinds.index(("device", "quit"))
    assert kinds.index(("device", "faded")) < kinds.index(("engine", "quit"))
    assert ("engine", "fade_out") not in kinds
    assert all(gone(pid) for pid in pids if pid is not None)


def test_who_may_be_restarted_comes_back_with_growing_pauses() -> None:
    heard = Heard()
    with Supervisor(heard) as supervisor:
        supervisor.start(ChildSpec("device", children.dies, 3, restart=True))
        poll_until(supervisor, lambda: len(heard.ended()) >= 3)
    assert [m["exit_code"] for m in heard.ended()[:3]] == [3, 3, 3]
    assert [m["restart_in_s"] for m in heard.ended()[:3]] == [0.1, 0.2, 0.4]
    assert len(heard.of("last words")) >= 3


def test_who_may_not_be_restarted_stays_dead_and_its_sibling_notices() -> None:
    heard = Heard()
    ours, theirs = link_pair()
    with Supervisor(heard) as supervisor:
        supervisor.start(ChildSpec("engine", children.obedient, "e", (theirs,)))
        sibling = Link(ours)
        assert sibling.poll(wait_s=PATIENCE_S) == [{"type": "from", "name": "e"}]
        pid = supervisor.pid("engine")
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        poll_until(supervisor, heard.ended)
        assert heard.ended()[0] == {"type": "child", "state": "ended", "exit_code": -9, "restart_in_s": None}
        assert not supervisor.alive("engine")
        assert not supervisor.send("engine", {"type": "anything"})
        sibling.poll(wait_s=PATIENCE_S)
        assert sibling.closed
    ours.close()


def test_a_link_to_a_sibling_outlives_the_death_of_a_child_that_comes_back() -> None:
    heard = Heard()
    ours, theirs = link_pair()
    with Supervisor(heard) as supervisor:
        supervisor.start(ChildSpec("engine", children.obedient, "e", (theirs,), restart=True))
        sibling = Link(ours)
        assert sibling.poll(wait_s=PATIENCE_S)
        pid = supervisor.pid("engine")
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        poll_until(supervisor, lambda: len(heard.of("hello")) == 2)
        assert sibling.poll(wait_s=PATIENCE_S) == [{"type": "from", "name": "e"}]
        assert not sibling.closed
    ours.close()


def test_who_says_that_it_is_hopeless_is_not_started_again() -> None:
    heard = Heard()
    with Supervisor(heard) as supervisor:
        supervisor.start(ChildSpec("device", children.hopeless, None, restart=True))
        poll_until(supervisor, heard.ended)
        assert heard.ended()[0]["restart_in_s"] is None
        assert heard.of("fatal", "device")[0]["text"] == "no."


def test_who_does_not_listen_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervising, "QUIT_PATIENCE_S", 0.2)
    monkeypatch.setattr(supervising, "TERMINATE_PATIENCE_S", 0.2)
    heard = Heard()
    supervisor = Supervisor(heard)
    supervisor.start(ChildSpec("stubborn", children.stubborn, None))
    poll_until(supervisor, lambda: heard.of("hello"))
    pid = supervisor.pid("stubborn")
    assert pid is not None
    assert not gone(pid)
    supervisor.close()
    assert gone(pid)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc and /dev/shm")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_however_the_parent_ends_no_process_and_no_shared_memory_is_left(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "tests.engine.children"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    *pids, ring_name = process.stdout.readline().split()
    assert Path("/dev/shm", ring_name).exists()
    time.sleep(0.3)
    process.send_signal(number)
    output, complaints = process.communicate(timeout=PATIENCE_S)
    assert eventually(lambda: all(gone(int(pid)) for pid in pids))
    assert eventually(lambda: not Path("/dev/shm", ring_name).exists())
    if number != signal.SIGKILL:
        assert output.split()[-1] == "bye"
        assert "fade_out" in output
        assert complaints == ""
