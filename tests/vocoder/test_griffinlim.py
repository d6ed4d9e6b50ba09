"""The offline reference, and how near the streaming vocoder comes to it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from distill_live.audio.files import read_audio
from distill_live.vocoder.griffinlim import GriffinLimConfig, GriffinLimReference
from distill_live.vocoder.rtisi import RtisiConfig, RtisiLa
from tests.vocoder.sounds import HOP, RATE, RECORDINGS, level_db, mel_distance_db, mel_of, music, sine


def test_the_reference_keeps_level_and_length():
    sound = sine(440.0, 1.0)
    again = GriffinLimReference(GriffinLimConfig(iterations=8)).from_mel(mel_of(sound))
    assert again.shape == (94 * HOP,)
    assert abs(level_db(again[12000:36000]) - level_db(sound)) < 1.5


def test_the_reference_gives_the_same_bits_twice():
    reference, mel = GriffinLimReference(GriffinLimConfig(iterations=2)), mel_of(music(0.5))
    assert np.array_equal(reference.from_mel(mel), reference.from_mel(mel))


def test_streaming_is_nearly_as_good_as_the_whole_file_at_once():
    sound = music()
    offline = mel_distance_db(GriffinLimReference(GriffinLimConfig()).from_mel(mel_of(sound)), sound)
    streamed = mel_distance_db(RtisiLa(RtisiConfig()).forward(mel_of(sound)), sound)
    assert streamed < offline + 0.6


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="no recordings beside the checkout")
@pytest.mark.parametrize(("name", "mel_bar_db"), [("beats/loop_amen.flac", 1.2), ("drones/ambi_choir.flac", 1.2)])
def test_recordings_come_out_near_their_own_mel(name, mel_bar_db):
    sound = read_audio(RECORDINGS / name).mono()[: 3 * RATE]
    assert mel_distance_db(RtisiLa(RtisiConfig()).forward(mel_of(sound)), sound) < mel_bar_db


def test_the_live_vocoder_loads_neither_torch_nor_torchaudio():
    code = "import sys, distill_live.vocoder.rtisi; sys.exit(any(m in sys.modules for m in ('torch', 'torchaudio')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
