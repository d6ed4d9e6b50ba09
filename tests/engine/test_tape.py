"""The tape: a take's log and its recordings, of the same frames, kept only when somebody wants them."""

from __future__ import annotations

import errno
import hashlib
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from distill_live.audio import wavfile
from distill_live.audio.wavfile import HEADER_BYTES
from distill_live.engine import recorder, tape
from distill_live.engine.performance import RECORD
from distill_live.engine.recorder import Recorder
from distill_live.engine.tape import Tape
from distill_live.errors import AudioFileError, TakeError
from distill_live.events import ControlEvent
from distill_live.takelog import Take, read_take

HEADER = {"seed": 7, "model": "ab" * 32, "sample_rate": 48000, "block": 512}
SOUND = np.random.default_rng(5).uniform(-1, 1, (3, 512 * 400)).astype(np.float32)


class Player:
    """Plays noise to a tape, as the live loop plays music."""

    def __init__(self, made: Tape) -> None:
        self.tape, self.blocks = made, 0

    def play(self, blocks: int) -> None:
        for block in range(self.blocks, self.blocks + blocks):
            part = SOUND[:, block * 512 : block * 512 + 512]
            self.tape.push(part[:2], part[2])
        self.blocks += blocks

    def close(self, keep: bool = False) -> list[str]:
        return self.tape.close(self.blocks * 512, keep)


def digest(wet: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(wet.T).tobytes()).hexdigest()


def only_take(takes: Path) -> tuple[Path, Take]:
    (folder,) = takes.iterdir()
    return folder, read_take(folder / "take.jsonl")


def read(path: Path) -> np.ndarray:
    return soundfile.read(path, dtype="float32", always_2d=True)[0].T


def test_a_recording_is_wet_and_dry_of_the_frames_that_the_log_says(tmp_path: Path) -> None:
    player = Player(Tape(None, None, HEADER, tmp_path / "takes"))
    player.play(10)
    assert "1-wet.wav" in player.tape.start_recording() and player.tape.recording
    player.play(30)
    player.tape.event(ControlEvent(40 * 512, "/distill/mix", (0.5,)))
    assert "recorded 0.3 s" in player.tape.stop_recording("tui") and not player.tape.recording
    player.play(5)
    player.tape.start_recording()
    player.play(7)
    assert player.close() == player.close() == []
    folder, take = only_take(tmp_path / "takes")
    assert [(e.frame, e.address, e.args, e.source) for e in take.events] == [
        (5120, RECORD, (True,), "osc"),
        (20480, "/distill/mix", (0.5,), "osc"),
        (20480, RECORD, (False,), "tui"),
        (23040, RECORD, (True,), "osc"),
        (26624, RECORD, (False,), "engine"),
    ]
    assert [(r.number, r.frame, r.frames) for r in take.recordings] == [(1, 5120, 15360), (2, 23040, 3584)]
    for r in take.recordings:
        assert r.frames is not None
        stretch = SOUND[:, r.frame : r.frame + r.frames]
        assert np.array_equal(read(folder / r.wet), stretch[:2]) and np.array_equal(read(folder / r.dry), stretch[2:])
        assert r.sha256 == digest(stretch[:2]) and r.problem == ""
    assert take.frames == 26624 and take.sha256 == digest(SOUND[:2, :26624])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["start", "stop", "event"]) | st.integers(1, 12), max_size=20), st.booleans())
def test_whatever_hands_do_each_recording_is_the_stretch_that_the_log_says(
    tmp_path_factory: pytest.TempPathFactory, deeds: list[str | int], with_log: bool
) -> None:
    place = tmp_path_factory.mktemp("tape")
    player = Player(Tape(place / "t.jsonl" if with_log else None, None, HEADER, place / "takes"))
    wanted: list[list[int]] = []
    for deed in deeds:
        at = player.blocks * 512
        if deed == "start" and not player.tape.recording:
            wanted.append([at])
        elif deed == "stop" and player.tape.recording:
            wanted[-1].append(at)
        do(player, deed)
    assert player.close(keep=True) == []
    end = player.blocks * 512
    folder, take = only_take(place / "takes")
    assert [[r.frame, r.frame + (r.frames or 0)] for r in take.recordings] == [[*w, end][:2] for w in wanted]
    for r in take.recordings:
        stretch = SOUND[:, r.frame : r.frame + (r.frames or 0)]
        assert np.array_equal(read(folder / r.wet), stretch[:2]) and r.sha256 == digest(stretch[:2])
        assert r.dry == "" or np.array_equal(read(folder / r.dry), stretch[2:])
    assert take.frames == end and take.sha256 == digest(SOUND[:2, :end])
    if with_log:
        assert (place / "t.jsonl").read_bytes() == (folder / "take.jsonl").read_bytes()


def do(player: Player, deed: str | int) -> None:
    if isinstance(deed, int):
        player.play(deed)
    elif deed == "event":
        player.tape.event(ControlEvent(player.blocks * 512, "/distill/mix", (0.5,)))
    elif deed == "start":
        player.tape.start_recording()
    else:
        player.tape.stop_recording()


def test_a_take_in_which_nothing_was_recorded_leaves_nothing(tmp_path: Path) -> None:
    player = Player(Tape(None, None, HEADER, tmp_path / "takes"))
    player.play(3)
    assert list((tmp_path / "takes").glob("*/take.jsonl"))
    assert player.close() == [] and list((tmp_path / "takes").iterdir()) == []


def test_it_stays_after_an_error_and_after_a_crash(tmp_path: Path) -> None:
    player = Player(Tape(None, None, HEADER, tmp_path / "error"))
    player.play(3)
    player.close(keep=True)
    assert only_take(tmp_path / "error")[1].frames == 1536
    crashed = Player(Tape(None, None, HEADER, tmp_path / "crash"))
    crashed.tape.event(ControlEvent(0, "/distill/mix", (0.5,)))
    crashed.tape._recorder.close()
    assert only_take(tmp_path / "crash")[1].frames is None


def test_a_log_somewhere_else_has_the_same_lines_and_no_folder_stays(tmp_path: Path) -> None:
    player = Player(Tape(tmp_path / "t.jsonl", None, HEADER, tmp_path / "takes"))
    player.tape.event(ControlEvent(0, "/distill/mix", (0.5,)))
    player.play(3)
    (own,) = (tmp_path / "takes").glob("*/take.jsonl")
    assert player.close() == [] and not own.parent.exists()
    take = read_take(tmp_path / "t.jsonl")
    assert take.frames == 1536 and len(take.events) == 1 and take.sha256 == digest(SOUND[:2, :1536])


def test_a_recording_somewhere_else_begins_with_the_first_block_and_its_log_stays(tmp_path: Path) -> None:
    player = Player(Tape(None, tmp_path / "t.wav", HEADER, tmp_path / "takes"))
    assert player.tape.recording and "already recording" in player.tape.start_recording()
    player.play(20)
    player.tape.stop_recording()
    player.tape.start_recording()
    player.play(1)
    assert player.close() == []
    folder, take = only_take(tmp_path / "takes")
    first, second = take.recordings
    assert (first.frame, first.frames, first.wet, first.dry) == (0, 10240, str(tmp_path / "t.wav"), "")
    assert np.array_equal(read(tmp_path / "t.wav"), SOUND[:2, :10240])
    assert second.wet == "2-wet.wav" and (folder / "2-dry.wav").exists()


def test_with_log_and_recording_both_somewhere_else_no_folder_stays(tmp_path: Path) -> None:
    player = Player(Tape(tmp_path / "t.jsonl", tmp_path / "t.wav", HEADER, tmp_path / "takes"))
    player.play(2)
    assert player.close() == [] and list((tmp_path / "takes").iterdir()) == []
    assert read_take(tmp_path / "t.jsonl").recordings[0].sha256 == digest(SOUND[:2, :1024])


def test_a_loop_that_hands_over_no_dry_sound_records_what_is_heard(tmp_path: Path) -> None:
    made = Tape(None, None, HEADER, tmp_path / "takes")
    made.start_recording()
    made.push(SOUND[:2, :512])
    made.close(512)
    folder, take = only_take(tmp_path / "takes")
    assert take.recordings[0].dry == "" and sorted(p.name for p in folder.iterdir()) == ["1-wet.wav", "take.jsonl"]


def test_assets_and_models_stand_before_the_events_that_need_them(tmp_path: Path) -> None:
    class Model:
        name, sha256, path = "drones", "cd" * 32, Path("drones.distill")

    made = Tape(tmp_path / "t.jsonl", None, HEADER, None)
    made.asset("ef" * 32, {"kind": "codes"})
    for _ in range(2):
        made.model(Model())  # type: ignore[arg-type]
    made.event(ControlEvent(0, "/distill/model/load", ("drones", "cd" * 32)))
    made.close(0)
    kinds = [line.split('"')[3] for line in (tmp_path / "t.jsonl").read_text().splitlines()]
    assert kinds == ["take", "asset", "model", "event", "end"]
    note = read_take(tmp_path / "t.jsonl").models["cd" * 32]
    assert note.name == "drones" and Path(note.path) == Path.cwd() / "drones.distill"


def test_a_disk_that_fills_while_recording_ends_both_files_and_the_take_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    player = Player(Tape(None, None, HEADER, tmp_path / "takes"))
    player.tape.start_recording()
    player.play(10)
    write_all, full = wavfile.WavWriter._write_all, threading.Event()

    def on_a_full_disk(file: wavfile.io.FileIO, data: bytes) -> None:
        if full.is_set() and "wet" in str(file.name) and len(data) != HEADER_BYTES:
            raise OSError(errno.ENOSPC, "No space left on device")
        write_all(file, data)

    monkeypatch.setattr(wavfile.WavWriter, "_write_all", staticmethod(on_a_full_disk))
    wait_until_written(player.tape)
    full.set()
    player.play(10)
    wait_until_written(player.tape)
    (said,) = player.tape.messages()
    assert "1-wet.wav" in said and "No space left" in said and not player.tape.recording
    full.clear()
    player.tape.start_recording()
    player.play(10)
    assert player.close() == []
    folder, take = only_take(tmp_path / "takes")
    first, second = take.recordings
    assert first.frames == 5120 and first.problem == said and first.sha256 == digest(SOUND[:2, :5120])
    assert read(folder / "1-wet.wav").shape[1] == read(folder / "1-dry.wav").shape[1] == 5120
    assert second.frames == 5120 and second.problem == ""
    frames = [event.frame for event in take.events]
    assert frames == [0, 5120, 10240, 15360] and take.sha256 == digest(SOUND[:2, :15360])


def wait_until_written(made: Tape) -> None:
    done = threading.Event()
    made._recorder.do(done.set)
    assert done.wait(30)


def test_what_the_disk_was_too_slow_for_is_said_and_the_take_has_no_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tape, "Recorder", lambda sink: Recorder(sink, waiting_blocks=4))
    player = Player(Tape(None, None, HEADER, tmp_path / "takes"))
    awake, asleep = threading.Event(), threading.Event()

    def sleep() -> None:
        asleep.set()
        assert awake.wait(30)

    player.tape.start_recording()
    player.tape._recorder.do(sleep)
    assert asleep.wait(30)
    player.play(9)
    awake.set()
    (said,) = player.close()
    assert "too slow" in said
    folder, take = only_take(tmp_path / "takes")
    assert take.frames == 9 * 512 and take.sha256 == "" and take.recordings[0].sha256 == ""
    there = read(folder / "1-wet.wav")
    assert np.array_equal(there[:, : 4 * 512], SOUND[:2, : 4 * 512]) and not there[:, 4 * 512 :].any()
    assert there.shape[1] == 9 * 512


def test_a_disk_that_never_answers_is_said_and_play_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "_CLOSE_PATIENCE_S", 0.2)
    player = Player(Tape(None, None, HEADER, tmp_path / "takes"))
    awake = threading.Event()
    player.tape._recorder.do(lambda: assert_wakes(awake))
    assert any("does not answer" in text for text in player.close())
    awake.set()


def assert_wakes(awake: threading.Event) -> None:
    assert awake.wait(30)


def test_a_full_disk_ends_the_log_with_a_sentence(tmp_path: Path) -> None:
    made = Tape(Path("/dev/full"), None, HEADER, None)
    made.event(ControlEvent(0, "/distill/mix", (0.5,)))
    made.push(SOUND[:2, :512])
    assert [text for text in made.close(512) if "/dev/full" in text] == [made_message()]


def made_message() -> str:
    return "the take log /dev/full stops here: No space left on device"


def test_where_no_take_can_be_kept_the_music_plays_and_the_reason_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    made = Tape(None, None, HEADER, tmp_path / "file")
    (said,) = made.messages()
    assert "cannot keep takes" in said and made.folder is None
    with pytest.raises(AudioFileError, match="--record FILE"):
        made.start_recording()
    made.push(SOUND[:2, :512])
    assert made.close(512) == []


def test_places_that_were_asked_for_and_cannot_be_written_are_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(TakeError, match="choose another place"):
        Tape(tmp_path / "file" / "t.jsonl", None, HEADER, tmp_path / "takes")
    with pytest.raises(AudioFileError, match="choose another place"):
        Tape(None, tmp_path / "file" / "t.wav", HEADER, tmp_path / "takes")
    assert not (tmp_path / "takes").exists()


def test_a_file_that_somebody_put_into_the_folder_keeps_it(tmp_path: Path) -> None:
    made = Tape(None, None, HEADER, tmp_path / "takes")
    assert made.folder is not None
    (made.folder / "notes.txt").write_text("good one")
    assert made.close(0) == [] and made.folder.exists()
