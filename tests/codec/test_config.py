"""Configurations: the rule for codebook sizes, the names of levels, and what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distill_live.codec.config import GRIDS, Grid, VQVAEConfig, get_adaptive_vqvae_config, level_names
from distill_live.errors import ModelFileError, UsageError


@pytest.mark.parametrize(("files", "size"), [(1, 64), (5, 64), (20, 64), (21, 128), (100, 128), (101, 256), (500, 256)])
def test_the_codebook_follows_the_number_of_files(files: int, size: int) -> None:
    assert get_adaptive_vqvae_config(files).codebook_size == size


@given(st.integers(1, 600), st.integers(1, 100_000))
def test_with_the_vectors_known_every_code_has_twenty_of_them(files: int, vectors: int) -> None:
    size = get_adaptive_vqvae_config(files, vectors).codebook_size
    by_files = get_adaptive_vqvae_config(files).codebook_size
    assert size >= 16
    assert size & (size - 1) == 0
    assert size <= by_files
    assert size == 16 or size * 20 <= vectors
    assert size == by_files or size * 2 * 20 > vectors, "a larger power of two would have done"


def test_twenty_six_short_strokes_get_the_codes_their_columns_allow() -> None:
    assert get_adaptive_vqvae_config(26, vectors=749).codebook_size == 32


def test_a_power_user_overrides_the_rule() -> None:
    config = get_adaptive_vqvae_config(5, vectors=400, levels=4, grid="bands", codebook_size=256)
    assert (config.codebook_size, config.levels, config.grid) == (256, 4, GRIDS["bands"])


def test_the_levels_have_their_names_and_the_user_can_rename_them() -> None:
    assert level_names(2) == ("Structure", "Detail")
    assert level_names(3) == ("Structure", "Timbre", "Detail")
    assert level_names(4) == ("Structure", "Timbre", "Texture", "Detail")
    assert VQVAEConfig(levels=2, names=("Low", "High")).names == ("Low", "High")


def test_grids_have_the_rates_of_the_model_page() -> None:
    shapes = {name: (grid.rows, grid.frames_per_column) for name, grid in GRIDS.items()}
    assert shapes == {"reference": (8, 16), "bands": (2, 8), "frames": (1, 4)}


@pytest.mark.parametrize(
    "fields",
    [
        {"levels": 1},
        {"levels": 5},
        {"levels": True},
        {"codebook_size": 100},
        {"codebook_size": 8},
        {"codebook_dim": 0},
        {"channels": 10**9},
        {"commitment_weight": float("nan")},
        {"decay": 1.0},
        {"floor_db": 0.0},
        {"n_mels": 100},
        {"grid": "tiles"},
        {"names": ("only one",)},
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(fields: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"\w.*\.$"):
        VQVAEConfig(**fields)


def test_a_corpus_without_files_has_no_configuration() -> None:
    with pytest.raises(UsageError):
        get_adaptive_vqvae_config(0)


@given(
    st.sampled_from([*GRIDS.values(), Grid("mine", 4, 32)]), st.sampled_from([2, 3, 4]), st.sampled_from([16, 64, 512])
)
def test_a_config_survives_json(grid: Grid, levels: int, size: int) -> None:
    config = VQVAEConfig(grid=grid, levels=levels, codebook_size=size)
    assert VQVAEConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


def _damaged(**changes: Any) -> dict[str, Any]:
    return {**VQVAEConfig().to_json(), **changes}


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"levels": 3},
        _damaged(extra=1),
        _damaged(levels="3"),
        _damaged(levels=[3]),
        _damaged(grid="frames; rm"),
        _damaged(grid={"name": "x", "rows": 3, "frames_per_column": 4}),
        _damaged(grid={"name": "x", "rows": 1, "frames_per_column": 10**9}),
        _damaged(grid={"name": 5, "rows": 1, "frames_per_column": 4}),
        _damaged(names=7),
        _damaged(names=[1, 2, 3]),
        _damaged(n_mels=10**12),
        _damaged(codebook_size=-64),
    ],
)
def test_a_damaged_or_hostile_config_is_one_sentence(data: object) -> None:
    with pytest.raises(ModelFileError):
        VQVAEConfig.from_json(data)


def test_the_configuration_needs_no_torch_and_the_live_parts_need_no_training_library() -> None:
    code = (
        "import sys; import distill_live.codec.config; assert 'torch' not in sys.modules\n"
        "from distill_live.codec.model import VQDecoder, VQEncoder; import distill_live.codec.codebooks\n"
        "c = distill_live.codec.config.VQVAEConfig(channels=8); VQDecoder(c), VQEncoder(c)\n"
        "assert not {'vector_quantize_pytorch', 'torchaudio'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
