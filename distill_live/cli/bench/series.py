"""What a hand does while latency is measured: swaps over OSC and over MIDI, temperatures over OSC, at random moments.

Every message asks for something that must be heard: a level from other codes and back, the temperature from one end to
the other. Pure; any thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from distill_live.cli.bench.sender import Message
from distill_live.errors import DistillError

EDIT, MIDI, SAMPLING = KINDS = ("edit", "midi", "sampling")
TEMPERATURES: Final = (0.1, 2.0)
FIRST_CC: Final = 20  # of level 0
LEAD_IN_S: Final = 1.5
_CC: Final = 0xB0
_TOP: Final = 127


def edits(count: int, levels: int, slots: Sequence[int], kinds: Sequence[str]) -> list[tuple[str, Message]]:
    """``count`` swaps of each kind (one more if odd), taking turns, level after level, on and off: kind and message.

    >>> [(kind, m.path, m.args, m.midi) for kind, m in edits(2, 3, [1, 5], ("edit", "midi"))][::2]
    [('edit', 'swap', (0, 1, 1.0), ()), ('midi', 'param/level.0.swap', ('1',), (176, 20, 127))]
    """
    if not slots:
        raise DistillError("the model holds no sounds to swap with", fix="train it again")
    series = []
    for number in range(-(-count // 2) * len(kinds)):
        pair, which = divmod(number, len(kinds))
        kind, level, slot = kinds[which], pair % levels, slots[pair % len(slots)]
        for on in (True, False):
            message = _by_midi(level, slots, on) if kind == MIDI else _by_osc(level, slot, on)
            series.append((kind, message))
    return series


def _by_osc(level: int, slot: int, on: bool) -> Message:
    return Message(0.0, "swap", (level, slot if on else "off", 1.0))


def _by_midi(level: int, slots: Sequence[int], on: bool) -> Message:
    source = str(_slot_of_knob(level, slots)) if on else "off"
    return Message(0.0, f"param/level.{level}.swap", (source,), (_CC, FIRST_CC + level, _TOP if on else 0))


def _slot_of_knob(level: int, slots: Sequence[int]) -> int:
    return slots[level % len(slots)]


def temperatures(count: int) -> list[tuple[str, Message]]:
    """From one end to the other and back."""
    return [(SAMPLING, Message(0.0, "temperature", (TEMPERATURES[n % 2],))) for n in range(count)]


def midi_map(levels: int, slots: Sequence[int]) -> str:
    """The MIDI map that makes a knob a level's switch: 0 is off, 127 a slot.

    >>> midi_map(1, [3]).splitlines()[-1]
    'out = [0, 3]'
    """
    lines = ['schema = "distill-live/midimap/1"']
    for level in range(levels):
        lines += ["", "[[map]]", f'param = "level.{level}.swap"']
        lines += [
            f'source = {{ type = "cc", number = {FIRST_CC + level} }}',
            f"out = [0, {_slot_of_knob(level, slots)}]",
        ]
    return "\n".join(lines)


def at_random(
    series: Sequence[tuple[str, Message]], gap_s: tuple[float, float], rng: np.random.Generator
) -> list[tuple[str, Message]]:
    """The same at random moments, so that every phase of the block and of the device's period is met."""
    at_s = LEAD_IN_S + np.cumsum(rng.uniform(*gap_s, len(series)))
    return [
        (kind, Message(float(at), message.path, message.args, message.midi))
        for at, (kind, message) in zip(at_s, series, strict=True)
    ]
