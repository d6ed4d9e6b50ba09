"""A live bridge process, talked to over real UDP, with a fake engine behind it."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest

from distill_live.control.client import RefusedError
from distill_live.control.codes import ERROR_CODES
from distill_live.control.osc import RECEIVE_BUFFER_BYTES, OscSocket
from distill_live.errors import DeviceError
from distill_live.events import ROOT, param_address

from .conftest import PARAMS


def test_every_parameter_can_be_set_queried_and_reset(rig):
    for param in rig.client.describe():
        param_id, kind = param["id"], param["kind"]
        if kind in ("readout", "trigger"):
            continue
        target = param["labels"][-1] if kind == "enum" else param["high"]
        rig.client.set(param_id, target)
        assert rig.client.get(param_id) == pytest.approx(target) if kind != "enum" else target
        assert rig.client.query(f"norm/{param_id}")[0] == pytest.approx(1.0)
        rig.client.sync()
        assert rig.engine.values(param_address(param_id))
        rig.client.reset(param_id)
        assert rig.client.get(param_id) == pytest.approx(param["default"]) if kind != "enum" else param["default"]


def test_sync_is_answered_after_everything_before_it_reached_the_engine(rig):
    rig.client.set("temperature", 0.5)
    rig.client.sync(7)
    assert rig.engine.events[-1] == ["/distill/temperature", [0.5], "osc"]


def test_a_bundle_reaches_the_engine_in_one_batch_and_in_order(rig):
    rig.client.sync()
    before = len(rig.engine.batches)
    rig.client.send_bundle([("temperature", (0.7,)), ("swap", ("Timbre", 2)), ("topk", (5,))])
    rig.client.sync()
    (batch,) = rig.engine.batches[before:]
    assert [event[0] for event in batch] == [f"{ROOT}/temperature", f"{ROOT}/swap", f"{ROOT}/topk"]


def test_a_bundle_for_later_waits_without_stopping_anything(rig):
    rig.client.reset("topk")
    rig.client.send_bundle([("topk", (33,))], at_unix_s=time.time() + 0.4)
    assert rig.client.get("topk") == 0
    deadline = time.monotonic() + 5
    while rig.client.get("topk") != 33:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_bundle_for_more_than_two_seconds_ahead_is_refused(rig):
    rig.client.take()
    rig.client.send_bundle([("topk", (99,))], at_unix_s=time.time() + 60)
    error = rig.client.wait_for(lambda call: call.address == "/distill/error")
    assert error.args[:2] == ("/distill/topk", "too_far")
    assert rig.client.get("topk") != 99


def test_what_the_engine_says_of_values_and_status_can_be_read(rig):
    rig.engine.outgoing.append({"type": "values", "values": {"meter.peak_db": -12.5, "level.0.swap": "4"}})
    deadline = time.monotonic() + 5
    while rig.client.get("meter.peak_db") != -12.5:
        assert time.monotonic() < deadline
    assert rig.client.get("level.0.swap") == "4"
    status = rig.client.status()
    assert (status.state, status.model, status.load) == ("playing", "test", 0.25)


def test_done_and_error_of_a_command_go_to_the_one_who_asked(rig):
    rig.client.send("bank/load", 3, "bells")
    rig.client.sync()
    rig.engine.outgoing.append({"type": "done", "address": "/distill/bank/load", "args": ["3", "bells"]})
    assert rig.client.wait_for(lambda call: call.address == "/distill/done").args == (
        "/distill/bank/load",
        "3",
        "bells",
    )


def test_an_unknown_address_is_answered_once_a_second(rig):
    time.sleep(1.1)
    rig.client.take()
    for _ in range(50):
        rig.client.send("no/such/thing", 1)
    rig.client.ping()
    errors = [call for call in rig.client.take() if call.args[:1] == ("/distill/no/such/thing",)]
    assert 1 <= len(errors) <= 2  # the burst may lie across the turn of a second
    assert errors[0].args[1] == "unknown_address"


def test_errors_carry_codes_of_the_fixed_list(rig):
    for path, args in (
        ("param/temperature", (float("nan"),)),
        ("swap", ("Nowhere", 1)),
        ("bank/load", (1, "../secret")),
        ("describe", ("nothing",)),
        ("meter", ()),
    ):
        with pytest.raises(RefusedError) as refusal:
            rig.client.query(path, *args)
        assert refusal.value.error_code in ERROR_CODES


def test_an_error_is_never_longer_than_a_client_takes(rig):
    """An error of more than 255 bytes was sent, and refused as hostile by our own client, who then waited in vain."""
    with pytest.raises(RefusedError, match="hothot"):
        rig.client.query("param/topk", "hot" * 84)


def test_a_value_out_of_range_is_clamped_and_said(rig):
    rig.client.take()
    rig.client.set("temperature", 9.0)
    error = rig.client.wait_for(lambda call: call.address == "/distill/error")
    assert error.args[:2] == ("/distill/param/temperature", "clamped")
    assert rig.client.get("temperature") == 2.0


def test_ten_thousand_random_datagrams_leave_the_bridge_answering(rig):
    dice = random.Random(1)
    for number in range(10_000):
        head = dice.choice((b"", b"#bundle\0", b"/distill/temperature\0\0\0\0", b"/"))
        rig.client.send_bytes((head + dice.randbytes(4 * dice.randrange(24)))[:200] or b"\0")
        if number % 500 == 0:
            assert rig.client.ping()
    assert rig.client.ping()
    assert rig.process.is_alive()


def granted_buffer_bytes() -> int:
    udp = OscSocket("127.0.0.1", 0)
    size = udp.socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    udp.close()
    return size


@pytest.mark.skipif(
    granted_buffer_bytes() < RECEIVE_BUFFER_BYTES, reason="net.core.rmem_max is too small for a burst of 20,000"
)
@pytest.mark.e2e  # alone on the machine: a bridge that gets no core cannot empty the kernel's buffer
def test_a_flood_is_received_whole_and_its_last_value_is_exact(rig):
    before = rig.client.status()
    rig.engine.holding = True
    for number in range(20_000):
        rig.client.set("master.volume_db", number / 1000.0 - 19.0)
    rig.engine.holding = False
    rig.client.sync(timeout_s=30)
    after = rig.client.status()
    assert rig.client.get("master.volume_db") == pytest.approx(0.999, abs=1e-5)
    assert rig.engine.values("/distill/param/master.volume_db")[-1] == pytest.approx([0.999], abs=1e-5)
    assert after.received - before.received >= 20_000
    assert after.coalesced > before.coalesced


def test_an_engine_that_has_stopped_reading_does_not_stop_the_bridge(own_rig):
    """What is in flight must fit the pipe, in the worst case too: long names, whole bundles."""
    name = "é" * 120
    with own_rig() as rig:
        rig.engine.stopped = True
        time.sleep(0.05)
        for _ in range(20):
            rig.client.send_bundle([("bank/load", (slot % 16 + 1, name)) for slot in range(128)])
            rig.client.send_bundle([(f"param/{param.id}", (0.5,)) for param in PARAMS] * 10)
            for number in range(50):
                rig.client.send("bank/load", number % 16 + 1, name)
        assert rig.client.ping()
        assert any(call.args[1:2] == ("busy",) for call in rig.client.take())
        rig.engine.stopped = False
        rig.client.sync(timeout_s=20)


def test_commands_keep_their_order_while_the_engine_is_slow(rig):
    rig.client.sync()
    start = len(rig.engine.events)
    rig.engine.holding = True
    for number in range(300):
        rig.client.set("topk", number)
        rig.client.send("swap", number % 3, number % 16 + 1)
    rig.engine.holding = False
    rig.client.sync(timeout_s=30)
    events = rig.engine.events[start:]
    assert [args[1] for address, args, _ in events if address == "/distill/swap"] == [
        str(n % 16 + 1) for n in range(300)
    ]
    assert [args[0] for address, args, _ in events if address == "/distill/topk"] == list(range(300))


@pytest.mark.skipif(shutil.which("oscsend") is None, reason="liblo-tools is not installed")
def test_oscsend_is_understood(rig):
    subprocess.run(["oscsend", f"osc.udp://127.0.0.1:{rig.port}", "/distill/temperature", "f", "0.7"], check=True)
    subprocess.run(["oscsend", f"osc.udp://127.0.0.1:{rig.port}", "/distill/bypass", "T"], check=True)
    subprocess.run(["oscsend", f"osc.udp://127.0.0.1:{rig.port}", "/distill/swap", "sif", "Timbre", "2", "0.5"])
    rig.client.sync()
    assert rig.engine.events[-3][1] == [pytest.approx(0.7)]
    assert rig.engine.events[-2] == ["/distill/bypass", [True], "osc"]
    assert rig.engine.events[-1] == ["/distill/swap", [1, "2", 0.5], "osc"]


def test_a_taken_port_moves_up_by_ten_and_says_so(own_rig, rig):
    with own_rig(port=rig.port) as second:
        assert second.port == rig.port + 10
        assert str(rig.port) in second.announcements[0]["messages"][0]


def test_a_taken_port_is_refused_where_it_is_strict(rig):
    with pytest.raises(DeviceError, match=f"UDP port {rig.port}"):
        OscSocket("127.0.0.1", rig.port, strict_port=True)


def test_another_root_answers_under_it_and_sends_canonical_events(own_rig):
    with own_rig(osc_root="/second") as rig:
        rig.client.set("temperature", 0.4)
        rig.client.sync()
        assert rig.engine.events[-1][0] == "/distill/temperature"
        rig.client.send("/distill/temperature", 1.5)
        rig.client.ping()
        assert rig.client.get("temperature") == pytest.approx(0.4)


def test_the_bridge_outlives_the_engine_and_freezes_the_values(own_rig):
    with own_rig() as rig:
        rig.client.set("temperature", 0.4)
        rig.client.sync()
        rig.kill_engine()
        rig.heard(lambda message: any("engine" in text for text in message["messages"]))
        assert rig.client.status().state == "engine gone"
        with pytest.raises(RefusedError) as refusal:
            rig.client.query("param/temperature", 0.9)
        assert refusal.value.error_code == "engine_gone"
        assert rig.client.get("temperature") == pytest.approx(0.4)


def test_control_c_is_left_to_the_supervisor(own_rig):
    with own_rig() as rig:
        os.kill(rig.process.pid, signal.SIGINT)
        assert rig.client.ping()


def test_the_bridge_ends_when_nobody_is_left(own_rig):
    with own_rig() as rig:
        rig.kill_engine()
        rig.supervisor.connection.close()
        rig.supervisor.closed = True
        rig.process.join(5)
        assert rig.process.exitcode == 0


def test_importing_the_bridge_loads_neither_torch_nor_midi_nor_a_screen():
    code = (
        "import sys, distill_live.control.bridge, distill_live.control.client\n"
        "print([m for m in ('torch', 'mido', 'rtmidi', 'tomlkit', 'textual', 'numpy') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"


def test_a_reply_address_that_comes_in_is_not_answered(rig):
    """Two bridges that report each other's errors would never stop."""
    time.sleep(1.1)
    rig.client.take()
    rig.client.send("error", "/x", "unknown_address", "nothing")
    rig.client.send("pong")
    rig.client.ping()
    assert [call for call in rig.client.take() if call.address == "/distill/error"] == []


def test_nobody_there_is_said_in_a_sentence():
    from distill_live.control.client import OscClient

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        with OscClient(port=taken.getsockname()[1], timeout_s=0.1) as client:
            assert not client.ping()
            with pytest.raises(DeviceError, match="no answer"):
                client.get("temperature")
