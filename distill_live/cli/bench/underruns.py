"""Whether the ring runs dry while nobody disturbs the play; the server's own xruns are counted apart."""

from __future__ import annotations

import time

from distill_live.cli.bench.figures import Part
from distill_live.cli.bench.idle_client import IdleClient
from distill_live.cli.bench.plan import Plan
from distill_live.cli.bench.playing import playing


def measure_underruns(plan: Plan) -> Part:
    """The part ``underruns``: one run, with an idle JACK client beside it that counts what it sees."""
    part = Part("underruns")
    idle = IdleClient()
    try:
        with playing(*plan.play_arguments()) as play:
            play.wait_for("sounding")
            before = idle.counts()
            time.sleep(plan.underrun_s)
            after = idle.counts()
            finished = play.stop()
    finally:
        idle.stop()
    part.add(f"underruns in {plan.underrun_s:g} s at lead {plan.lead}", int(finished["underruns"]), "", 0.0)
    part.add("server xruns, seen by our device", int(finished["server_xruns"]))
    seen = {name: after[name] - before[name] for name in before if name in after}
    part.add("server xruns, seen by an idle client", seen.get("xruns"))
    if not seen:
        part.notes.append("There was no idle client (it needs a JACK server and JACK-Client: pip install -e .[jack]).")
    part.details = {"finished": {k: v for k, v in finished.items() if k != "at_s"}, "idle": seen}
    return part
