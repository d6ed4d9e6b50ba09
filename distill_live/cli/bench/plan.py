"""How much of everything is measured: one frozen plan that all parts read. Knows nothing of how."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from distill_live.cli.bench.series import KINDS
from distill_live.errors import UsageError

PARTS: Final = ("chain", "underruns", "latency", "start", "offline", "train")


@dataclass(frozen=True)
class Plan:
    """What a run of the benchmark does.

    Attributes:
        model: as ``play`` takes it; None for the factory model.
        folder: for takes and trained models, gone afterwards.
        device: of ``play``.
        lead: of ``play``, where nothing else is said.
        more_leads: latency is measured at these too, without a bar.
        seed: of the performances and of the moments at which events are sent.
        chain_s, chain_rounds: each round is one undisturbed run of so many seconds, and one with temperature moving.
        underrun_s: one run.
        events: of each kind, in the latency part.
        kinds: of control that are measured there.
        swap_gap_s, temperature_gap_s, burst_gap_s: shortest and longest pause between two events.
        starts: runs of the start part.
        offline_s, window_s: rendered offline, and the stretch over which an entropy is taken.
        train: folder of recordings; None leaves the part out.
        train_budget_s, train_render_s: time to train, and length of the render that is judged.
        quality: ``quality.py``, which counts clicks.
    """

    model: str | None
    folder: Path
    device: str = "system"
    lead: int = 2048
    more_leads: tuple[int, ...] = (1024, 512)
    seed: int = 7
    chain_s: float = 30.0
    chain_rounds: int = 2
    underrun_s: float = 120.0
    events: int = 60
    kinds: tuple[str, ...] = KINDS
    swap_gap_s: tuple[float, float] = (0.4, 0.7)
    temperature_gap_s: tuple[float, float] = (1.0, 1.5)
    burst_gap_s: tuple[float, float] = (0.5, 0.8)
    starts: int = 5
    offline_s: float = 1800.0
    window_s: float = 180.0
    train: Path | None = None
    train_budget_s: float = 90.0
    train_render_s: float = 60.0
    quality: Path | None = None
    only: frozenset[str] = field(default_factory=lambda: frozenset(PARTS))

    def __post_init__(self) -> None:
        unknown = sorted(self.only - set(PARTS))
        if unknown:
            raise UsageError(f"there is no part {unknown[0]!r}", fix=f"use {', '.join(PARTS)}")
        if not 1 <= self.events <= 10_000:
            raise UsageError(f"{self.events} events make no series", fix="use --events 1 to 10000")
        if self.train is not None and not self.train.is_dir():
            raise UsageError(f"{self.train} is no folder", fix="give --train a folder of recordings")
        assert min(self.chain_s, self.underrun_s, self.offline_s, self.window_s) > 0, self
        assert min(self.chain_rounds, self.starts) >= 1, self

    def play_arguments(self, lead: int | None = None) -> list[str]:
        """What every ``play`` of this benchmark is given; a port nobody knows, so that nobody else plays along."""
        model = [self.model] if self.model else []
        settings = ["--device", self.device, "--lead", str(lead or self.lead), "--seed", str(self.seed)]
        return [*model, *settings, "--osc-port", "0"]

    def does(self, part: str) -> bool:
        return part in self.only and (part != "train" or self.train is not None)
