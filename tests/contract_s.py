"""Contract S, proved for one process: steps equal the whole, to the bit at the live step size, and states are values.

A room lists its processes in ``tests/<room>/cases_contract_s.py``::

    from tests.contract_s import StreamingCase

    CASES = (StreamingCase(make=lambda: Delay(3), signal=lambda: np.random.default_rng(0).random(64)),)

and ``tests/test_contract_s.py`` walks every concrete class and fails for one that no room has listed.
Works on numpy arrays and torch tensors alike; needs neither.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from distill_live.streaming import Streaming

RELATIVE_TOLERANCE = 1e-4
_PARTITIONS = ((1,), (2, 1, 3), (5, 1))  # step sizes in blocks, taken in turn until the signal ends


@dataclass(frozen=True)
class StreamingCase:
    """One process to prove, and a signal to prove it with.

    Attributes:
        make: builds the process, the same each time (seed what is random).
        signal: the input, a multiple of ``block`` long on ``in_axis``; twelve blocks or more, not silence.
        in_axis, out_axis: where time is in the input and in the output.
        live_blocks: blocks in a live step.
    """

    make: Callable[[], Streaming[Any, Any, Any]]
    signal: Callable[[], Any]
    in_axis: int = -1
    out_axis: int = -1
    live_blocks: int = 1

    def check(self) -> None:
        """Raise AssertionError where the contract is broken."""
        check_contract_s(
            self.make(),
            self.signal(),
            in_axis=self.in_axis,
            out_axis=self.out_axis,
            live_blocks=self.live_blocks,
        )


def check_contract_s(
    process: Streaming[Any, Any, Any], signal: Any, *, in_axis: int = -1, out_axis: int = -1, live_blocks: int = 1
) -> None:
    """Prove the contract for one process on one signal.

    Raises:
        AssertionError: saying which promise is broken.
    """
    steps = signal.shape[in_axis]
    assert steps % process.block == 0, f"{steps} steps are no multiple of the block, {process.block}"
    assert steps >= 12 * process.block, "give twelve blocks or more"
    whole = as_array(process.forward(signal))
    assert np.abs(whole).max() > 0, "the output is silent: this signal proves nothing"
    for partition in _PARTITIONS:
        pieces = cut(signal, partition, process.block, in_axis)
        _check_equals_whole(joined(run(process, pieces)[0], out_axis), whole, process.latency, out_axis, partition)
    live = cut(signal, (live_blocks,), process.block, in_axis)
    _check_bits(process, live, out_axis)
    _check_states_are_values(process, live)


def run(process: Streaming[Any, Any, Any], pieces: Iterable[Any], state: Any = None) -> tuple[list[Any], list[Any]]:
    """Outputs and the states after each piece, from ``state`` on (from the beginning when None)."""
    state = process.initial_state() if state is None else state
    outputs, states = [], []
    for piece in pieces:
        output, state = process.step(piece, state)
        outputs.append(output)
        states.append(state)
    return outputs, states


def cut(signal: Any, partition: Sequence[int], block: int, axis: int) -> list[Any]:
    """The signal in pieces of ``partition`` blocks, taken in turn until it ends."""
    pieces, start, turn = [], 0, 0
    while start < signal.shape[axis]:
        stop = min(start + partition[turn % len(partition)] * block, signal.shape[axis])
        pieces.append(along(signal, axis, start, stop))
        start, turn = stop, turn + 1
    return pieces


def along(array: Any, axis: int, start: int, stop: int) -> Any:
    """``array[start:stop]`` on one axis."""
    index = [slice(None)] * array.ndim
    index[axis] = slice(start, stop)
    return array[tuple(index)]


def joined(outputs: Sequence[Any], axis: int) -> np.ndarray:
    return np.concatenate([as_array(output) for output in outputs], axis)


def as_array(value: Any) -> np.ndarray:
    """A numpy array of an array or a tensor."""
    return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)


def same_bits(first: Any, second: Any) -> bool:
    """Whether two states (or outputs) are bit for bit the same, however they are nested."""
    if isinstance(first, (tuple, list)):
        return len(first) == len(second) and all(map(same_bits, first, second))
    if dataclasses.is_dataclass(first):
        return all(same_bits(getattr(first, f.name), getattr(second, f.name)) for f in dataclasses.fields(first))
    if hasattr(first, "shape"):
        return as_array(first).tobytes() == as_array(second).tobytes() and first.shape == second.shape
    return bool(first == second)


def _check_equals_whole(
    stepped: np.ndarray, whole: np.ndarray, latency: int, axis: int, partition: Sequence[int]
) -> None:
    late = along(stepped, axis, latency, stepped.shape[axis])
    wanted = along(whole, axis, 0, late.shape[axis])
    assert late.shape[axis] > 0, f"the signal is shorter than the latency, {latency}"
    assert late.shape == wanted.shape, f"steps of {partition} blocks give {late.shape}, forward gives {whole.shape}"
    error = float(np.abs(late - wanted).max() / np.abs(whole).max())
    assert error <= RELATIVE_TOLERANCE, f"steps of {partition} blocks differ from the whole by {error:.1e}"


def _check_bits(process: Streaming[Any, Any, Any], live: Sequence[Any], axis: int) -> None:
    """Live steps give the same bits again: from the beginning, and from a state kept half-way."""
    first, states = run(process, live)
    again, _ = run(process, live)
    assert same_bits(first, again), "the same live steps gave other bits the second time"
    half = len(live) // 2
    resumed, _ = run(process, live[half:], states[half - 1])
    assert same_bits(first[half:], resumed), "a kept state did not lead to the same bits again"


def _check_states_are_values(process: Streaming[Any, Any, Any], live: Sequence[Any]) -> None:
    """No step changes the state or the input it is given, nor an earlier output or state."""
    state = process.initial_state()
    kept: list[tuple[str, Any, Any]] = [("initial state", state, copy.deepcopy(detached(state)))]
    for piece in live:
        kept.append(("input", piece, copy.deepcopy(detached(piece))))
        output, state = process.step(piece, state)
        kept.append(("output", output, copy.deepcopy(detached(output))))
        kept.append(("state", state, copy.deepcopy(detached(state))))
    for number, (what, value, copied) in enumerate(kept):
        assert same_bits(detached(value), copied), f"a later step changed the {what} of step {number // 3}"


def detached(value: Any) -> Any:
    """The value without its gradient graph, which cannot be copied; memory is still shared."""
    if isinstance(value, (tuple, list)):
        return tuple(detached(part) for part in value)
    return value.detach() if hasattr(value, "detach") else value
