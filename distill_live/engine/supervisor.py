"""Starts the processes of a performance, watches them, passes on what they say, and ends them all.

Knows nothing of audio or control: a child is a name, a function and what it is given. Belongs to one thread of the
parent (the command line's or the TUI's), which calls ``poll`` again and again. Every child is called as
``target(settings, connection, *connections)`` in a fresh interpreter, where ``connection`` is its end of a link to this
supervisor and ``connections`` are ends of links to its siblings.

The agreement with children: they ignore SIGINT, answer ``{"type": "fade_out"}`` with ``{"type": "faded"}`` (only those
with ``fades``), end on ``{"type": "quit"}`` or when their connection closes, and say ``{"type": "fatal", ...}`` before
they end for a reason that starting again would not mend. So nothing is left behind, even when the parent is killed.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from types import TracebackType
from typing import Any, Final

from distill_live.link import End, Link, Message, link_pair
from distill_live.signals import ENDING, answering

Listener = Callable[[str, Message], None]

FADE_PATIENCE_S: Final = 0.5
QUIT_PATIENCE_S: Final = 3.0
TERMINATE_PATIENCE_S: Final = 1.0
FIRST_BACK_OFF_S: Final = 0.1
LONGEST_BACK_OFF_S: Final = 5.0
_STEADY_S: Final = 10.0  # who lived this long starts again without waiting


@dataclass(frozen=True)
class ChildSpec:
    """One process: ``target(settings, connection, *connections)``.

    Attributes:
        name: what messages about it are signed with.
        target: a module-level function.
        settings: picklable.
        connections: to siblings; closed on this side once the child has them, unless it may be started again. So a
            sibling notices the end of a child that stays dead, and keeps its link to one that comes back.
        restart: start it again, after a growing pause, when it ends by itself.
        fades: answers ``fade_out`` with ``faded``, and is asked to before anybody has to quit.
    """

    name: str
    target: Callable[..., None]
    settings: Any
    connections: tuple[End, ...] = ()
    restart: bool = False
    fades: bool = False


class _Child:
    """One running (or waiting) child."""

    def __init__(self, spec: ChildSpec) -> None:
        self.spec = spec
        self.process: SpawnProcess | None = None
        self.link: Link | None = None
        self.started_s = 0.0
        self.restart_at_s: float | None = None
        self.back_off_s = FIRST_BACK_OFF_S
        self.hopeless = False  # it said so itself
        self.faded = False

    def start(self) -> None:
        ours, theirs = link_pair()
        context = multiprocessing.get_context("spawn")
        arguments = (self.spec.settings, theirs, *self.spec.connections)
        self.process = context.Process(target=self.spec.target, args=arguments, name=self.spec.name, daemon=True)
        with answering(signal.SIG_IGN, "SIGINT"):  # inherited: Ctrl-C is for the parent, also while a child starts
            self.process.start()
        theirs.close()
        self.link = Link(ours)
        self.started_s = time.monotonic()
        self.restart_at_s = None
        self.faded = False

    def alive(self) -> bool:
        return self.process is not None and self.process.is_alive()

    def discard(self) -> int | None:
        """Free what a child that has ended leaves here; returns its exit code."""
        process, self.process = self.process, None
        if self.link is not None:
            self.link.close()
            self.link = None
        if process is None:
            return None
        process.join()
        exit_code = process.exitcode
        process.close()
        return exit_code

    def close_connections(self) -> None:
        for connection in self.spec.connections:
            connection.close()

    def plan_restart(self) -> float | None:
        """When it will start again, in seconds from now; None when it will not."""
        if not self.spec.restart or self.hopeless:
            return None
        if time.monotonic() - self.started_s > _STEADY_S:
            self.back_off_s = FIRST_BACK_OFF_S
        pause_s, self.back_off_s = self.back_off_s, min(2 * self.back_off_s, LONGEST_BACK_OFF_S)
        self.restart_at_s = time.monotonic() + pause_s
        return pause_s


class Supervisor:
    """Keeps a set of children running until ``close``.

    Besides what children say, the listener hears ``{"type": "child", "state": "started", "pid": n}`` and
    ``{"type": "child", "state": "ended", "exit_code": n, "restart_in_s": seconds or None}``.

    Args:
        listener: called as ``listener(child_name, message)`` from inside ``poll`` and ``close``.
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._children: dict[str, _Child] = {}

    def start(self, spec: ChildSpec) -> None:
        """Start one child; its name must be free."""
        assert spec.name not in self._children, spec.name
        child = self._children[spec.name] = _Child(spec)
        self._launch(child)
        if not spec.restart:
            child.close_connections()

    @property
    def names(self) -> frozenset[str]:
        """Every child that has been started."""
        return frozenset(self._children)

    def send(self, name: str, message: Message) -> bool:
        """Hand a message to a child; False when it is not there now."""
        link = self._children[name].link
        return link is not None and link.send(message)

    def revise(self, name: str, settings: Any) -> None:
        """What the child is given when it is started again."""
        child = self._children[name]
        child.spec = replace(child.spec, settings=settings)

    def give_up(self, name: str) -> None:
        """Do not start this child again."""
        child = self._children[name]
        child.hopeless, child.restart_at_s = True, None

    def alive(self, name: str) -> bool:
        return self._children[name].alive()

    def pid(self, name: str) -> int | None:
        """The process id of a child that runs."""
        process = self._children[name].process
        return process.pid if process is not None and process.is_alive() else None

    def poll(self, wait_s: float = 0.0) -> None:
        """Pass on what children have said, notice who ended, start again who is due; waits at most ``wait_s``."""
        self._wait(wait_s)
        for child in list(self._children.values()):
            self._listen(child)
            if child.process is not None and not child.process.is_alive():
                self._bury(child)
            if child.restart_at_s is not None and time.monotonic() >= child.restart_at_s:
                self._launch(child)

    def close(self) -> None:
        """End everything: fade out, ask to quit, then terminate, then kill. Again does nothing."""
        for child in self._children.values():
            child.restart_at_s, child.hopeless = None, True
        fading = [c for c in self._children.values() if c.spec.fades and c.alive()]
        self._tell(fading, {"type": "fade_out"})
        self._until(lambda: all(c.faded or not c.alive() for c in fading), FADE_PATIENCE_S)
        self._tell(list(self._children.values()), {"type": "quit"})
        self._until(lambda: not self._running(), QUIT_PATIENCE_S)
        for process in self._running():
            process.terminate()
        self._until(lambda: not self._running(), TERMINATE_PATIENCE_S)
        for process in self._running():
            process.kill()
        for child in self._children.values():
            child.discard()
            child.close_connections()
        self._children.clear()

    def __enter__(self) -> Supervisor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with answering(signal.SIG_IGN, *ENDING):  # a second Ctrl-C must not leave a child behind
            self.close()

    def _launch(self, child: _Child) -> None:
        child.start()
        assert child.process is not None
        self._listener(child.spec.name, {"type": "child", "state": "started", "pid": child.process.pid})

    def _listen(self, child: _Child) -> None:
        if child.link is None:
            return
        for message in child.link.poll():
            child.hopeless = child.hopeless or message.get("type") == "fatal"
            child.faded = child.faded or message.get("type") == "faded"
            self._listener(child.spec.name, message)

    def _bury(self, child: _Child) -> None:
        """Its last words, then its end."""
        assert child.process is not None
        self._listen(child)
        exit_code = child.discard()
        restart_in_s = child.plan_restart()
        ended = {"type": "child", "state": "ended", "exit_code": exit_code, "restart_in_s": restart_in_s}
        self._listener(child.spec.name, ended)

    def _wait(self, wait_s: float) -> None:
        due_s = [c.restart_at_s - time.monotonic() for c in self._children.values() if c.restart_at_s is not None]
        wait_s = max(0.0, min([wait_s, *due_s]))
        awaited: list[Any] = [process.sentinel for process in self._running()]
        awaited += [c.link.connection for c in self._children.values() if c.link is not None and not c.link.closed]
        if awaited:
            wait(awaited, wait_s)
        else:
            time.sleep(wait_s)

    def _until(self, done: Callable[[], bool], patience_s: float) -> None:
        deadline_s = time.monotonic() + patience_s
        while not done() and time.monotonic() < deadline_s:
            self._wait(0.05)
            for child in self._children.values():
                self._listen(child)

    def _running(self) -> list[SpawnProcess]:
        return [c.process for c in self._children.values() if c.process is not None and c.process.is_alive()]

    @staticmethod
    def _tell(children: list[_Child], message: Message) -> None:
        for child in children:
            if child.link is not None:
                child.link.send(message)
