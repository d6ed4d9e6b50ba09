"""Small child processes for the supervisor's tests (no heavy imports: each starts in a fresh interpreter)."""

from __future__ import annotations

import os
import signal
import sys
import time

from distill_live.engine.supervisor import ChildSpec, Supervisor
from distill_live.link import End, Link
from distill_live.signals import StopFlag, stop_on_signals


def obedient(settings: str, connection: End, *siblings: End) -> None:
    """Answers, fades, quits; tells a sibling it is there."""
    link = Link(connection)
    link.send(
        {"type": "hello", "settings": settings, "sigint_ignored": signal.getsignal(signal.SIGINT) == signal.SIG_IGN}
    )
    for sibling in siblings:
        Link(sibling).send({"type": "from", "name": settings})
    while not link.closed:
        for message in link.poll(wait_s=0.2):
            link.send({"type": "heard", "what": message["type"]})
            if message["type"] == "fade_out":
                time.sleep(0.05)
                link.send({"type": "faded"})
            if message["type"] == "quit":
                return


def dies(settings: int, connection: End) -> None:
    """Ends with the exit code it is given."""
    Link(connection).send({"type": "last words"})
    sys.exit(settings)


def hopeless(settings: None, connection: End) -> None:
    """Says why it will never work, and ends."""
    Link(connection).send({"type": "fatal", "code": "refused", "text": "no.", "exit_code": 1})
    sys.exit(2)


def stubborn(settings: None, connection: End) -> None:
    """Hears nothing; only SIGKILL ends it."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    Link(connection).send({"type": "hello"})
    while True:
        time.sleep(1)


def say(*words: object) -> None:
    """A line on stdout, unless there is nothing to say."""
    if words:
        sys.stdout.write(" ".join(map(str, words)) + "\n")
        sys.stdout.flush()


def parent() -> None:
    """A parent with two children and a ring in shared memory; prints their ids, then polls until it is interrupted."""
    from distill_live.audio.ring import SharedRing

    ring = SharedRing.create(1024, 2)
    with stop_on_signals(StopFlag(), patient=True) as stop:
        with Supervisor(lambda _name, message: say(*message.get("what", "").split())) as supervisor:
            for name in "ab":
                supervisor.start(ChildSpec(name, obedient, name, fades=True))
            say(os.getpid(), supervisor.pid("a"), supervisor.pid("b"), ring.name)
            while not stop.is_set():
                supervisor.poll(0.1)
        say("bye")
        ring.close()
        ring.unlink()


if __name__ == "__main__":
    parent()
