"""The live quantiser is the training library's quantiser, without the library."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from vector_quantize_pytorch import ResidualVQ

from distill_live.codec.codebooks import MUTED, Codebooks, blend


def _library(levels: int, size: int, dim: int) -> tuple[ResidualVQ, Codebooks]:
    torch.manual_seed(levels * size)
    rvq = ResidualVQ(dim=dim, num_quantizers=levels, codebook_size=size).eval()
    for level, layer in enumerate(rvq.layers):
        layer._codebook.embed.normal_(std=0.5**level)
    return rvq, Codebooks(rvq.codebooks)


@pytest.mark.parametrize(("levels", "size", "dim"), [(2, 16, 8), (3, 64, 16), (4, 256, 32)])
def test_codes_and_vectors_are_those_of_the_library(levels: int, size: int, dim: int) -> None:
    rvq, books = _library(levels, size, dim)
    latents = torch.randn(4000, dim)
    with torch.no_grad():
        _, wanted, _ = rvq(latents[None])
        codes = books.encode(latents)
        assert (codes == wanted[0]).all(-1).float().mean() >= 0.999
        assert codes.shape == (4000, levels)
        assert codes.dtype == torch.int64
        assert torch.equal(books.decode(codes), rvq.get_output_from_indices(codes[None])[0])


def test_a_muted_level_adds_nothing_as_in_the_library() -> None:
    rvq, books = _library(3, 16, 8)
    codes = torch.randint(0, 16, (50, 3))
    codes[::2, 1] = MUTED
    codes[::3, 2] = MUTED
    assert torch.equal(books.decode(codes), rvq.get_output_from_indices(codes[None])[0])
    assert float(books.decode(torch.full((1, 3), MUTED)).abs().max()) == 0.0


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_each_level_chooses_the_nearest_code_to_what_is_left(seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    books = Codebooks(torch.randn(3, 8, 4, generator=random))
    latents = torch.randn(20, 4, generator=random)
    left = latents
    for level, code in enumerate(books.encode(latents).T):
        distances = (left[:, None] - books.vectors[level][None]).norm(dim=-1)
        chosen = distances.gather(1, code[:, None])[:, 0]
        assert torch.allclose(chosen, distances.min(-1).values, atol=1e-5)
        left = left - books.vectors[level][code]
    assert torch.allclose(books.distance(latents), left.norm(dim=-1), atol=1e-5)


def test_the_levels_add_up() -> None:
    _, books = _library(3, 16, 8)
    codes = torch.randint(0, 16, (5, 3))
    assert torch.equal(books.decode_levels(codes).sum(0), books.decode(codes))


def test_a_code_that_is_no_entry_is_an_error() -> None:
    with pytest.raises(IndexError):
        Codebooks(torch.zeros(2, 4, 3)).decode(torch.tensor([[0, 4]]))


def test_a_blend_is_exact_at_both_ends_and_straight_between() -> None:
    first, second = torch.randn(6, 16), torch.randn(6, 16)
    assert torch.equal(blend(first, second, 0.0), first)
    assert torch.equal(blend(first, second, 1.0), second)
    assert torch.allclose(blend(first, second, 0.25), first + 0.25 * (second - first))
