"""Contract E: the take log is public, survives a crash, and says what is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from distill_live.engine.params import load_all
from distill_live.errors import TakeError
from distill_live.events import ControlEvent, TakeWriter, param_address, param_id_of, read_take

HEADER = {"seed": 7, "model": "ab" * 32, "sample_rate": 48000, "block": 512}


def written(folder: Path) -> Path:
    path = folder / "take.jsonl"
    writer = TakeWriter(path, HEADER)
    writer.event(ControlEvent(48128, "/distill/temperature", (0.7,)))
    writer.asset("aa", {"kind": "codes"})
    writer.asset("aa", {"kind": "codes"})
    writer.event(ControlEvent(50176, "/distill/swap", (0, "3", 1.0), "midi"))
    writer.close(960000)
    return path


def test_a_take_reads_back_as_it_was_written(tmp_path: Path) -> None:
    take = read_take(written(tmp_path))
    assert take.frames == 960000 and take.header["seed"] == 7 and list(take.assets) == ["aa"]
    assert take.events[0] == ControlEvent(48128, "/distill/temperature", (0.7,), "osc")
    assert take.events[1].args == (0, "3", 1.0)


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
    assert lines[-1] == {"type": "end", "frames": 960000}


@pytest.mark.parametrize("cut", [1, 20, 60, 100])
def test_a_log_that_was_cut_off_reads_to_its_last_whole_event(tmp_path: Path, cut: int) -> None:
    path = written(tmp_path)
    text = path.read_text()
    path.write_text(text[:-cut])
    take = read_take(path)
    assert take.events[0].frame == 48128 and (take.frames is None or cut == 1)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"type": "event", "frame": -1, "address": "/x", "args": []}', "line 2"),
        ('{"type": "event", "frame": 1.5, "address": "/x", "args": []}', "line 2"),
        ('{"type": "event", "frame": 1, "address": "/x", "args": [NaN]}', "line 2"),
        ('{"type": "event", "frame": 1, "address": "/x", "args": [[1]]}', "line 2"),
        ('{"type": "surprise"}', "surprise"),
        ("not json", "line 2"),
        ("[1, 2]", "line 2"),
    ],
)
def test_a_damaged_line_is_named(tmp_path: Path, line: str, says: str) -> None:
    path = tmp_path / "take.jsonl"
    path.write_text(
        json.dumps({"type": "take", "version": 1, **HEADER}) + "\n" + line + '\n{"type": "end", "frames": 1}\n'
    )
    with pytest.raises(TakeError, match=says):
        read_take(path)


@pytest.mark.parametrize("content", ["", "{}", '{"type": "take", "version": 99}\n', "\x00\x01", "[]"])
def test_what_is_no_take_or_from_the_future_gets_one_sentence(tmp_path: Path, content: str) -> None:
    path = tmp_path / "take.jsonl"
    path.write_text(content)
    with pytest.raises(TakeError) as caught:
        read_take(path)
    assert "\n" not in str(caught.value)


def test_binary_and_missing_files_get_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_bytes(b"\xff\xfe\x80\x81" * 50)
    for path in (tmp_path / "x.jsonl", tmp_path / "none.jsonl"):
        with pytest.raises(TakeError):
            read_take(path)


def test_a_full_disk_ends_the_log_not_the_music() -> None:
    writer = TakeWriter(Path("/dev/full"), HEADER)
    writer.event(ControlEvent(1, "/distill/mix", (0.5,)))
    writer.close(512)
    assert writer.failed is not None and "/dev/full" in writer.failed


def test_every_parameter_has_one_canonical_address_that_leads_back() -> None:
    addresses = {param_address(i): i for i in load_all()}
    assert len(addresses) == len(load_all())
    assert all(param_id_of(address) == i for address, i in addresses.items())
    assert param_address("temperature") == "/distill/temperature"
