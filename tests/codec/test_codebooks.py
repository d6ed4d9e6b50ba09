"""The live quantiser is the training library's quantiser, without the library."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from vector_quantize_pytorch import ResidualVQ

from distill_live.codec.codebooks import MUTED, Codebooks


def _library(levels: int, size: int, dim: int) -> tuple[ResidualVQ, Codebooks]:
    torch.manual_seed(levels * size)
    rvq = ResidualVQ(dim=dim, num_quantizers=levels, codebook_size=size).eval()
    for level, layer in enumerate(rvq.layers):
        layer._codebook.embed.normal_(std=0.5**level)
    return rvq, Codebooks(rvq.codebooks.numpy())


def _decoded(rvq: ResidualVQ, codes: np.ndarray) -> np.ndarray:
    found: np.ndarray = rvq.get_output_from_indices(torch.from_numpy(codes.astype(np.int64))[None])[0].numpy()
    return found


@pytest.mark.parametrize(("levels", "size", "dim"), [(2, 16, 8), (3, 64, 16), (4, 256, 32)])
def test_codes_and_vectors_are_those_of_the_library(levels: int, size: int, dim: int) -> None:
    rvq, books = _library(levels, size, dim)
    latents = torch.randn(4000, dim)
    with torch.no_grad():
        _, wanted, _ = rvq(latents[None])
    codes = books.encode(latents.numpy())
    assert (codes == wanted[0].numpy()).all(-1).mean() >= 0.999
    assert codes.shape == (4000, levels)
    assert codes.dtype == np.int16
    assert np.array_equal(books.decode(codes), _decoded(rvq, codes))


def test_a_muted_level_adds_nothing_as_in_the_library() -> None:
    rvq, books = _library(3, 16, 8)
    codes = np.random.default_rng(0).integers(0, 16, (50, 3))
    codes[::2, 1] = MUTED
    codes[::3, 2] = MUTED
    assert np.array_equal(books.decode(codes), _decoded(rvq, codes))
    assert not books.decode(np.full((1, 3), MUTED)).any()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_each_level_chooses_the_nearest_code_to_what_is_left(seed: int) -> None:
    rng = np.random.default_rng(seed)
    books = Codebooks(rng.standard_normal((3, 8, 4)))
    latents = rng.standard_normal((20, 4)).astype(np.float32)
    left = latents
    for level, code in enumerate(books.encode(latents).T):
        distances = np.linalg.norm(left[:, None] - books.vectors[level][None], axis=-1)
        assert np.allclose(distances[np.arange(20), code], distances.min(-1), atol=1e-5)
        left = left - books.vectors[level][code]


def test_the_vectors_cannot_be_changed() -> None:
    books = Codebooks(np.zeros((2, 4, 3)))
    with pytest.raises(ValueError, match="read-only"):
        books.vectors[0, 0, 0] = 1.0


def test_a_code_that_is_no_entry_is_an_error() -> None:
    with pytest.raises(IndexError):
        Codebooks(np.zeros((2, 4, 3))).decode(np.array([[0, 4]]))
