"""Contract E: the take log is public, survives a crash, and says what is wrong with it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from distill_live.errors import TakeError
from distill_live.events import ControlEvent
from distill_live.takelog import ModelNote, Recording, Take, TakeWriter, being_written, read_take, write_take

HEADER = {"seed": 7, "model": "ab" * 32, "sample_rate": 48000, "block": 512}
FIRST = json.dumps({"type": "take", "version": 1, **HEADER})

anywhere = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

counts = st.integers(0, 2**53)
texts = st.text(max_size=8)
values = st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | texts
events = st.builds(ControlEvent, counts, texts, st.lists(values, max_size=4).map(tuple), texts)
recordings = st.builds(
    Recording, st.integers(1, 9), counts, st.text(min_size=1, max_size=8), texts, st.none() | counts, texts, texts
)
hashes = st.text("0123456789abcdef", min_size=64, max_size=64)


def written(folder: Path) -> Path:
    path = folder / "take.jsonl"
    writer = TakeWriter(path, HEADER)
    writer.event(ControlEvent(48128, "/distill/temperature", (0.7,)))
    writer.asset("aa", {"kind": "codes"})
    writer.asset("aa", {"kind": "codes"})
    writer.model("bb", ModelNote("drones", "/somewhere/drones.distill"))
    writer.model("bb", ModelNote("drones", "/somewhere/drones.distill"))
    writer.recording(Recording(1, 49152, "1-wet.wav", "1-dry.wav"))
    writer.event(ControlEvent(50176, "/distill/swap", (0, "3", 1.0), "midi"))
    writer.recording(Recording(1, 49152, "1-wet.wav", "1-dry.wav", 1024, "cc" * 32))
    writer.close(960000, "dd" * 32)
    return path


def test_a_take_reads_back_as_it_was_written(tmp_path: Path) -> None:
    take = read_take(written(tmp_path))
    assert take.frames == 960000 and take.header["seed"] == 7 and list(take.assets) == ["aa"]
    assert take.events[0] == ControlEvent(48128, "/distill/temperature", (0.7,), "osc")
    assert take.events[1].args == (0, "3", 1.0)
    assert take.models == {"bb": ModelNote("drones", "/somewhere/drones.distill")}
    assert take.recordings == (Recording(1, 49152, "1-wet.wav", "1-dry.wav", 1024, "cc" * 32),)
    assert take.sha256 == "dd" * 32


def test_the_format_is_the_public_one(tmp_path: Path) -> None:
    lines = [json.loads(line) for line in written(tmp_path).read_text().splitlines()]
    assert {k: lines[0][k] for k in ("type", "version", "seed")} == {"type": "take", "version": 1, "seed": 7}
    assert lines[1] == {
        "type": "event",
        "frame": 48128,
        "address": "/distill/temperature",
        "args": [0.7],
        "source": "osc",
    }
    assert lines[3] == {"type": "model", "sha256": "bb", "name": "drones", "path": "/somewhere/drones.distill"}
    began = {"type": "recording", "number": 1, "frame": 49152, "wet": "1-wet.wav", "dry": "1-dry.wav"}
    assert lines[4] == began
    assert lines[6] == {**began, "frames": 1024, "sha256": "cc" * 32}
    assert lines[-1] == {"type": "end", "frames": 960000, "sha256": "dd" * 32} and len(lines) == 8


@anywhere
@given(
    st.lists(events, max_size=6),
    st.dictionaries(hashes, st.dictionaries(st.just("data"), texts), max_size=2),
    st.dictionaries(hashes, st.builds(ModelNote, texts, texts), max_size=2),
    st.lists(recordings, max_size=3, unique_by=lambda r: r.number),
    st.none() | counts,
    hashes,
)
def test_whatever_is_written_reads_back(
    tmp_path: Path,
    made: list[ControlEvent],
    assets: dict[str, dict[str, Any]],
    models: dict[str, ModelNote],
    recorded: list[Recording],
    frames: int | None,
    sha256: str,
) -> None:
    made.sort(key=lambda event: event.frame)
    recorded.sort(key=lambda recording: recording.number)
    models = {name: note for name, note in models.items() if name not in assets}
    take = Take(HEADER, tuple(made), assets, frames, models, tuple(recorded), sha256 if frames is not None else "")
    write_take(tmp_path / "t.jsonl", take)
    read = read_take(tmp_path / "t.jsonl")
    assert {k: read.header[k] for k in HEADER} == HEADER
    assert {name: body["type"] for name, body in read.assets.items()} == dict.fromkeys(assets, "asset")
    assert replace(read, header=HEADER, assets=assets) == take
    write_take(tmp_path / "again.jsonl", read)
    assert (tmp_path / "again.jsonl").read_bytes() == (tmp_path / "t.jsonl").read_bytes()


@anywhere
@given(st.integers(0, 2000))
def test_a_log_that_was_cut_off_anywhere_reads_to_its_last_whole_line(tmp_path: Path, cut: int) -> None:
    path = written(tmp_path)
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) - cut])
    whole = raw[: len(raw) - cut + 1].count(b"\n")  # a line whose newline alone is missing is whole
    if whole == 0:
        with pytest.raises(TakeError, match="not a take log"):
            read_take(path)
        return
    take = read_take(path)
    assert len(take.events) == (whole >= 2) + (whole >= 6)
    assert len(take.assets) == (whole >= 3) and len(take.models) == (whole >= 4)
    assert [r.frames for r in take.recordings] == ([1024] if whole >= 7 else [None] if whole >= 5 else [])
    assert take.frames == (960000 if whole == 8 else None)


def test_zeros_where_the_machine_lost_its_power_are_a_line_that_was_cut_off(tmp_path: Path) -> None:
    path = written(tmp_path)
    with path.open("ab") as file:
        file.write(b"\0" * 300)
    assert read_take(path).frames == 960000


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=4,
)
fields = st.sampled_from(
    ["type", "version", "frame", "frames", "address", "args", "source", "sha256", "name", "path", "number", "wet"]
)
kinds = st.sampled_from(["take", "event", "asset", "model", "recording", "end", "surprise"])


@anywhere
@given(st.lists(st.dictionaries(fields, json_values | kinds | st.just(1), max_size=6), max_size=4), st.binary())
def test_an_edited_log_is_read_or_gets_one_sentence(tmp_path: Path, lines: list[dict[str, Any]], tail: bytes) -> None:
    path = tmp_path / "edited.jsonl"
    path.write_bytes("\n".join([FIRST, *map(json.dumps, lines), ""]).encode() + tail)
    take, said = None, "edited.jsonl"
    try:
        take = read_take(path)
    except TakeError as error:
        said = str(error)
    assert "edited.jsonl" in said and "\n" not in said
    if take is not None:
        frames = [event.frame for event in take.events]
        assert frames == sorted(frames) and all(isinstance(f, int) and f >= 0 for f in frames)
        write_take(tmp_path / "again.jsonl", take)


@anywhere
@given(st.binary(max_size=400))
def test_what_is_no_take_gets_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.jsonl").write_bytes(content)
    with pytest.raises(TakeError) as caught:
        read_take(tmp_path / "x.jsonl")
    assert "\n" not in str(caught.value)


EVENT = '{"type": "event", "frame": 1, "address": "/x", "args": []}'


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"type": "event", "frame": -1, "address": "/x", "args": []}', "line 2"),
        ('{"type": "event", "frame": 1.5, "address": "/x", "args": []}', "line 2"),
        ('{"type": "event", "frame": true, "address": "/x", "args": []}', "line 2"),
        ('{"type": "event", "frame": 1e999, "address": "/x", "args": []}', "line 2"),
        ('{"type": "event", "frame": 1, "address": "/x", "args": [NaN]}', "line 2"),
        ('{"type": "event", "frame": 1, "address": "/x", "args": [1e999]}', "line 2"),
        ('{"type": "event", "frame": 1, "address": "/x", "args": [[1]]}', "line 2"),
        ('{"type": "event", "frame": 1, "address": "/x", "args": {}}', "line 2"),
        ('{"type": "event", "frame": 1, "address": "/x", "args": [1' + "0" * 400 + "]}", "line 2"),
        ('{"type": "surprise"}', "surprise"),
        ('{"type": ["event"]}', "unknown record"),
        ('{"type": "asset", "kind": "codes"}', "an asset with its sha256"),
        ('{"type": "model", "sha256": "aa", "path": 1}', "a model with"),
        ('{"type": "recording", "number": 1, "frame": 0}', "a recording with"),
        ('{"type": "recording", "number": 0, "frame": 0, "wet": "1-wet.wav"}', "a recording with"),
        ('{"type": "recording", "number": 1, "frame": 0, "frames": null, "wet": "x"}', "a recording with"),
        ('{"type": "end"}', "an end with frames"),
        ('{"type": "end", "frames": 1}', "line 3 comes after the end"),
        ("not json", "line 2"),
        ("[1, 2]", "line 2"),
        ("[" * 100_000, "line 2"),
        ("\udcff".encode("utf-8", "surrogateescape").decode("latin-1"), "line 2"),
    ],
)
def test_a_damaged_line_is_named(tmp_path: Path, line: str, says: str) -> None:
    path = tmp_path / "take.jsonl"
    path.write_text(FIRST + "\n" + line + '\n{"type": "end", "frames": 1}\n')
    with pytest.raises(TakeError, match=says):
        read_take(path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "not a take log"),
        ("{}", "not a take log"),
        ('{"type": "take"}', "version 'None'"),
        ('{"type": "take", "version": 99}\n', "version '99', this program reads 1; update distill-live"),
        ('{"type": "take", "version": true}\n', "version"),
        ("\x00\x01", "not a take log"),
        ("[]", "not a take log"),
        ("[]\n" + FIRST, "not a take log"),
    ],
)
def test_what_is_no_take_or_from_the_future_says_so(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "take.jsonl"
    path.write_text(content)
    with pytest.raises(TakeError, match=says) as caught:
        read_take(path)
    assert "\n" not in str(caught.value)


def test_events_that_stand_out_of_order_are_played_at_their_frames(tmp_path: Path) -> None:
    made = [ControlEvent(frame, f"/{n}") for n, frame in enumerate((900, 100, 900, 100))]
    write_take(tmp_path / "t.jsonl", Take(HEADER, tuple(made)))
    assert [e.address for e in read_take(tmp_path / "t.jsonl").events] == ["/1", "/3", "/0", "/2"]


def test_what_an_editor_on_windows_leaves_behind_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "take.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join([FIRST, EVENT, '{"type": "end", "frames": 512}', ""]).encode())
    assert read_take(path).frames == 512


def test_a_folder_a_missing_file_and_a_bad_name_get_one_sentence(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.jsonl", tmp_path / "no\0name"):
        with pytest.raises(TakeError, match="cannot read the take"):
            read_take(path)


def test_a_full_disk_ends_the_log_not_the_music() -> None:
    writer = TakeWriter(Path("/dev/full"), HEADER)
    writer.event(ControlEvent(1, "/distill/mix", (0.5,)))
    writer.close(512)
    assert writer.failed is not None and "/dev/full" in writer.failed


def test_a_whole_take_that_does_not_fit_on_the_disk_is_refused() -> None:
    with pytest.raises(TakeError, match="/dev/full"):
        write_take(Path("/dev/full"), Take(HEADER, ()))


def test_after_kill_9_the_log_holds_every_line_and_nobody_is_writing_it(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from distill_live.events import ControlEvent\n"
        "from distill_live.takelog import TakeWriter\n"
        "w = TakeWriter(Path(sys.argv[1]), {'seed': 1})\n"
        "for n in range(50): w.event(ControlEvent(512 * n, '/distill/mix', (0.5,)))\n"
        "print('written', flush=True)\n"
        "sys.stdin.read()\n"
    )
    path = tmp_path / "t.jsonl"
    child = subprocess.Popen([sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"written\n"
        assert being_written(path) or sys.platform == "win32"
        os.kill(child.pid, signal.SIGKILL)
    assert not being_written(path)
    take = read_take(path)
    assert len(take.events) == 50 and take.frames is None


def test_a_patient_log_keeps_its_lines_until_it_is_told(tmp_path: Path) -> None:
    path = tmp_path / "take.jsonl"
    writer = TakeWriter(path, HEADER, patient=True)
    assert len(path.read_text().splitlines()) == 1  # the head is there at once
    for n in range(3):
        writer.event(ControlEvent(n, "/distill/temperature", (0.5,)))
    assert len(path.read_text().splitlines()) == 1
    writer.flush()
    assert len(path.read_text().splitlines()) == 4
    writer.event(ControlEvent(9, "/distill/temperature", (0.6,)))
    writer.close(512)
    assert [event.frame for event in read_take(path).events] == [0, 1, 2, 9]
