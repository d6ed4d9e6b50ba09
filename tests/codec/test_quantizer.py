"""The learning quantiser keeps what was checked of the library: when it begins, when it moves, what it costs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from distill_live.codec.config import VQVAEConfig
from distill_live.codec.kmeans import kmeans, residual_kmeans
from distill_live.codec.quantizer import QuantizerWrapper
from distill_live.errors import TrainingError

CONFIG = VQVAEConfig(codebook_size=16, codebook_dim=4, channels=8)


def _latents(count: int, seed: int = 0) -> Tensor:
    """Clusters with some width, as latents are."""
    random = torch.Generator().manual_seed(seed)
    centres = torch.randn(24, 4, generator=random) * 3.0
    which = torch.randint(24, (count,), generator=random)
    return centres[which] + 0.3 * torch.randn(count, 4, generator=random)


def _ready() -> QuantizerWrapper:
    quantiser = QuantizerWrapper(CONFIG)
    quantiser.initialise(_latents(2000))
    return quantiser


def test_it_refuses_before_it_has_codebooks_even_in_eval() -> None:
    for quantiser in (QuantizerWrapper(CONFIG).train(), QuantizerWrapper(CONFIG).eval()):
        with pytest.raises(TrainingError, match="no codebooks yet; call initialise"):
            quantiser(_latents(100)[None])


def test_twenty_vectors_a_code_are_needed() -> None:
    with pytest.raises(TrainingError, match="319 latents are too few for 16 codes, 320 are needed"):
        QuantizerWrapper(CONFIG).initialise(_latents(319))
    QuantizerWrapper(CONFIG).initialise(_latents(320))


def books_of(quantiser: QuantizerWrapper) -> torch.Tensor:
    """The codebooks as a tensor ``[Q, K, D]``."""
    return torch.from_numpy(quantiser.codebooks().vectors.copy())


def test_silence_first_does_not_set_the_codebooks() -> None:
    """The library's own k-means runs on whatever comes first; zeros made every code zero."""
    quantiser = _ready()
    before = books_of(quantiser)
    quantiser.eval()(torch.zeros(1, 64, 4))
    assert torch.equal(before, books_of(quantiser))
    assert (before.std(1) > 0.01).all(), "all levels hold different codes"


def test_the_deeper_levels_do_not_collapse() -> None:
    quantiser = _ready().eval()
    _, codes, _ = quantiser(_latents(2000)[None])
    used = [len(codes[..., level].unique()) for level in range(3)]
    assert min(used) >= 14
    left = [_latents(2000)]
    for level in range(3):
        left.append(left[-1] - books_of(quantiser)[level][codes[0, :, level]])
    energies = [float(rest.square().mean()) for rest in left]
    assert energies == sorted(energies, reverse=True)
    assert energies[3] < 0.02 * energies[0]


def test_eval_freezes_and_train_moves_even_without_gradients() -> None:
    quantiser = _ready().eval()
    before = books_of(quantiser)
    with torch.no_grad():
        quantiser(_latents(400, seed=1)[None])
        assert torch.equal(before, books_of(quantiser))
        quantiser.train()(_latents(400, seed=1)[None])
    assert not torch.equal(before, books_of(quantiser))


def test_the_commitment_is_weighted_once() -> None:
    quantiser, latents = _ready().train(), _latents(400, seed=1)[None]
    left, wanted = latents[0], 0.0
    for level in books_of(quantiser):
        nearest = level[torch.cdist(left, level).argmin(-1)]
        wanted += 0.25 * float((left - nearest).square().mean())
        left = left - nearest
    assert float(quantiser(latents)[2].detach()) == pytest.approx(wanted, rel=1e-3)
    assert float(quantiser.eval()(latents)[2].detach()) == 0.0


def test_dead_codes_are_replaced_and_living_ones_are_left_alone() -> None:
    """An absolute threshold of 2 replaced 53 to 76 % of the codes at every step; relative, a healthy book stays."""
    quantiser = _ready().train()
    torch.manual_seed(0)
    with torch.no_grad():
        for _ in range(30):
            quantiser(_latents(192, seed=0)[None])
        before = books_of(quantiser)
        quantiser(_latents(192, seed=0)[None])
        moved = (books_of(quantiser) - before).norm(dim=-1) > 0.5
        assert moved.float().mean() < 0.1
        quantiser.rvq.layers[0]._codebook.embed[0, 3] = 1000.0  # nobody comes near it any more
        quantiser.rvq.layers[0]._codebook.embed_avg[0, 3] = 1000.0
        quantiser.rvq.layers[0]._codebook.cluster_size[0, 3] = 0.01
        quantiser(_latents(192, seed=0)[None])
    assert float(books_of(quantiser)[0, 3].abs().max()) < 20.0


def test_what_it_gives_is_what_the_live_codebooks_give() -> None:
    quantiser = _ready().eval()
    latents = _latents(3000, seed=2)
    vectors, codes, _ = quantiser(latents[None])
    books = quantiser.codebooks()
    assert (books.encode(latents.numpy()) == codes[0].numpy()).all(-1).mean() >= 0.999
    assert np.allclose(books.decode(codes[0].numpy()), vectors[0].numpy(), atol=1e-5)


def test_levels_are_muted_and_taken_from_other_items_of_the_batch() -> None:
    quantiser = _ready().train()
    latents = torch.stack([_latents(50, seed=1), _latents(50, seed=2)])
    books = quantiser.codebooks()
    sources = torch.tensor([[0, 1, -1], [1, 1, 1]])
    vectors, codes, _ = quantiser(latents, sources, frozen=True)
    put_together = torch.stack([codes[0, :, 0], codes[1, :, 1], torch.full((50,), -1)], dim=-1)
    assert np.allclose(vectors[0].detach(), books.decode(put_together.numpy()), atol=1e-5)
    assert np.allclose(vectors[1].detach(), books.decode(codes[1].numpy()), atol=1e-5)
    assert torch.equal(codes, quantiser(latents, frozen=True)[1]), "the codes are those of the items as they are"


def test_the_encoder_learns_only_where_its_own_coarse_levels_are_heard() -> None:
    quantiser = _ready().train()
    latents = torch.stack([_latents(50, seed=seed) for seed in range(5)]).requires_grad_()
    sources = torch.tensor([[0, 0, 0], [1, 1, -1], [-1, 2, 2], [-1, -1, 3], [4, 0, 0]])
    quantiser(latents, sources, frozen=True)[0].sum().backward()
    assert latents.grad is not None
    assert latents.grad.abs().sum((1, 2)).gt(0).tolist() == [True, True, False, False, False]


def test_codebooks_travel_through_a_state_dict_and_through_a_model_file() -> None:
    first = _ready().eval()
    second, third = QuantizerWrapper(CONFIG).eval(), QuantizerWrapper(CONFIG).eval()
    second.load_state_dict(first.state_dict())
    third.load_codebooks(first.codebooks())
    wanted = first(_latents(100)[None])[1]
    assert torch.equal(second(_latents(100)[None])[1], wanted)
    assert torch.equal(third(_latents(100)[None])[1], wanted)
    assert second.trained
    assert third.trained


def test_kmeans_finds_separate_clusters_and_is_the_same_for_the_same_seed() -> None:
    centres = torch.eye(8) * 10.0
    vectors = centres.repeat(50, 1) + 0.01 * torch.randn(400, 8, generator=torch.Generator().manual_seed(0))
    first, counts = residual_kmeans(vectors, 2, 16, seed=3)
    assert torch.cdist(centres, first[0]).min(-1).values.max() < 0.1
    assert counts.sum(-1).tolist() == [400.0, 400.0]
    assert torch.equal(first, residual_kmeans(vectors, 2, 16, seed=3)[0])


def test_kmeans_survives_vectors_that_are_all_the_same() -> None:
    assert torch.isfinite(kmeans(torch.ones(400, 4), 16, torch.Generator().manual_seed(0))).all()
