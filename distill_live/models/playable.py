"""A model file as the parts that play: networks built from its configurations, filled with its weights, ready.

Everything here is numpy: no torch is loaded (a test in a subprocess holds it to that), because the engine waits for it
and pays for it. Knows nothing of audio devices or of how codes are edited. Any thread; what it returns is never changed
again.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from distill_live.audio.mel import MelConfig
from distill_live.codec.ceiling import Ceiling
from distill_live.codec.codebooks import Codebooks
from distill_live.codec.config import VQVAEConfig
from distill_live.codec.live import LiveDecoder, LiveEncoder
from distill_live.errors import DistillError, ModelFileError
from distill_live.models.file import ModelFile, SavedGrid, read_model
from distill_live.prior.base import LivePrior, live_prior
from distill_live.prior.guard import Guard, guard_config
from distill_live.vocoder.rtisi import RtisiConfig

VOCODER: Final = "rtisi"
CEILING: Final = "codec.ceiling"


@dataclass(frozen=True)
class Playable:
    """A model, ready to be played.

    Attributes:
        name: the file's name without its suffix.
        path, sha256: where it lies, and what identifies it in takes and grids.
        codec, mel: configurations; ``codec.grid`` says rows and frames per column.
        encoder, decoder, prior: the networks as they are played.
        codebooks: the live quantiser, ``[Q, K, D]``.
        vocoder_config: how phases are found.
        grids: the corpus as codes, in the order of the file.
        level_names: coarse to fine, as the user knows them.
        metadata: everything else the file says of itself.
    """

    name: str
    path: Path
    sha256: str
    codec: VQVAEConfig
    mel: MelConfig
    encoder: LiveEncoder
    decoder: LiveDecoder
    codebooks: Codebooks
    prior: LivePrior[Any]
    vocoder_config: RtisiConfig
    grids: tuple[SavedGrid, ...]
    level_names: tuple[str, ...]
    metadata: dict[str, Any]

    @property
    def levels(self) -> int:
        return self.codec.levels

    @property
    def rows(self) -> int:
        return self.codec.grid.rows

    @property
    def frames_per_column(self) -> int:
        return self.codec.grid.frames_per_column

    @property
    def codebook_size(self) -> int:
        return self.codec.codebook_size

    @property
    def vectors(self) -> NDArray[np.float32]:
        """The codebooks as float32 ``[Q, K, D]``, a read-only view."""
        return self.codebooks.vectors

    @property
    def sounds(self) -> tuple[tuple[str, NDArray[np.int16]], ...]:
        """The corpus for the bank: names and codes int16 ``[W, H, Q]``."""
        return tuple((grid.name, grid.codes) for grid in self.grids)

    @property
    def training_grids(self) -> tuple[NDArray[np.int16], ...]:
        """The codes the prior learned from."""
        return tuple(grid.codes for grid in self.grids if not grid.held_out)

    def guard(self) -> Guard:
        """The loop and silence detector that suits this corpus."""
        rate = self.mel.frames_per_second / self.frames_per_column
        return Guard(guard_config(rate, self.training_grids))

    def can_play(self, codes: NDArray[np.int16]) -> bool:
        """Whether codes ``[W, H, Q]`` index these codebooks (-1 mutes a level)."""
        fits = codes.ndim == 3 and codes.shape[1:] == (self.rows, self.levels) and codes.size > 0
        return bool(fits and codes.min() >= -1 and codes.max() < self.codebook_size)

    def sound(self, name: str) -> NDArray[np.int16] | None:
        """The codes of the corpus recording of that name (with or without its suffix), or None."""
        for known, codes in self.sounds:
            if name in (known, Path(known).stem):
                return codes
        return None


def load_playable(path: Path) -> Playable:
    """Load a model for playing.

    Raises:
        ModelFileError: when the file is not a good model (see ``file.read_model``), or its weights do not fit.
    """
    file = read_model(path)
    if not file.grids:
        what = f"{path} cannot be used: it holds no codes of its recordings"
        raise ModelFileError(what, fix="train it again on recordings")
    try:
        prior, vocoder = _prior(file), _vocoder(file)
        encoder = LiveEncoder(file.codec, file.weights("codec.encoder"))
        decoder = LiveDecoder(file.codec, file.weights("codec.decoder"), _ceiling(file))
    except ModelFileError as error:
        raise ModelFileError(f"{path} cannot be used: {error.what}", fix=error.fix) from None
    return Playable(
        name=path.stem,
        path=path,
        sha256=file.sha256,
        codec=file.codec,
        mel=file.mel,
        encoder=encoder,
        decoder=decoder,
        codebooks=Codebooks(file.tensors["codebooks"]),
        prior=prior,
        vocoder_config=vocoder,
        grids=file.grids,
        level_names=file.level_names,
        metadata=file.metadata,
    )


def _ceiling(file: ModelFile) -> Ceiling | None:
    """How loud its decoder may become; files from before there was a ceiling have none."""
    array = file.tensors.get(CEILING)
    return None if array is None else Ceiling.from_array(array, file.codec.n_mels)


def _prior(file: ModelFile) -> LivePrior[Any]:
    prior = live_prior(file.metadata["prior"], file.weights("prior"))
    wanted = (file.codec.grid.rows, file.codec.levels, file.codec.codebook_size)
    found = (prior.config.rows, prior.config.levels, prior.config.codebook_size)
    if wanted != found:
        raise ModelFileError(
            f"its prior is for {found[0]} rows, {found[1]} levels and {found[2]} codes, its codec has {wanted}",
            fix="train the prior again with `distill-live prior`",
        )
    return prior


def _vocoder(file: ModelFile) -> RtisiConfig:
    settings = {name: value for name, value in file.metadata["vocoder"].items() if name != "kind"}
    kind = file.metadata["vocoder"]["kind"]
    whole = all(isinstance(value, int) and not isinstance(value, bool) for value in settings.values())
    if kind != VOCODER or not set(settings) <= {"look_ahead", "iterations"} or not whole:
        raise ModelFileError(f"its vocoder {kind[:40]!r} is not one this program has", fix="update distill-live")
    try:
        return RtisiConfig(**asdict(file.mel), **settings)
    except DistillError as error:
        raise ModelFileError(f"its vocoder is not valid: {error.what}", fix=error.fix) from None


def vocoder_metadata(config: RtisiConfig) -> dict[str, Any]:
    """What a model file says of its vocoder; the mel's numbers stand in ``mel``."""
    return {"kind": VOCODER, "look_ahead": config.look_ahead, "iterations": config.iterations}
