"""What a take's first line says, how a performance is started from it, and how codes travel inside a log.

A take is self-contained but for its model, which it names by hash. Sounds that came in from outside are stored as
assets: zlib-compressed int16 codes in base64, under their hash. Any thread.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import functools
import hashlib
import platform
import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

import distill_live
from distill_live.codes.grid import Codes
from distill_live.effects.params import STANDARD_ORDER
from distill_live.engine.performance import BLOCK, SAMPLE_RATE, Performance
from distill_live.engine.voice import Memory
from distill_live.errors import DistillError, TakeError
from distill_live.events import param_id_of
from distill_live.models.playable import Playable
from distill_live.params import Value
from distill_live.takelog import Take

MAX_CODES = 4_000_000
SOUNDING_MODULES = ("activation.py", "weights.py")
SOUNDING_ROOMS = ("audio", "codec", "codes", "effects", "engine", "models", "prior", "vocoder")


@dataclass(frozen=True)
class TakeStart:
    """The initial state of a take.

    Attributes:
        seed: of the dice.
        params: the values that differ from their defaults.
        effects: the order of the inserts.
        look_ahead: frames the vocoder waits for; None as the model says.
        memory: where it goes on after a crash; None for a fresh start.
    """

    seed: int = 0
    params: dict[str, Value] = field(default_factory=dict)
    effects: tuple[str, ...] = STANDARD_ORDER
    look_ahead: int | None = None
    memory: Memory | None = None

    def performance(self, model: Playable) -> Performance:
        """A performance of ``model`` in this state."""
        return Performance(model, self.seed, self.params, self.effects, self.look_ahead, self.memory)


def header(model: Playable, start: TakeStart, device_block: int = 0) -> dict[str, Any]:
    """The first line of a take log (without its type and version)."""
    return {
        "seed": start.seed,
        "model": model.sha256,
        "model_name": model.name,
        "model_path": str(Path(model.path).resolve()),
        "sample_rate": SAMPLE_RATE,
        "block": BLOCK,
        "device_block": device_block,
        "params": dict(start.params),
        "effects": list(start.effects),
        "look_ahead": start.look_ahead,
        "memory": None if start.memory is None else encode_memory(start.memory),
        "bank": [name for name, _ in model.sounds[:16]],
        "level_names": list(model.level_names),
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """What the samples of a take depend on beside its log, its models and the processor."""
    return {
        "distill_live": distill_live.__version__,
        "build": build(),
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
    }


@functools.cache
def build() -> str:
    """What identifies the code that makes the sound, whatever the version says: twelve digits of its digest."""
    digest = hashlib.sha256()
    package = Path(distill_live.__file__).parent
    for room in SOUNDING_ROOMS:
        for path in sorted((package / room).glob("*.py")):
            digest.update(path.read_bytes())
    for module in SOUNDING_MODULES:
        digest.update((package / module).read_bytes())
    return digest.hexdigest()[:12]


def start_of(take: Take) -> TakeStart:
    """The initial state a take's first line holds.

    Raises:
        TakeError: the line lacks something, or was made at another rate or block size.
    """
    head = take.header
    if head.get("sample_rate") != SAMPLE_RATE or head.get("block") != BLOCK:
        raise TakeError(
            f"the take was played at {head.get('sample_rate')} Hz in blocks of {head.get('block')}",
            fix=f"this program replays {SAMPLE_RATE} Hz in blocks of {BLOCK}",
        )
    seed, params = head.get("seed"), head.get("params", {})
    if not isinstance(seed, int) or isinstance(seed, bool) or not isinstance(params, dict):
        raise TakeError("the take's first line has no seed or no parameters", fix="restore the log")
    effects = head.get("effects", list(STANDARD_ORDER))
    if not isinstance(effects, list) or not all(isinstance(name, str) for name in effects):
        raise TakeError("the take's first line names no effects", fix="restore the log")
    look_ahead = head.get("look_ahead")
    if look_ahead is not None and (not isinstance(look_ahead, int) or isinstance(look_ahead, bool)):
        raise TakeError("the take's first line has an odd look_ahead", fix="restore the log")
    memory = head.get("memory")
    return TakeStart(seed, params, tuple(effects), look_ahead, None if memory is None else decode_memory(memory))


def without_missing(start: TakeStart) -> tuple[TakeStart, tuple[str, ...]]:
    """A beginning without the effects that are not installed any more, and their names; their values go with them."""
    gone = tuple(name for name in start.effects if name not in STANDARD_ORDER)
    params = {param_id: value for param_id, value in start.params.items() if not _of_missing(param_id)}
    effects = tuple(name for name in start.effects if name not in gone)
    return replace(start, params=params, effects=effects), gone


def take_without_missing(take: Take) -> tuple[Take, tuple[str, ...]]:
    """A take without the effects that are not installed any more, and their names.

    Raises:
        TakeError: as ``start_of``.
    """
    start, gone = without_missing(start_of(take))
    head = {**take.header, "params": dict(start.params), "effects": list(start.effects)}
    events = tuple(event for event in take.events if not _of_missing(param_id_of(event.address) or ""))
    return replace(take, header=head, events=events), gone


def _of_missing(param_id: str) -> bool:
    kind, _, rest = param_id.partition(".")
    return kind == "fx" and rest.partition(".")[0] not in STANDARD_ORDER


def encode_codes(codes: Codes) -> dict[str, Any]:
    """Codes as an asset's body."""
    data = base64.b64encode(zlib.compress(np.ascontiguousarray(codes, np.int16).astype("<i2").tobytes()))
    return {"kind": "codes", "shape": list(codes.shape), "data": data.decode()}


def decode_codes(body: dict[str, Any]) -> Codes:
    """An asset's body as codes int16 ``[W, H, Q]``.

    Raises:
        TakeError: it is not what ``encode_codes`` writes.

    >>> grid = np.arange(6, dtype=np.int16).reshape(3, 1, 2)
    >>> bool((decode_codes(encode_codes(grid)) == grid).all())
    True
    """
    try:
        shape = tuple(int(n) for n in body["shape"])
        size = int(np.prod(shape, dtype=np.int64))
        if len(shape) != 3 or not 0 < size <= MAX_CODES:
            raise ValueError
        raw = zlib.decompressobj().decompress(base64.b64decode(body["data"], validate=True), size * 2)
        return np.frombuffer(raw, "<i2").reshape(shape).astype(np.int16)
    except (KeyError, TypeError, ValueError, binascii.Error, zlib.error):
        raise TakeError("an asset of the take is damaged", fix="restore the log") from None


def encode_memory(memory: Memory) -> dict[str, Any]:
    """A performance's memory as plain JSON values."""
    return {
        "column": memory.column,
        "codes": encode_codes(memory.codes) if len(memory.codes) else None,
        "held": {str(level): codes.tolist() for level, codes in memory.held.items()},
        "frozen": None if memory.frozen is None else encode_codes(memory.frozen[None]),
    }


def decode_memory(body: Any) -> Memory:
    """What ``encode_memory`` wrote.

    Raises:
        TakeError: it is something else.
    """
    column = body.get("column") if isinstance(body, dict) else None
    if not isinstance(column, int) or isinstance(column, bool) or column < 0:
        raise TakeError("the take does not say where it goes on", fix="restore the log")
    codes, frozen = body.get("codes"), body.get("frozen")
    try:
        held = {int(level): np.array(values, np.int16) for level, values in (body.get("held") or {}).items()}
    except (AttributeError, OverflowError, TypeError, ValueError):
        raise TakeError("the take does not say what is held", fix="restore the log") from None
    return Memory(
        column,
        np.zeros((0, 1, 1), np.int16) if codes is None else decode_codes(codes),
        held,
        None if frozen is None else decode_codes(frozen)[0],
    )


def add_assets(performance: Performance, take: Take) -> None:
    """Give a performance every sound that the take holds.

    Raises:
        TakeError: an asset's content is not what its hash says.
    """
    for sha256, body in take.assets.items():
        if performance.add_asset(decode_codes(body)) != sha256:
            raise TakeError(f"the asset {sha256[:12]} of the take was changed", fix="restore the log")


def check_model(take: Take, model: Playable) -> None:
    """Say clearly when a take is replayed with another model than it was played with.

    Raises:
        DistillError: the hashes differ.
    """
    if take.header.get("model") != model.sha256:
        raise DistillError(
            f"the take was played with another model than {model.name} "
            f"({str(take.header.get('model'))[:12]}, not {model.sha256[:12]})",
            fix="give the right one with --model",
        )
