"""The sound that our own code makes for vocoders: the same each time, whole, heard, and of many kinds."""

from __future__ import annotations

import numpy as np
import pytest

from distill_live.audio.broad_sound import _LAYERS, broad_sound


def test_a_scene_is_a_function_of_its_number_and_the_seed():
    assert np.array_equal(broad_sound(5, 0.5, seed=2), broad_sound(5, 0.5, seed=2))
    assert not np.array_equal(broad_sound(5, 0.5, seed=2), broad_sound(5, 0.5, seed=3))
    assert not np.array_equal(broad_sound(5, 0.5), broad_sound(6, 0.5))


def test_scenes_are_finite_heard_and_below_full_scale():
    for number in range(8):
        scene = broad_sound(number, 0.7)
        assert scene.dtype == np.float32
        assert scene.shape == (33600,)
        assert np.isfinite(scene).all()
        assert 0.1 < np.abs(scene).max() < 0.9


@pytest.mark.parametrize("layer", dict.fromkeys(_LAYERS), ids=lambda layer: layer.__name__)
@pytest.mark.parametrize("seed", [0, 1])
def test_every_kind_of_layer_sounds(layer, seed):
    sound = layer(30_000, np.random.default_rng(seed))
    assert sound.shape == (30_000,)
    assert np.isfinite(sound).all()
    assert np.abs(sound).max() > 0.0
