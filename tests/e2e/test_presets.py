"""Presets on the running instrument: one frame for everything, in the log, and the replay is the recording."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from distill_live.audio.files import read_audio, write_audio
from distill_live.control.client import OscClient
from distill_live.engine.params import load_all
from distill_live.engine.replay import replay
from distill_live.events import param_address
from distill_live.models.playable import Playable
from distill_live.presets.preset import Preset, belongs
from distill_live.presets.shelf import read_preset, save_preset
from distill_live.takelog import read_take
from tests.e2e.playing import free_port, playing

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("own_home", "live_numbers")]
LOAD, BANK = "/distill/preset/load", "/distill/bank/load"


def test_presets_are_loaded_morphed_and_saved_while_it_plays(
    tiny_playable: Callable[..., Playable], own_home: Path, tmp_path: Path
) -> None:
    model, registry = tiny_playable(), load_all()
    (own_home / "sounds").mkdir(parents=True)
    noise = np.random.default_rng(0).normal(0, 0.2, (1, 24000)).astype(np.float32)
    write_audio(own_home / "sounds" / "hiss.wav", noise, 48000)
    save_preset(Preset("first", {"temperature": 0.4, "level.0.swap": "2"}, {2: "sound-0.wav", 3: "hiss"}), registry)
    save_preset(Preset("second", {"temperature": 1.6, "level.1.swap": "3", "fx.drive.amount": 12.0}), registry)
    wav, log, port = tmp_path / "take.wav", tmp_path / "take.jsonl", free_port()
    arguments = [str(model.path), "--device", "null", "--osc-port", str(port), "--no-midi", "--lead", "4096"]
    arguments += ["--preset", "first", "--set", "topk=9", "--record", str(wav), "--log", str(log)]
    with playing(*arguments) as play, OscClient(port=port, timeout_s=20.0) as client:
        play.state("sounding")
        client.sync()  # the library's sound has been encoded
        assert (client.get("temperature"), client.get("topk")) == (pytest.approx(0.4), 9)
        assert client.bank().slots[1:3] == ("sound-0.wav", "hiss")
        assert client.presets().current == "first"
        time.sleep(0.3)
        client.send("preset/load", "second")
        client.sync()
        time.sleep(0.3)
        assert (client.get("temperature"), client.get("topk")) == (pytest.approx(1.6), 0)
        for step in range(5):
            client.send("preset/morph", "second", "first", step / 4)
            time.sleep(0.05)
        client.sync()
        client.send("preset/save", "mine")
        client.ping()
        play.process.send_signal(signal.SIGINT)
        assert play.end() == 0
    mine = read_preset("mine", registry).preset
    assert mine.values == read_preset("first", registry).preset.values
    assert (mine.bank[3], mine.model) == ("hiss", model.name)

    take = read_take(log)
    (load,) = (event for event in take.events if event.address == LOAD)
    assert load.args == ("second",) and load.frame > 0
    together = [event for event in take.events if event.frame == load.frame and event.source != "engine"]
    assert [event.address for event in together] == [
        LOAD,
        *(param_address(p.id) for p in registry.values() if belongs(p)),
    ]
    assert {event.args[:2] for event in take.events if event.address == BANK} == {("2", "sound-0.wav"), ("3", "hiss")}
    rendered = np.concatenate(list(replay(model, take)), axis=1)
    assert np.array_equal(rendered, read_audio(wav, None).samples), "a replay is the recording, bit for bit"
