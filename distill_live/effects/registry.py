"""Effects by name: built in, brought by the entry-point group ``distill_live.effects``, and hosted (see ``hosted``).

A plugin in Python is a package whose ``pyproject.toml`` says::

    [project.entry-points."distill_live.effects"]
    wobble = "my_package.wobble:Wobble"

Looking those up imports them; that is done before the music, never on the render thread. A hosted plugin, which is
machine code, is not loaded here.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from distill_live.effects.base import Effect
from distill_live.effects.delay import Delay
from distill_live.effects.drive import Drive
from distill_live.effects.filter import Filter
from distill_live.effects.gain import Gain
from distill_live.effects.hosted import HostedPlugin, find_hosted
from distill_live.effects.limiter import Limiter
from distill_live.effects.reverb import Reverb
from distill_live.effects.vst3 import hosted_class
from distill_live.effects.widener import Widener
from distill_live.errors import UnknownNameError

GROUP: Final = "distill_live.effects"
BUILT_IN: Final[tuple[type[Effect], ...]] = (Gain, Filter, Drive, Delay, Reverb, Widener, Limiter)


@dataclass(frozen=True)
class FoundEffects:
    """What there is: classes by name, and one sentence for every plugin that could not be taken."""

    classes: dict[str, type[Effect]] = field(default_factory=dict)
    messages: tuple[str, ...] = ()


def find_effects() -> FoundEffects:
    """All built-in effects, then the plugins that are installed, by name, then the hosted ones, in the list's order.

    >>> sorted(find_effects().classes)[:4]
    ['delay', 'drive', 'filter', 'gain']
    """
    classes = {cls.name: cls for cls in BUILT_IN}
    messages = []
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        try:
            if point.name in classes:
                raise ValueError("another effect has that name")
            classes[point.name] = _load(point)
        except Exception as error:  # noqa: BLE001 - a plugin that cannot be imported must not take the others along
            messages.append(f"effect plugin {point.name} ({point.value}) cannot be used: {error}")
    hosted = find_hosted()
    for plugin in hosted.plugins:
        _host(plugin, classes, messages)
    return FoundEffects(classes, (*messages, *hosted.messages))


def make_effect(name: str) -> Effect:
    """A new effect of that name.

    Raises:
        UnknownNameError: there is none.
    """
    found = find_effects().classes
    if name not in found:
        raise UnknownNameError(f"there is no effect {name!r}", fix=f"use one of {', '.join(sorted(found))}")
    return found[name]()


def _host(plugin: HostedPlugin, classes: dict[str, type[Effect]], messages: list[str]) -> None:
    name = plugin.entry.name
    if name in classes:
        messages.append(f"effect plugin {name} ({plugin.entry.path}) cannot be used: another effect has that name")
    else:
        classes[name] = hosted_class(plugin)


def _load(point: EntryPoint) -> type[Effect]:
    cls = point.load()
    if not (inspect.isclass(cls) and issubclass(cls, Effect) and not inspect.isabstract(cls)):
        raise TypeError("it is not a concrete subclass of distill_live.effects.base.Effect")
    if getattr(cls, "name", None) != point.name:
        raise TypeError(f"its name is {getattr(cls, 'name', None)!r}, its entry point is called {point.name!r}")
    return cls
