"""Plugins that crash, hang, or are no effects: one sentence each, and nobody else falls.

A stand-in for pedalboard plays what a real plugin would have to be broken for; the crash is real machine code, too.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from distill_live.effects import vst3, vst3_scan
from distill_live.effects.apart import ApartError, run_apart
from distill_live.effects.hosted import Entry
from distill_live.effects.vst3_scan import MOST_PARAMS, look_at
from distill_live.errors import DistillError
from tests.effects import zam

STAND_IN = '''
"""Plugins that behave as the names of their files say."""
import os, signal, sys, time
from pathlib import Path
import numpy as np

class Param:
    is_automatable, num_steps, label = True, 0x7FFFFFFF, "dB"
    def __init__(self, name):
        self.name, self.raw_value = name, 0.5
    def get_text_for_raw_value(self, place):
        return f"{place:.3f}"

class VST3Plugin:
    manufacturer_name, version, reported_latency_samples = "Nobody", "0", 0

    @staticmethod
    def get_plugin_names_for_file(path):
        return ["One", "Two"] if "shell" in path else [Path(path).stem]

    def __init__(self, path, plugin_name=None):
        self.name = plugin_name or Path(path).stem
        if "crash" in path:
            os.kill(os.getpid(), signal.SIGSEGV)
        if "hang" in path:
            time.sleep(600)
        if "leave" in path:
            sys.exit(7)
        if "talk" in path:
            os.write(1, b"hello ") ; os.write(2, b"world")
        if "odd" in path:
            raise OSError("odd")
        self.is_instrument = "instrument" in path
        self.channels = 5 if "surround" in path else 2
        self._parameters = [Param(f"Knob {n}") for n in range(300 if "many" in path else 2)]

    def process(self, block, rate, size, reset):
        if len(block) != self.channels:
            raise ValueError("does not support that many channels")
        return block

    def reset(self):
        pass
'''


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """``stand_in(name)``: what is found out about a plugin of that name."""
    (tmp_path / "pedalboard.py").write_text(STAND_IN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "pedalboard", raising=False)

    def look(name, inside=""):
        path = tmp_path / f"{name}.vst3"
        path.mkdir(exist_ok=True)
        return look_at(Entry(name, path, inside))

    return look


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("crash", r"crash\.vst3 crashed \(SIGSEGV\) while it was looked at; it cannot stand in the chain"),
        ("leave", r"leave\.vst3 crashed \(exit code 7\) while it was looked at"),
        ("odd", r"odd\.vst3 raised OSError: odd while it was looked at"),
        ("instrument", r"instrument is an instrument; only effects can stand in the chain"),
        ("surround", r"surround plays neither stereo nor mono"),
        ("shell", r"shell\.vst3 holds One, Two; choose with e\.g\. --plugin 'One'"),
    ],
)
def test_what_cannot_stand_in_the_chain_is_one_sentence(stand_in, name, says):
    with pytest.raises(DistillError, match=says):
        stand_in(name)


def test_one_that_hangs_is_not_waited_for(stand_in, monkeypatch):
    monkeypatch.setattr(vst3_scan, "PATIENCE_S", 4.0)
    with pytest.raises(DistillError, match=r"hang\.vst3 had no answer after 4 s while it was looked at"):
        stand_in("hang")


def test_one_of_several_in_a_file_can_be_chosen(stand_in):
    assert stand_in("shell", "Two").title == "Two"


def test_of_hundreds_of_parameters_the_first_are_taken_and_the_others_counted(stand_in):
    found = stand_in("many")
    assert (len(found.params), found.left_out) == (MOST_PARAMS, 300 - MOST_PARAMS)


def test_what_a_plugin_prints_while_it_is_looked_at_is_not_seen(stand_in, capfd):
    assert stand_in("talk").title == "talk"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("path", "says"), [("/etc/passwd", "is no plugin"), ("/nowhere/x.vst3", "no plugin at")])
def test_a_path_that_leads_to_no_plugin_is_said_without_loading_anything(path, says, monkeypatch):
    monkeypatch.setattr(vst3_scan, "run_apart", None)
    with pytest.raises(DistillError, match=says):
        look_at(Entry("x", Path(path)))


@pytest.mark.parametrize("kind", ["a file", "a folder", "a bundle of nonsense"])
@zam.needs_pedalboard
def test_what_is_a_plugin_by_its_name_only_is_one_sentence(tmp_path, kind):
    path = tmp_path / "Fake.vst3"
    if kind == "a file":
        path.write_bytes(b"\x7fELF nonsense" * 100)
    else:
        (path / "Contents" / "x86_64-linux").mkdir(parents=True)
    if kind == "a bundle of nonsense":
        (path / "Contents" / "x86_64-linux" / "Fake.so").write_bytes(b"\x7fELF nonsense" * 100)
    with pytest.raises(DistillError, match=r"Fake\.vst3 cannot be loaded as a plugin: .*; get one that is made for"):
        look_at(Entry("fake", path))


@zam.needs_pedalboard
@pytest.mark.skipif(not shutil.which("gcc") or sys.platform != "linux", reason="needs gcc, on Linux")
def test_real_machine_code_that_crashes_when_it_is_loaded_is_one_sentence(tmp_path):
    code = tmp_path / "crash.c"
    code.write_text("__attribute__((constructor)) static void fall(void) { *(volatile int *)0 = 1; }\n")
    binary = tmp_path / "Crash.vst3" / "Contents" / "x86_64-linux" / "Crash.so"
    binary.parent.mkdir(parents=True)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", binary, code], check=True)
    with pytest.raises(DistillError, match=r"Crash\.vst3 crashed \(SIGSEGV\) while it was looked at"):
        look_at(Entry("crash", tmp_path / "Crash.vst3"))


@zam.needs_zam
def test_a_plugin_is_loaded_without_a_thousand_questions(monkeypatch):
    """ZamVerb loads a room for each: it once took 197 s to be loaded, and takes 1.5."""
    import pedalboard._pedalboard as inner

    asked = []
    real = inner.AudioProcessorParameter
    monkeypatch.setattr(inner, "AudioProcessorParameter", lambda *args: asked.append(args) or real(*args))
    vst3.open_native(zam.path_of("ZamDelay"))
    assert asked == []
    inner.load_plugin(str(zam.path_of("ZamDelay")))
    assert asked != [], "pedalboard is left as it was"


# ---------------------------------------------------------------- the process apart


def test_what_is_worked_out_apart_comes_back():
    assert np.array_equal(run_apart(60.0, np.arange, 3), [0, 1, 2])


def test_what_is_raised_apart_is_said_here():
    with pytest.raises(ApartError, match=r"raised ValueError: "):
        run_apart(60.0, int, "x")
