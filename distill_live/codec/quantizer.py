"""The quantiser that learns: ``vector_quantize_pytorch.ResidualVQ`` behind what we checked of it.

The library is imported when a wrapper is made, never when this module is, so that the engine does without it.
Knows nothing of mels or grids: vectors ``[B, N, D]`` in, codes and vectors out. Training thread only.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from distill_live.codec.codebooks import Codebooks
from distill_live.codec.config import DEAD_SHARE, VECTORS_PER_CODE, VQVAEConfig
from distill_live.codec.kmeans import residual_kmeans
from distill_live.errors import TrainingError

_NOWHERE, _RANDOM, _FRESH, _MOVING = range(4)  # codebooks: none, meaningless, set from data, following the data


class QuantizerWrapper(nn.Module):
    """Residual quantisation with codebooks that follow the data (EMA) and dead codes that are replaced.

    In ``train()`` every forward moves the codebooks; in ``eval()`` nothing does. The library's own k-means, which
    would run on whatever comes first, is off: ``initialise`` does it on the whole corpus, and before codebooks have
    come from somewhere ``forward`` refuses.
    """

    origin: Tensor

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
            sync_codebook=False,  # in a team the first one's codebooks are everybody's (training.team)
            threshold_ema_dead_code=DEAD_SHARE,  # above 0 switches the rule on; forward sets the real threshold
        )
        self.register_buffer("origin", torch.tensor(_NOWHERE))
        self._spoken: list[Tensor] = []

    @property
    def trained(self) -> bool:
        """Whether the codebooks come from data."""
        return int(self.origin) >= _FRESH

    def fill_randomly(self, seed: int = 0) -> None:
        """Codebooks of the right shape that mean nothing: they do not learn, and ``initialise`` replaces them."""
        size = (self.config.levels, self.config.codebook_size, self.config.codebook_dim)
        vectors = torch.randn(size, generator=torch.Generator().manual_seed(seed))
        self._fill(vectors, torch.ones(size[:2]), _RANDOM)

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
        self._fill(vectors, counts / counts.mean(), _FRESH)

    def forward(
        self, latents: Tensor, sources: Tensor | None = None, frozen: bool = False
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Quantise ``[B, N, D]``: vectors ``[B, N, D]``, codes int64 ``[B, N, Q]``, the commitment loss (a scalar).

        The loss is multiplied by the commitment weight already, and is 0 in ``eval``.

        Args:
            latents: to be quantised.
            sources: int64 ``[B, Q]``: which item of the batch each level of an item comes from, -1 for none (muted);
                None for each its own. Codes and loss are those of the items as they are. The encoder learns from an
                item only where its own levels are heard from the coarsest on: there the sum is near the latent.
            frozen: the codebooks do not follow the data, in ``train()`` neither.

        Raises:
            TrainingError: when there are no codebooks yet.
        """
        if int(self.origin) == _NOWHERE:
            raise TrainingError("the quantiser has no codebooks yet", fix="call initialise with the corpus's latents")
        self._adapt_to_batch(latents.shape[0] * latents.shape[1])
        self._spoken = [layer._codebook.embed[0].clone() for layer in self.rvq.layers]  # it moves while it looks
        vectors, codes, losses = self.rvq(latents, freeze_codebook=frozen or not self.trained)
        if sources is not None:
            vectors = self._replaced(latents, vectors, codes, sources)
        return vectors, codes, losses.sum()

    @torch.no_grad()
    def sums(self, codes: Tensor, sources: Tensor) -> Tensor:
        """Vectors ``[n, N, D]`` of ``n`` items put together from the levels of codes ``[B, N, Q]``.

        Args:
            codes: of a batch, as the last ``forward`` gave them.
            sources: int64 ``[n, Q]``, as ``forward`` takes them.
        """
        total = torch.zeros((len(sources), codes.shape[1], self.config.codebook_dim), device=codes.device)
        for level, book in enumerate(self._spoken):
            source = sources[:, level]
            chosen = book[codes[source.clamp_min(0), :, level]]
            total += torch.where((source >= 0)[:, None, None], chosen, 0.0)
        return total

    def _replaced(self, latents: Tensor, vectors: Tensor, codes: Tensor, sources: Tensor) -> Tensor:
        own = sources == torch.arange(len(sources), device=sources.device)[:, None]
        muted = sources < 0
        sums = self.sums(codes, sources)
        prefix = (own | muted).all(dim=1) & ~(muted[:, :-1] & own[:, 1:]).any(dim=1)
        sums = torch.where(prefix[:, None, None], latents + (sums - latents).detach(), sums)  # straight through
        return torch.where(own.all(dim=1)[:, None, None], vectors, sums)

    def codebooks(self) -> Codebooks:
        """The codebooks as plain arrays ``[Q, K, D]``, for the live path and the model file."""
        return Codebooks(torch.stack([layer._codebook.embed[0] for layer in self.rvq.layers]).detach().cpu().numpy())

    def load_codebooks(self, books: Codebooks) -> None:
        """Take codebooks from a model file."""
        vectors = torch.from_numpy(books.vectors.copy())
        self._fill(vectors, torch.ones(vectors.shape[:2]), _FRESH)

    def _fill(self, vectors: Tensor, counts: Tensor, origin: int) -> None:
        """Set all codebooks; ``counts``: how often each code is used, 1 on average, ``[Q, K]``."""
        for layer, level_vectors, level_counts in zip(self.rvq.layers, vectors, counts, strict=True):
            book = layer._codebook
            book.embed.copy_(level_vectors[None])
            book.cluster_size.copy_(level_counts[None])
            book.embed_avg.copy_((level_vectors * level_counts[:, None])[None])
        self.origin.fill_(origin)

    def _adapt_to_batch(self, vectors: int) -> None:
        """Say in the library's absolute counts what is meant relative to a batch of ``vectors`` vectors.

        Codes are dead below a tenth of even use, and begin again at even use; with an absolute threshold of 2, small
        batches replaced half of the codes at every step. The moving averages begin at the size of a batch, not of
        the corpus, or they would hardly move at first.
        """
        fair = vectors / self.config.codebook_size
        first = self.training and int(self.origin) == _FRESH
        for layer in self.rvq.layers:
            book = layer._codebook
            if first:
                book.cluster_size.mul_(fair)
                book.embed_avg.mul_(fair)
            book.threshold_ema_dead_code = DEAD_SHARE * fair
            book.reset_cluster_size = fair
        if first:
            self.origin.fill_(_MOVING)
