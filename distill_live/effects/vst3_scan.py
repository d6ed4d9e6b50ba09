"""What a plugin is like: loaded, asked and listened to once, when it is added, in a process of its own.

Whatever goes wrong is one sentence. ``look_at`` is for any thread but the render thread; the child has one.
"""

from __future__ import annotations

import re
from typing import Any, Final

import numpy as np

from distill_live.effects.apart import ApartError, run_apart
from distill_live.effects.base import Block
from distill_live.effects.hosted import Entry, HostedPlugin
from distill_live.effects.hosted_params import LOOKED_AT, Asked, HostedParam, describe, ids_for, places
from distill_live.effects.vst3 import Voice, check_file, open_native
from distill_live.errors import DistillError

PATIENCE_S: Final = 120.0
MOST_PARAMS: Final = 128  # more than that nobody finds; some plugins declare every MIDI controller
_MOST_HEARD: Final = 24  # parameters that have to be listened to, at a few loads each
_NOT_TURNED: Final = re.compile(
    r"((current )?(program|preset)s?"  # turns others behind the registry's back
    r"|MIDI CC.*"
    r"|Buffer Size|Sample Rate|Latency)",  # what a common framework tells itself through parameters
    re.IGNORECASE,
)


def look_at(entry: Entry) -> HostedPlugin:
    """Load a plugin in a process of its own, and find out what it is like.

    Raises:
        DistillError: it cannot be loaded, crashes, is an instrument, or does not play mono or stereo.
    """
    check_file(entry.path)
    try:
        return run_apart(PATIENCE_S, describe_plugin, entry)
    except ApartError as error:
        raise DistillError(
            f"{entry.path} {error.what} while it was looked at", fix="it cannot stand in the chain; ask its maker"
        ) from None


def describe_plugin(entry: Entry) -> HostedPlugin:
    """What ``look_at`` does, in this process.

    Raises:
        DistillError: as there.
    """
    native = open_native(entry.path, entry.inside)
    title = str(native.name)
    if native.is_instrument:
        raise DistillError(f"{title} is an instrument", fix="only effects can stand in the chain")
    channels = _channels(native, title)
    asked, left_out = _ask(native, _heard(entry, channels, native))
    voice = Voice(native, channels)
    voice.prepare(48000, 512)
    params = _described(asked, entry.name, title)
    maker, version = str(native.manufacturer_name), str(native.version)
    return HostedPlugin(entry, title, maker, version, channels, voice.latency, params, left_out)


def _channels(native: Any, title: str) -> int:
    for channels in (2, 1):
        try:
            native.process(np.zeros((channels, 512), np.float32), 48000, 512, False)
            return channels
        except ValueError:  # this is how pedalboard says that a plugin cannot
            continue
    raise DistillError(f"{title} plays neither stereo nor mono", fix="only plugins that do can stand in the chain")


def _ask(native: Any, heard: set[int]) -> tuple[list[Asked], int]:
    """What it says of its parameters, and how many were too many."""
    asked = []
    for index, param in enumerate(native._parameters):
        name = str(param.name).strip()
        if not name or _NOT_TURNED.fullmatch(name) or not (param.is_automatable or index in heard):
            continue
        steps = param.num_steps if 2 <= param.num_steps <= LOOKED_AT else 0
        texts = tuple(str(param.get_text_for_raw_value(place)) for place in places(steps))
        place = min(max(float(param.raw_value), 0.0), 1.0)
        asked.append(Asked(index, str(param.name), str(param.label), steps, place, texts, bool(param.is_automatable)))
    return asked[:MOST_PARAMS], max(0, len(asked) - MOST_PARAMS)


def _described(asked: list[Asked], effect: str, title: str) -> tuple[HostedParam, ...]:
    words = ids_for([a.name for a in asked], ["on"])
    found = [describe(a, effect, title, word) for a, word in zip(asked, words, strict=True)]
    return tuple(param for param in found if param is not None)


# ---------------------------------------------------------------- listening


def _heard(entry: Entry, channels: int, native: Any) -> set[int]:
    """Which of the parameters that cannot be automated change the sound: the others are meters.

    A plugin does not say which is which. One that never sounds the same twice cannot be judged; then none of them is.
    """
    candidates = [
        (index, float(param.raw_value))
        for index, param in enumerate(native._parameters)
        if not param.is_automatable and not _NOT_TURNED.fullmatch(str(param.name).strip())
    ][:_MOST_HEARD]
    if not candidates:
        return set()
    untouched = _sound(entry, channels)
    if not np.array_equal(untouched, _sound(entry, channels)):
        return set()
    turned = {index: _sound(entry, channels, (index, 0.25 if place > 0.5 else 0.75)) for index, place in candidates}
    return {index for index, sound in turned.items() if not np.array_equal(sound, untouched)}


def _sound(entry: Entry, channels: int, turn: tuple[int, float] | None = None) -> Block:
    """A second of noise through a new instance, with one parameter turned."""
    voice = Voice(open_native(entry.path, entry.inside), channels)
    if turn:
        voice.turn(*turn)
    voice.prepare(48000, 512)
    noise = 0.5 * np.random.default_rng(0).standard_normal((channels, 100 * 512))
    return np.concatenate([voice.process(part) for part in np.split(noise.astype(np.float32), 100, axis=1)], axis=1)
