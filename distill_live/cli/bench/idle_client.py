"""A JACK client that does nothing, in a process of its own: how many xruns the server itself has meanwhile.

``python -m distill_live.cli.bench.idle_client`` answers every line with what it has counted so far (``beside``). Needs
JACK-Client (the extra ``jack``). :class:`IdleClient` is its other end.
"""

from __future__ import annotations

from typing import Any

from distill_live.cli.bench.beside import Beside, serve, stand_in_front


class IdleClient(Beside):
    """The client that runs beside us; not ``ready`` where there is none to be had."""

    def __init__(self) -> None:
        super().__init__("idle_client", quiet=True)

    def counts(self) -> dict[str, int]:
        """``{"xruns", "periods"}`` so far, or nothing when it never ran or is gone."""
        return self.ask()


class Counter:
    """What the client's callbacks count; JACK's threads."""

    def __init__(self) -> None:
        self.xruns = self.periods = 0

    def period(self, _frames: int) -> None:
        self.periods += 1

    def xrun(self, _delay_us: float) -> None:
        self.xruns += 1


def main() -> None:
    """The process."""
    import jack

    stand_in_front()
    client: Any = jack.Client("distill-idle", no_start_server=True)
    counter = Counter()
    client.set_process_callback(counter.period)
    client.set_xrun_callback(counter.xrun)
    client.activate()
    serve(lambda _: {"xruns": counter.xruns, "periods": counter.periods})
    client.deactivate()
    client.close()


if __name__ == "__main__":
    main()
