"""What one message leads to, and what every handler of messages needs: the only argument, the press of a button.

Pure; knows no address. One thread, the bridge's loop.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from distill_live.control.validate import Call
from distill_live.errors import ParamError
from distill_live.params import Value

Args = tuple[Value, ...]


@dataclass(frozen=True)
class EngineEvent:
    """One canonical event for the engine. ``is_value``: only the latest per address matters."""

    address: str
    args: Args
    is_value: bool = False


@dataclass
class Outcome:
    """What one message leads to. ``notice`` is (code, text); ``sync`` a token to be sent through the engine's queue."""

    events: list[EngineEvent] = field(default_factory=list)
    replies: list[tuple[str, Args]] = field(default_factory=list)
    notice: tuple[str, str] | None = None
    sync: int | None = None


def pressed(call: Call) -> bool:
    """Whether a button message is the press: no argument, true, or exactly 1; a release (0) must not fire again.

    Raises:
        ParamError: for anything that is not a number.
    """
    if not call.args:
        return True
    value = only(call)
    if isinstance(value, str) or value != value:
        raise ParamError(f"{call.address} cannot take {value!r}", fix="send nothing, or 1")
    return value == 1


def only(call: Call) -> Value:
    """The one argument of a message.

    Raises:
        ParamError: it has none, or several.
    """
    if len(call.args) != 1:
        raise ParamError(f"{call.address} takes one argument, not {len(call.args)}")
    return call.args[0]


def share(value: Value) -> tuple[float, bool]:
    """A number 0..1, and whether it was clamped.

    Raises:
        ParamError: for text, NaN and infinity.
    """
    if isinstance(value, str) or value != value or abs(value) == float("inf"):
        raise ParamError(f"an amount cannot be {value!r}", fix="send 0 to 1")
    return min(max(float(value), 0.0), 1.0), not 0.0 <= value <= 1.0
