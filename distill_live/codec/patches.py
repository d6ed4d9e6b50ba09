"""Where the networks begin: the principal patches of a corpus's mels.

A patch is what one code stands for: ``n_mels / rows`` bands by ``frames_per_column`` frames. The best linear codec of
``D`` numbers a patch are its principal components (Eckart and Young 1936); the networks start there and learn the
rest. Components are taken about silence, not about the mean, so that silence stays zero. Training thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class PatchBasis:
    """An orthonormal basis of patches.

    Attributes:
        components: ``[D, bands, frames]``, the strongest first.
        scale: what the coordinates are divided by to have a variance of 1 on average.
    """

    components: Tensor
    scale: float


def principal_patches(mels: Sequence[Tensor], bands: int, frames: int, components: int) -> PatchBasis:
    """The basis that a corpus is described by best.

    Args:
        mels: ``[n_mels, frames]`` each, 0 where silent.
        bands, frames: size of a patch; ``bands`` divides ``n_mels``, the last incomplete column is left out.
        components: ``D``; where patches are smaller, or all silent, what is missing is zero.
    """
    size = bands * frames
    moments, total, count = torch.zeros(size, size, dtype=torch.float64), torch.zeros(size, dtype=torch.float64), 0
    for mel in mels:
        patches = _patches(mel, bands, frames).to(torch.float64)
        moments += patches.T @ patches
        total += patches.sum(0)
        count += len(patches)
    strongest = torch.linalg.eigh(moments).eigenvectors.flip(1)[:, :components].T
    mean = total / max(count, 1)
    around_mean = strongest @ (moments / max(count, 1) - torch.outer(mean, mean)) @ strongest.T
    basis = torch.zeros(components, size)
    basis[: len(strongest)] = strongest.to(torch.float32)
    variance = float(around_mean.diagonal().mean())
    return PatchBasis(basis.reshape(components, bands, frames), max(variance, 1e-6) ** 0.5)


def _patches(mel: Tensor, bands: int, frames: int) -> Tensor:
    """All patches of ``[n_mels, T]`` as ``[N, bands * frames]``."""
    columns = mel.shape[1] // frames
    whole = mel[:, : columns * frames].reshape(-1, bands, columns, frames)
    return whole.permute(0, 2, 1, 3).reshape(-1, bands * frames)
