"""Plugins of others in the chain: VST3, and Audio Units on macOS, through pedalboard (an optional extra).

A ``HostedPlugin`` (see ``hosted``) says what a plugin is like without loading it; the class made of it by
``hosted_class`` is an effect like any other, and loads the plugin when it is prepared. A plugin that is mono only runs
once for each channel: a sum would take the width out of the music. pedalboard is imported there and not before.

``prepare`` belongs on the process's main thread (the plugins' own rule), ``process`` on the render thread.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import weakref
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np

from distill_live.effects.base import Block, Effect, ParamEvent, State
from distill_live.effects.hosted import HostedPlugin
from distill_live.effects.quiet import quiet
from distill_live.errors import DistillError, UsageError

SUFFIXES: Final = (".vst3", ".component")
_SMALLEST: Final = 64  # samples: a plugin is made ready for blocks of at least so many
_MOST_LATENCY_S: Final = 10.0


class HostedEffect(Effect):
    """A plugin of others as an effect. Made by ``hosted_class``.

    What is turned within a block is turned at its beginning: some plugins pass a block of another size than the one
    they were made ready for through as it is. A plugin's memory of sound cannot be read; ``state`` holds the values and
    what the plugin itself would save.
    """

    copies_exactly = False
    most_channels = 2

    def __init__(self) -> None:
        self.values = {p.id: p.default_value for p in self.params}
        self._told = {p.param.id: p for p in self.plugin.params}
        self._places = {p.param.id: p.place for p in self.plugin.params}  # where the plugin has them
        self._voices: list[Voice] = []

    @property
    @abstractmethod
    def plugin(self) -> HostedPlugin:
        """What it plays."""

    def prepare(self, sample_rate: int, max_block: int) -> None:
        """Load the plugin, or empty it; ask how late it is.

        Raises:
            DistillError: it is gone, has changed, or pedalboard is not installed.
        """
        if not self._voices:
            channels = self.plugin.channels
            self._voices = [Voice(open_plugin(self.plugin), channels) for _ in range(2 // channels)]
            self._places = {p.param.id: p.place for p in self.plugin.params}
        self._turn(self._told)
        for voice in self._voices:
            voice.prepare(sample_rate, max_block)
        self.latency = self._voices[0].latency

    def process(self, block: Block, events: Sequence[ParamEvent] = ()) -> Block:
        if events:
            self.values |= {event.id: event.value for event in events}
            self._turn(event.id for event in events)
        if len(block) > 2:
            raise ValueError(f"{self.plugin.title} plays one or two channels, not {len(block)}")
        if self.plugin.channels == 1:
            own = zip(self._voices, block, strict=False)  # a single channel leaves the second voice alone
            return np.concatenate([voice.process(channel[None]) for voice, channel in own])
        if len(block) == 2:
            return self._voices[0].process(block)
        both = self._voices[0].process(np.repeat(block, 2, axis=0))
        middle: Block = both.mean(axis=0, dtype=np.float32, keepdims=True)
        return middle

    def reset(self) -> None:
        for voice in self._voices:
            voice.empty()

    def state(self) -> State:
        saved = [np.frombuffer(voice.saved(), np.uint8).copy() for voice in self._voices]
        return {"values": dict(self.values), "plugin": saved}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.values = dict(state["values"])
        for voice, saved in zip(self._voices, state["plugin"], strict=True):
            voice.load(np.asarray(saved, np.uint8).tobytes())
        self._turn(self._told)

    def _turn(self, ids: Iterable[str]) -> None:
        """Tell the plugin what has changed, and no more: a reverb may load another room for it."""
        for param_id in ids:
            told = self._told[param_id]
            place = told.place_of(self.values[param_id])
            if place != self._places[param_id]:
                self._places[param_id] = place
                for voice in self._voices:
                    voice.turn(told.index, place)


def hosted_class(plugin: HostedPlugin) -> type[Effect]:
    """The class of effects that play this plugin."""
    own = {"name": plugin.entry.name, "params": tuple(p.param for p in plugin.params), "plugin": plugin}
    return type(
        plugin.entry.name, (HostedEffect,), {**own, "__module__": "hosted", "__doc__": f"{plugin.title}, hosted."}
    )


class Voice:
    """One instance of a plugin.

    pedalboard hides a plugin's latency: it gives so many samples less at first. ``empty`` lets that pass with silence,
    after which blocks come back whole, and late by ``latency``.
    """

    def __init__(self, native: Any, channels: int) -> None:
        self._held, self._channels = [native], channels
        self._rate, self._size = 48000, _SMALLEST
        weakref.finalize(self, _let_go, self._held)

    @property
    def _native(self) -> Any:
        return self._held[0]

    @property
    def latency(self) -> int:
        """Samples, as the plugin itself says; it counts once ``prepare`` has run."""
        return int(self._native.reported_latency_samples)

    def prepare(self, sample_rate: int, max_block: int) -> None:
        self._rate, self._size = sample_rate, max(max_block, _SMALLEST)
        with quiet():
            self.empty()

    def turn(self, index: int, place: float) -> None:
        # looked up each time: a plugin that pedalboard has loaded anew in `empty` has other parameter objects
        self._native._parameters[index].raw_value = place

    def process(self, block: Block) -> Block:
        """``[C, T]`` for the plugin's own number of channels C."""
        out: Block = self._native.process(np.ascontiguousarray(block), self._rate, self._size, False)
        return out

    def empty(self) -> None:
        """Forget all sound.

        Raises:
            DistillError: the plugin gives nothing back.
        """
        self._native.reset()
        silence = np.zeros((self._channels, self._size), np.float32)
        for _ in range(int(_MOST_LATENCY_S * self._rate / self._size) + 2):
            if self.process(silence).shape == silence.shape:
                return
        raise DistillError(f"the plugin gives no sound back within {_MOST_LATENCY_S:.0f} s")

    def saved(self) -> bytes:
        """What the plugin itself would save."""
        return bytes(self._native.raw_state)

    def load(self, saved: bytes) -> None:
        """The other way. Left out where nothing would change: a reverb may load its room for it."""
        if saved != self.saved():
            type(self._native).raw_state.fset(self._native, saved)  # plain assignment would ask for a parameter first


def _let_go(held: list[Any]) -> None:
    """The last that is heard of a plugin are often complaints about its host."""
    with quiet():
        held.clear()


# ---------------------------------------------------------------- loading


def open_plugin(plugin: HostedPlugin) -> Any:
    """The plugin as pedalboard gives it, with the parameters that it had when it was added.

    Raises:
        DistillError: as ``open_native``, or it has changed since.
    """
    native = open_native(plugin.entry.path, plugin.entry.inside)
    names = dict(enumerate(param.name for param in native._parameters))
    if any(names.get(param.index) != param.name for param in plugin.params):
        raise DistillError(
            f"{plugin.title} has other parameters than when it was added",
            fix=f"`distill-live plugins add {plugin.entry.path} --name {plugin.entry.name}` looks again",
        )
    return native


def open_native(path: Path, inside: str = "") -> Any:
    """A plugin's file, loaded.

    Args:
        inside: the name of the plugin, where the file holds several.

    Raises:
        DistillError: it is gone, cannot be loaded, or pedalboard is not installed.
        UsageError: it is none by its name, or which of several is not said.
    """
    check_file(path)
    kind = _kind(importlib.import_module("pedalboard"), path)
    with _without_questions(kind), quiet():
        try:
            _check_inside(kind.get_plugin_names_for_file(str(path)), path, inside)
            return kind(str(path), plugin_name=inside or None)
        except (ImportError, ValueError, RuntimeError) as error:
            reason = re.sub(r"Unable to (load|scan) plugin .*?: ", "", " ".join(str(error).split()))
            raise DistillError(
                f"{path} cannot be loaded as a plugin: {reason[:200]}", fix="get one that is made for this machine"
            ) from None


def _check_inside(names: list[str], path: Path, inside: str) -> None:
    if (len(names) > 1 or inside) and inside not in names:
        raise UsageError(f"{path} holds {', '.join(names)}", fix=f"choose with e.g. --plugin {names[0]!r}")


def check_file(path: Path) -> None:
    """Whether a plugin could be loaded from there; does not look into the file.

    Raises:
        DistillError, UsageError: as ``open_native``.
    """
    if path.suffix not in SUFFIXES:
        raise UsageError(f"{path} is no plugin", fix=f"name a file that ends in {' or '.join(SUFFIXES)}")
    if not path.exists():
        raise DistillError(f"there is no plugin at {path}", fix="look for it with `distill-live plugins scan`")
    if importlib.util.find_spec("pedalboard") is None:
        raise DistillError("pedalboard, which plays plugins, is not installed", fix="pip install pedalboard brings it")


def _kind(pedalboard: Any, path: Path) -> Any:
    if path.suffix == ".vst3":
        return pedalboard.VST3Plugin
    if not hasattr(pedalboard, "AudioUnitPlugin"):
        raise UsageError(f"{path} is an Audio Unit", fix="they play on macOS; use its VST3")
    return pedalboard.AudioUnitPlugin


@contextmanager
def _without_questions(kind: Any) -> Iterator[None]:
    """Load without asking every parameter for its text at 1001 places, as pedalboard does each time.

    We asked once, when it was added; a reverb that loads a room for each question takes minutes.
    """
    hook = "__set_initial_parameter_values__"  # it finds the values it has to set, here none, by asking all
    setattr(kind, hook, lambda *_: None)
    try:
        yield
    finally:
        delattr(kind, hook)
