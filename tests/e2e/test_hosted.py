"""A plugin of others in a live engine: turned over OSC, switched off and on, and the take replayed to the bit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from distill_live.control.client import OscClient
from distill_live.effects.hosted import put_plugin
from distill_live.models.playable import Playable
from distill_live.takelog import read_take
from tests.e2e.playing import after, free_port, pid_of, playing, state
from tests.effects import zam

pytestmark = [pytest.mark.e2e, zam.needs_zam]


def test_a_live_take_with_a_hosted_plugin_replays_to_the_bit(
    own_home: Path, tmp_path: Path, tiny_playable: Callable[..., Playable]
) -> None:
    put_plugin(zam.plugin("ZamDelay"))
    environment = {**os.environ, "DISTILL_HOME": str(own_home)}
    port, log, wav, again = free_port(), tmp_path / "take.jsonl", tmp_path / "take.wav", tmp_path / "again.wav"
    files = ("--log", str(log), "--record", str(wav), "--effects", "reverb,zamdelay")
    options = ("--device", "null", "--osc-port", str(port), "--no-midi", "--seconds", "6")
    with playing(str(tiny_playable().path), *options, *files, environment=environment) as play:
        play.state("sounding")
        with OscClient(port=port) as client:
            assert client.get("fx.zamdelay.time") == 160.0
            for param, value in (("feedback", 0.5), ("dry-wet", 0.8), ("time", 90.0), ("on", False), ("on", True)):
                client.set(f"fx.zamdelay.{param}", value)
                client.sync(1)
        assert play.end() == 0
        assert play.errors == []
    take = read_take(log)
    assert take.header["effects"] == ["reverb", "zamdelay"]
    assert sum("zamdelay" in event.address for event in take.events) == 5
    command = [sys.executable, "-m", "distill_live", "replay", str(log), "--out", str(again)]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    assert again.read_bytes() == wav.read_bytes()


def test_a_plugin_is_left_out_when_the_engine_has_died_twice_with_it(
    own_home: Path, tiny_playable: Callable[..., Playable]
) -> None:
    put_plugin(zam.plugin("ZamDelay"))
    environment = {**os.environ, "DISTILL_HOME": str(own_home)}
    options = ("--device", "null", "--no-midi", "--effects", "reverb,zamdelay")
    with playing(str(tiny_playable().path), *options, environment=environment) as play:
        play.state("sounding")
        for _ in range(2):
            seen = len(play.records)
            os.kill(pid_of(play, "engine"), signal.SIGKILL)
            after(play, seen, state("playing"))
        said = [record["text"] for record in play.records if record["type"] == "message"]
        assert any(text.startswith("zamdelay is left out") for text in said)
        play.process.send_signal(signal.SIGINT)
        assert play.end() == 0
