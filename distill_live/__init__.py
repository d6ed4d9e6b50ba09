"""Distill Live: learns a small discrete language of your sounds and plays it under your hands.

The package root stays empty of imports on purpose: ``import distill_live.params`` must not
load torch, textual, sounddevice or mido.
"""

__version__ = "0.1.0"
