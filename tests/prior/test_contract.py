"""What every kind of prior promises (contract S for priors, and the states as values)."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import pytest
import torch

from distill_live.errors import ModelFileError
from distill_live.prior import transformer
from distill_live.prior.base import live_kinds, live_prior
from distill_live.prior.network import build_prior, prior_classes
from distill_live.prior.order import places
from distill_live.prior.sampling import Sampling, chooser


def forced(prior: Any, codes: Any, state: Any) -> tuple[Any, Any]:
    """Steps through ``codes [W, H, Q]``; the logits it was asked with ``[W, H, Q, K]``, and the last state."""
    asked = np.zeros((*codes.shape, prior.config.codebook_size), np.float32)
    for w, wanted in enumerate(codes):

        def choose(logits: Any, row: int, level: int, w: int = w, wanted: Any = wanted) -> int:
            asked[w, row, level] = logits
            return int(wanted[row, level])

        column, state = prior.step(state, choose)
        assert (column == wanted).all()
    return asked, state


def play(prior: Any, columns: int, state: Any = None, first: int = 0) -> tuple[Any, Any]:
    state = prior.initial_state() if state is None else state
    out = []
    for w in range(first, first + columns):
        column, state = prior.step(state, chooser(Sampling(), 7, w))
        out.append(column)
    return np.stack(out), state


def arrays(state: Any) -> list[Any]:
    """All arrays of a state, and of the states inside it."""
    values = [getattr(state, f.name) for f in fields(state)]
    inside = [array for v in values if is_dataclass(v) for array in arrays(v)]
    return [v for v in values if isinstance(v, np.ndarray)] + inside


def test_every_kind_has_cases(cases: Any) -> None:
    assert set(cases) == set(prior_classes()) == set(live_kinds())
    assert all({c.rows for c in configs} >= {1, 2, 8} for configs in cases.values())


def test_stepping_equals_the_whole(any_prior: Any, codes: Any) -> None:
    with torch.inference_mode():
        whole = any_prior.logits(torch.from_numpy(codes)[None])[0].numpy()
    asked, _ = forced(any_prior, codes, any_prior.initial_state())
    assert np.abs(asked - whole).max() <= 1e-4 * np.abs(whole).max()
    assert (asked.argmax(-1) == whole.argmax(-1)).all()


def test_prefill_equals_stepping_bit_for_bit(any_prior: Any, codes: Any) -> None:
    _, stepped = forced(any_prior, codes, any_prior.initial_state())
    filled = any_prior.prefill(codes, any_prior.initial_state())
    in_two = any_prior.prefill(codes[13:], any_prior.prefill(codes[:13], any_prior.initial_state()))
    for state in (filled, in_two):
        assert all((a == b).all() for a, b in zip(arrays(stepped), arrays(state), strict=True))


def test_a_kept_state_is_a_rewind_and_a_second_voice(any_prior: Any) -> None:
    first, kept = play(any_prior, 6)
    before = [a.copy() for a in arrays(kept)]
    once, _ = play(any_prior, 8, kept, first=6)
    any_prior.step(kept, lambda logits, row, level: 0)
    again, _ = play(any_prior, 8, kept, first=6)
    assert (once == again).all()
    assert all((a == b).all() for a, b in zip(before, arrays(kept), strict=True))
    assert (np.concatenate([first, once]) == play(any_prior, 14)[0]).all()


def test_a_state_cannot_be_changed(any_prior: Any) -> None:
    column, state = any_prior.step(any_prior.initial_state(), lambda logits, row, level: 1)
    for array in (column, *arrays(state), *arrays(any_prior.initial_state())):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def test_a_skimmed_column_leaves_a_state_like_any_other(any_prior: Any, codes: Any) -> None:
    live = any_prior.live()
    state = live.prefill(codes, live.initial_state())
    column, skimmed = live.skim(state, chooser(Sampling(), 7, 20))
    again, _ = live.skim(state, chooser(Sampling(), 7, 20))
    assert (column == again).all()
    assert (skimmed.last == column).all()
    for array in arrays(skimmed):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
    live.step(skimmed, chooser(Sampling(), 7, 21))


def test_prefill_keeps_nothing_of_the_callers_array(any_prior: Any, codes: Any) -> None:
    mine = codes.copy()
    state = any_prior.prefill(mine, any_prior.initial_state())
    mine[...] = 0
    assert (state.last == codes[-1]).all()


def test_codes_are_asked_for_rows_low_to_high_and_coarse_before_fine(any_prior: Any) -> None:
    asked: list[tuple[int, int]] = []
    any_prior.step(any_prior.initial_state(), lambda logits, row, level: asked.append((row, level)) or 0)
    assert tuple(asked) == places(any_prior.config.rows, any_prior.config.levels)


def test_the_future_is_not_heard(any_prior: Any, codes: Any) -> None:
    """Changing one code changes no logits before it, and some after it."""
    c = any_prior.config
    w, row, level = 9, c.rows - 1, 0
    other = codes.copy()
    other[w, row, level] = (other[w, row, level] + 1) % c.codebook_size
    with torch.inference_mode():
        a, b = (any_prior.logits(torch.from_numpy(g)[None])[0].flatten(0, 2) for g in (codes, other))
    place = (w * c.rows + row) * c.levels + level
    assert torch.equal(a[: place + 1], b[: place + 1])
    assert not torch.allclose(a[place + 1], b[place + 1])


def test_a_long_recording_is_heard_piece_by_piece_as_it_is_at_once(
    cases: Any, make_prior: Any, monkeypatch: Any
) -> None:
    for config in cases["transformer"]:
        prior = make_prior(config)
        codes = np.random.default_rng(1).integers(0, config.codebook_size, (50, config.rows, config.levels))
        at_once = prior.of_codes(codes.astype(np.int16))
        monkeypatch.setattr(transformer, "AT_ONCE", 7)
        np.testing.assert_allclose(prior.of_codes(codes.astype(np.int16)), at_once, rtol=1e-4)
        monkeypatch.undo()


def test_the_config_survives_the_model_file(any_prior: Any) -> None:
    again = build_prior(any_prior.config.to_json()).eval()
    again.load_state_dict(any_prior.state_dict())
    assert again.config == any_prior.config
    assert (play(any_prior, 10)[0] == play(again, 10)[0]).all()


def test_the_live_step_follows_the_weights(any_prior: Any, codes: Any) -> None:
    """Its numpy views must not be those of before training, nor of before a load."""
    if not list(any_prior.parameters()):
        pytest.skip("what counts has nothing to train")
    forced(any_prior, codes[:2], any_prior.initial_state())
    optimizer = torch.optim.SGD(any_prior.parameters(), lr=0.5)
    any_prior.train()
    any_prior.logits(torch.from_numpy(codes)[None]).square().mean().backward()
    optimizer.step()
    any_prior.eval()
    test_stepping_equals_the_whole(any_prior, codes)
    any_prior.load_state_dict({k: v * 0.7 for k, v in any_prior.state_dict().items()})
    test_stepping_equals_the_whole(any_prior, codes)
    any_prior.double().float()
    test_stepping_equals_the_whole(any_prior, codes)


def test_what_plays_from_a_file_is_what_was_trained_bit_for_bit(any_prior: Any) -> None:
    stored = {name: array.copy() for name, array in any_prior.weights().items()}
    again = live_prior(any_prior.config.to_json(), stored)
    assert (play(any_prior, 12)[0] == play(again, 12)[0]).all()


@pytest.mark.parametrize("kind", ["markov", "mixed"])
def test_counts_follow_what_is_loaded(cases: Any, make_prior: Any, kind: str) -> None:
    config = cases[kind][0]
    one, other = make_prior(config, seed=3), make_prior(config, seed=4)
    before = play(one, 40)[0]
    one.load_state_dict(other.state_dict())
    assert (play(one, 40)[0] == play(other, 40)[0]).all()
    assert (play(one, 40)[0] != before).any()


@pytest.mark.parametrize("damage", ["missing", "surplus", "reshaped", "integer"])
def test_weights_that_do_not_fit_are_one_sentence(any_prior: Any, damage: str) -> None:
    stored = dict(any_prior.weights())
    name = max(stored, key=lambda n: stored[n].size)
    weight = stored.pop(name)
    stored |= {
        "missing": {},
        "surplus": {name: weight, "surprise": weight},
        "reshaped": {name: weight.reshape(-1)},
        "integer": {name: weight.astype(np.int32)},
    }[damage]
    with pytest.raises(ModelFileError, match="prior"):
        live_prior(any_prior.config.to_json(), stored)


def test_codes_of_another_model_are_refused(any_prior: Any, codes: Any) -> None:
    start = any_prior.initial_state()
    with pytest.raises(ModelFileError, match="do not fit a codebook"):
        any_prior.prefill(codes + any_prior.config.codebook_size, start)
    with pytest.raises(ModelFileError, match="do not fit a prior of"):
        any_prior.prefill(codes[:, :, :1], start)


@pytest.mark.parametrize(
    "damage",
    [
        {"kind": "oracle"},
        {"kind": 7},
        {"hidden": 10**9},
        {"hidden": "256"},
        {"layers": True},
        {"dropout": float("nan")},
        {"rows": 0},
        {"rows": None},
        {"surprise": 1},
        {"kind": "transformer", "window": 4096, "width": 512, "layers": 12},
        {"kind": "markov", "columns": 10**9},
    ],
)
def test_a_damaged_config_is_one_sentence(damage: dict[str, Any], cases: Any) -> None:
    with pytest.raises(ModelFileError) as caught:
        build_prior({**cases["recurrent"][0].to_json(), **damage})
    assert str(caught.value).endswith(".")
