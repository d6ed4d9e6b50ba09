"""The outside world: OSC and MIDI in, replies and errors out, all of it read from the parameter registry.

``bridge`` is the process; ``osc``, ``validate``, ``namespace``, ``desk``, ``outbox``, ``midi`` and ``midimap`` are
its parts, ``client`` is the other end that the TUI, the demo and the tests use. Nothing here imports torch or the
engine; the bridge talks to the engine by the messages of ``docs/architecture.md`` alone.
"""
