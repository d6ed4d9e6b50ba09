"""The quantiser that learns: ``vector_quantize_pytorch.ResidualVQ`` behind what we checked of it.

The library is imported when a wrapper is made, never when this module is, so that the engine does without it.
Knows nothing of mels or grids: vectors ``[B, N, D]`` in, codes and vectors out. Training thread only.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from distill_live.codec.codebooks import Codebooks
from distill_live.codec.config import VECTORS_PER_CODE, VQVAEConfig
from distill_live.codec.kmeans import residual_kmeans
from distill_live.errors import TrainingError

DEAD_SHARE = 0.1  # a code used by less than this share of its fair part of a batch is dead


class QuantizerWrapper(nn.Module):
    """Residual quantisation with codebooks that follow the data (EMA) and dead codes that are replaced.

    In ``train()`` every forward moves the codebooks; in ``eval()`` nothing does. The library's own k-means, which
    would run on whatever comes first, is off: ``initialise`` does it on the whole corpus.
    """

    initialised: Tensor

    def __init__(self, config: VQVAEConfig) -> None:
        from vector_quantize_pytorch import ResidualVQ  # heavy: only training pays for it

        super().__init__()
        self.config = config
        self.rvq = ResidualVQ(
            dim=config.codebook_dim,
            num_quantizers=config.levels,
            codebook_size=config.codebook_size,
            commitment_weight=config.commitment_weight,
            decay=config.decay,
            kmeans_init=False,
            threshold_ema_dead_code=DEAD_SHARE,  # above 0 switches the rule on; forward sets the real threshold
        )
        self.register_buffer("initialised", torch.tensor(False))
        seed = torch.Generator().manual_seed(0)
        size = (config.levels, config.codebook_size, config.codebook_dim)
        self._fill(torch.randn(size, generator=seed), torch.ones(size[:2]))

    @torch.no_grad()
    def initialise(self, latents: Tensor, seed: int = 0) -> None:
        """Set the codebooks by k-means, level by level, on the latents of the whole corpus.

        Args:
            latents: ``[N, D]``, at least 20 for each code.
            seed: of the k-means.

        Raises:
            TrainingError: when there are too few vectors.
        """
        needed = VECTORS_PER_CODE * self.config.codebook_size
        if len(latents) < needed:
            raise TrainingError(
                f"{len(latents)} latents are too few for {self.config.codebook_size} codes, {needed} are needed",
                fix="add recordings or choose a smaller codebook",
            )
        vectors, counts = residual_kmeans(latents, self.config.levels, self.config.codebook_size, seed)
        self._fill(vectors, counts / len(latents))
        self.initialised.fill_(True)

    def forward(self, latents: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Quantise ``[B, N, D]``: vectors ``[B, N, D]``, codes int64 ``[B, N, Q]``, the commitment loss (a scalar).

        The loss is multiplied by the commitment weight already, and is 0 in ``eval``.
        """
        self._set_dead_threshold(latents.shape[0] * latents.shape[1])
        vectors, codes, losses = self.rvq(latents)
        return vectors, codes, losses.sum()

    def codebooks(self) -> Codebooks:
        """The codebooks as plain tensors ``[Q, K, D]``, for the live path and the model file."""
        return Codebooks(torch.stack([layer._codebook.embed[0] for layer in self.rvq.layers]).clone())

    def load_codebooks(self, books: Codebooks) -> None:
        """Take codebooks from a model file."""
        self._fill(books.vectors, torch.ones(books.vectors.shape[:2]))
        self.initialised.fill_(True)

    def _fill(self, vectors: Tensor, share: Tensor) -> None:
        """Set all codebooks; ``share``: how much of the data each code stands for, ``[Q, K]``."""
        for layer, level_vectors, level_share in zip(self.rvq.layers, vectors, share, strict=True):
            book = layer._codebook
            book.embed.copy_(level_vectors[None])
            book.cluster_size.copy_(level_share[None])
            book.embed_avg.copy_((level_vectors * level_share[:, None])[None])

    def _set_dead_threshold(self, vectors: int) -> None:
        """The library's threshold is an absolute count: make it relative to the batch."""
        fair = vectors / self.config.codebook_size
        for layer in self.rvq.layers:
            layer._codebook.threshold_ema_dead_code = DEAD_SHARE * fair
            layer._codebook.reset_cluster_size = fair
