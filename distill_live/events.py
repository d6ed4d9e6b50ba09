"""Control events and their canonical addresses: what changes, from which sample on, and who asked.

Contract E: every control change carries the frame from which it can be heard, counted in samples from the take's
first. ``takelog`` writes them down. Standard library only; values, any thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from distill_live.params import Value

ROOT: Final = "/distill"
SHORT_IDS: Final = ("temperature", "topk", "topp", "seed", "mix", "bypass")
"""Parameters whose canonical address is ``/distill/<id>``; all others are ``/distill/param/<id>``."""


@dataclass(frozen=True)
class ControlEvent:
    """One control change: what, to which values, from which output sample on, and who asked."""

    frame: int
    address: str
    args: tuple[Value, ...] = ()
    source: str = "osc"

    def to_json(self) -> dict[str, Any]:
        return {
            "type": "event",
            "frame": self.frame,
            "address": self.address,
            "args": list(self.args),
            "source": self.source,
        }


def param_address(param_id: str) -> str:
    """The canonical address of a parameter.

    >>> param_address("temperature"), param_address("level.0.topk")
    ('/distill/temperature', '/distill/param/level.0.topk')
    """
    return f"{ROOT}/{param_id}" if param_id in SHORT_IDS else f"{ROOT}/param/{param_id}"


def param_id_of(address: str) -> str | None:
    """The parameter a canonical address sets, or None for a command such as ``/distill/swap``.

    >>> param_id_of("/distill/topk"), param_id_of("/distill/param/level.0.mute"), param_id_of("/distill/swap")
    ('topk', 'level.0.mute', None)
    """
    if address.startswith(f"{ROOT}/param/"):
        return address.removeprefix(f"{ROOT}/param/")
    tail = address.removeprefix(f"{ROOT}/")
    return tail if tail in SHORT_IDS else None


def set_event(param_id: str, value: Value, source: str, frame: int = 0) -> ControlEvent:
    """The canonical event that sets one parameter."""
    return ControlEvent(frame, param_address(param_id), (value,), source)
