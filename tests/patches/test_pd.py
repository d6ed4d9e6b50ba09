"""The Pure Data patch: it is what the registry makes it, and in a headless Pd it really sends and hears."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from distill_live.control.namespace import Namespace
from distill_live.engine.params import load_all
from distill_live.events import param_address
from distill_live.params import Param, Value
from tests.patches.pd_client import PATCHES, PD, open_headless, run_pd
from tests.tui.instrument import Instrument

ROOT = Path(__file__).parent.parent.parent
needs_pd = pytest.mark.skipif(PD is None, reason="puredata-core is not installed")


@pytest.fixture
def instrument() -> Iterator[Instrument]:
    """The real bridge, with an engine that keeps what it is told."""
    made = Instrument()
    yield made
    made.close()


def settable() -> list[Param]:
    return [param for param in load_all().values() if param.settable]


def another(param: Param) -> float:
    """A value that is not the default and that a 32-bit float holds exactly."""
    if param.kind in ("bool", "enum"):
        return 1.0 if param.default != 1.0 else 0.0
    if param.kind == "int":
        return next(v for v in (7.0, 8.0, 1000.0) if param.low <= v <= param.high and v != param.default)
    return next(v for v in (0.5, 0.75, -8.0, 512.0) if param.low <= v <= param.high and v != param.default)


def as_value(param: Param, number: float) -> Value:
    return param.coerce(number).value


def test_the_patches_are_what_the_generator_makes_of_the_registry(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(ROOT / "scripts" / "make_pd_patch"), str(tmp_path)], check=True, cwd=tmp_path)
    for name in ("distill-live.pd", "demo.pd"):
        fresh, kept = (tmp_path / name).read_text(), (PATCHES / name).read_text()
        assert fresh == kept, f"{name} is out of date; run scripts/make_pd_patch"


def test_every_address_in_the_patches_exists() -> None:
    namespace = Namespace(load_all())
    for patch in sorted(PATCHES.glob("*.pd")):
        addresses = set(re.findall(r"/distill/[^\s;,\\]+", patch.read_text()))
        assert addresses
        unknown = {a for a in addresses if namespace.target(a) is None}
        assert not unknown, f"{patch.name} names what does not exist"


def test_every_settable_parameter_has_a_control_that_sends_and_is_moved() -> None:
    page = (PATCHES / "demo.pd").read_text()
    for param in settable():
        assert f"distill-set-{param.id} distill-{param.id} " in page
        assert f"{param_address(param.id)} \\$1;" in page


@needs_pd
def test_a_message_inside_pd_arrives_as_the_right_event_and_is_answered(instrument: Instrument) -> None:
    messages = [
        (0.0, "/distill/ping"),
        (0.0, "/distill/temperature 0.5"),
        (0.1, "/distill/level/Timbre/mute 1"),
        (0.1, "/distill/swap Structure 1 0.25"),
        (0.2, "/distill/param/temperature"),
        (0.2, "/distill/param/level.1.swap 99"),
    ]
    pd = run_pd(messages, instrument.port, 0.5)
    assert pd.errors == ()
    assert instrument.last("/distill/temperature") == [0.5]
    assert instrument.last("/distill/param/level.1.mute") == [True]
    assert instrument.last("/distill/swap") == [0, "1", 0.25]
    assert "pong" in pd.replies
    assert "param temperature 0.5" in pd.replies
    assert any(reply.startswith("error /distill/param/level.1.swap clamped") for reply in pd.replies)


@needs_pd
def test_the_demo_opens_without_errors_and_every_control_reaches_the_engine(
    instrument: Instrument, tmp_path: Path
) -> None:
    wanted = {param.id: another(param) for param in settable()}
    sent = "".join(f"\\; distill-set-{name} {value:g} " for name, value in wanted.items())
    buttons = "\\; distill-panic bang \\; distill-slot 3 \\; distill-sound symbol bells \\; distill-bank bang"
    patch = tmp_path / "turn.pd"
    patch.write_text(
        "#N canvas 0 0 400 300 12;\n#X obj 0 0 demo;\n#X obj 0 0 loadbang;\n"
        f"#X msg 0 0 \\; distill-port {instrument.port};\n#X obj 0 0 delay 300;\n"
        f"#X msg 0 0 {sent.strip()};\n#X obj 0 0 delay 500;\n#X msg 0 0 {buttons};\n"
        "#X obj 0 0 delay 900;\n#X msg 0 0 \\; pd quit;\n"
        "#X connect 1 0 2 0;\n#X connect 1 0 3 0;\n#X connect 3 0 4 0;\n#X connect 1 0 5 0;\n"
        "#X connect 5 0 6 0;\n#X connect 1 0 7 0;\n#X connect 7 0 8 0;\n"
    )
    assert open_headless(patch, 30.0).errors == ()
    for param in settable():
        expected = as_value(param, wanted[param.id])
        assert instrument.last(param_address(param.id)) == [expected], param.id
    assert instrument.last("/distill/transport/panic") == []
    assert instrument.last("/distill/bank/load") == ["3", "bells"]


@needs_pd
def test_an_answer_moves_the_controls_without_being_sent_again(instrument: Instrument, tmp_path: Path) -> None:
    patch = tmp_path / "hear.pd"
    patch.write_text(
        f"#N canvas 0 0 400 300 12;\n#X obj 0 0 distill-live {instrument.port};\n#X obj 0 0 loadbang;\n"
        "#X obj 0 0 delay 200;\n#X msg 0 0 /distill/topp 0.75 \\, /distill/param/topp;\n"
        "#X obj 0 0 r distill-topp;\n#X obj 0 0 print reply;\n#X obj 0 0 delay 600;\n#X msg 0 0 \\; pd quit;\n"
        "#X connect 1 0 2 0;\n#X connect 2 0 3 0;\n#X connect 3 0 0 0;\n#X connect 4 0 5 0;\n"
        "#X connect 1 0 6 0;\n#X connect 6 0 7 0;\n"
    )
    assert open_headless(patch, 30.0).replies == ("set 0.75",)
    assert [args for address, args in instrument.events if address == "/distill/topp"] == [[0.75]]
