"""What the outside asks of a playing engine: events applied and logged, sounds and models fetched, takes recorded.

Speaks the messages of ``docs/architecture.md`` with the bridge and the loader process. Everything that changes the
sound goes through ``apply``, which puts it into the log; what must first be read from a disk is fetched elsewhere (the
loader process encodes sounds, ``loading`` makes models ready) and applied when it is there. The render thread.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from distill_live.codes.grid import CodeGrid, Codes
from distill_live.engine.loading import ModelLoading, Ready
from distill_live.engine.params import FOLLOW
from distill_live.engine.performance import BANK_CLEAR, BANK_LOAD, GRAB, MODEL_LOAD, RECORD, Performance
from distill_live.engine.reports import Reports
from distill_live.engine.standing import Standing
from distill_live.engine.take import decode_codes, encode_codes
from distill_live.engine.tape import Tape
from distill_live.errors import DistillError
from distill_live.events import ROOT, ControlEvent, param_id_of
from distill_live.link import Link, Message
from distill_live.params import Value

MACHINE: Final = "engine"  # the source of events that nobody sent
ENGINE_ONLY: Final = f"{ROOT}/engine/"


class Orders:
    """One engine's dealings with the bridge and the loader.

    Args:
        performance, tape, reports: what is played, kept and told.
        bridge, loader: links.
        loading: makes models ready.
        on_value: told the id of every parameter that was set.
    """

    def __init__(
        self,
        performance: Performance,
        tape: Tape,
        reports: Reports,
        bridge: Link,
        loader: Link,
        loading: ModelLoading,
        on_value: Callable[[str], None],
    ) -> None:
        self.performance, self.tape, self.reports = performance, tape, reports
        self.bridge, self.loader, self.loading = bridge, loader, loading
        self._on_value = on_value
        self._tickets = secrets.randbits(48)  # an answer to an engine that died must not be taken for one to this
        self._loads: dict[int, tuple[str, str, str]] = {}  # ticket: (slot, name, hash of the model it is encoded for)
        self._syncs: list[Any] = []
        self._from_library = reports.from_library  # slots that hold a sound the model does not, and its name
        self.model_changed: Callable[[], None] = lambda: None

    # ------------------------------------------------------------------ events

    def apply(self, address: str, args: tuple[Value, ...] = (), source: str = MACHINE) -> None:
        """Do it now, log it, tell it; a refusal goes back to whoever asked."""
        try:
            if not self._fetched_first(address, args, source):
                self._do(address, args, source)
        except DistillError as error:
            self.refuse(address, error)

    def _do(self, address: str, args: tuple[Value, ...], source: str) -> None:
        if address.startswith(ENGINE_ONLY) and source != MACHINE:
            raise DistillError(f"{address} is the engine's own", fix="leave it to the engine")
        done = self.performance.apply(ControlEvent(0, address, args, source))
        self.tape.event(done)
        self.reports.changed(done)
        param_id = param_id_of(address)
        if param_id is not None:
            self._value(param_id)
        elif address in (BANK_LOAD, BANK_CLEAR, GRAB):
            self._slot_changed(int(str(done.args[0])))
            if address == GRAB:
                self._keep_grabbed(int(str(done.args[0])))

    def _value(self, param_id: str) -> None:
        self._on_value(param_id)
        if param_id == FOLLOW.id:
            self.follow()

    def refuse(self, address: str, error: DistillError) -> None:
        self.bridge.send({"type": "error", "address": address, "code": error.code, "text": str(error)})

    def _fetched_first(self, address: str, args: tuple[Value, ...], source: str) -> bool:
        """Whether this had to be sent for, or is not the performance's to do."""
        if address == RECORD:
            self._record(args, source)
        elif address == BANK_LOAD and len(args) == 2 and self.performance.model.sound(str(args[1])) is None:
            self._send_for(str(args[0]), str(args[1]))
        elif address == MODEL_LOAD and source != MACHINE:
            self.loading.ask(str(args[0]) if args else "")
        else:
            return False
        return True

    def _slot_changed(self, number: int) -> None:
        """Another sound is there: what was there before is not to come back, nor what was still to come."""
        self._from_library.pop(number, None)
        self._loads = {t: load for t, load in self._loads.items() if load[0] != str(number)}

    def _keep_grabbed(self, number: int) -> None:
        slot = self.performance.bank[number]
        if slot is not None:
            self._asset(slot.codes)

    # ------------------------------------------------------------------ the bridge

    def from_bridge(self, message: Message) -> None:
        """One message of the bridge."""
        kind = message.get("type")
        if kind == "events":
            for address, args, source in message["events"]:
                self.apply(address, tuple(args), source)
            self.bridge.send({"type": "ack", "batch": message["batch"], "frame": self.performance.frame})
        elif kind == "sync":
            self._syncs.append(message.get("token"))
        elif kind == "hello":
            self.reports.announce_model(fresh=True)

    def answer_syncs(self) -> None:
        """A sync waits for what has been sent for."""
        if self._syncs and not self._loads and not self.loading.busy:
            for token in self._syncs:
                self.bridge.send({"type": "synced", "token": token})
            self._syncs.clear()

    # ------------------------------------------------------------------ recording

    def _record(self, args: tuple[Value, ...], source: str) -> None:
        wanted = bool(args[0]) if args else not self.tape.recording
        text = self.tape.start_recording(source) if wanted else self.tape.stop_recording(source)
        self.reports.recording = self.tape.recording
        self.bridge.send({"type": "done", "address": RECORD, "args": [self.tape.recording, text]})
        self.reports.say(text)

    # ------------------------------------------------------------------ sounds

    def _send_for(self, slot: str, name: str) -> None:
        """Let the loader encode a sound of the library with the model that plays."""
        self._tickets += 1
        model = self.performance.model
        wish = {"ticket": self._tickets, "name": name, "model": str(model.path), "sha256": model.sha256}
        if not self.loader.send({"type": "encode", **wish}):
            raise DistillError("the loader is not running", fix="use a sound of the model, or start again")
        self._loads[self._tickets] = (slot, name, model.sha256)

    def from_loader(self, message: Message) -> None:
        """One message of the loader: codes that were sent for, or a model file that has changed."""
        if message.get("type") == "changed":
            self.loading.ask(self.performance.model.name, Path(str(message["path"])), goes_on=True)
            return
        slot, name, sha256 = self._loads.pop(int(message["ticket"]), ("", "", ""))
        if not slot:
            return
        try:
            if "error" in message:
                raise DistillError(message["error"])
            if sha256 != self.performance.model.sha256:  # another model has come meanwhile
                self.apply(BANK_LOAD, (slot, name), "osc")
                return
            self._put(slot, name, self._checked(decode_codes(message["codes"]), name))
        except DistillError as error:
            self.refuse(BANK_LOAD, error)

    def loader_gone(self) -> None:
        """Whatever was sent for will not come."""
        for _, name, _ in self._loads.values():
            self.refuse(BANK_LOAD, DistillError(f"the sound {name!r} was not loaded", fix="ask for it again"))
        self._loads.clear()
        self.follow()

    def _put(self, slot: str, name: str, codes: Codes) -> None:
        self._do(BANK_LOAD, (slot, name, self._asset(codes)), "osc")
        self._from_library[int(slot)] = name

    def _checked(self, codes: Codes, name: str) -> Codes:
        model = self.performance.model
        grid = CodeGrid(codes, model.sha256, 0, name)
        return grid.for_model(model.sha256, model.codebook_size, model.rows, model.levels).codes

    def _asset(self, codes: Codes) -> str:
        """Keep codes for the log and for the supervisor, who must be able to start another engine with them."""
        sha256 = self.performance.add_asset(codes)
        body = encode_codes(codes)
        self.tape.asset(sha256, body)
        self.reports.asset(sha256, body)
        return sha256

    # ------------------------------------------------------------------ models

    def take_ready_model(self) -> None:
        """Cross over into a model that has become ready."""
        ready = self.loading.poll()
        if ready is None:
            return
        try:
            self._cross_over(ready)
        except DistillError as error:
            self.refuse(MODEL_LOAD, error)
            self.reports.say(str(error))

    def _cross_over(self, ready: Ready) -> None:
        if ready.kit is None:
            raise ready.error or DistillError(f"the model {ready.name!r} was not loaded")
        model = ready.kit.model
        if model.sha256 == self.performance.model.sha256:
            self.bridge.send({"type": "done", "address": MODEL_LOAD, "args": [ready.name]})
            return
        self.performance.add_kit(ready.kit)
        self.tape.model(model)
        self._do(MODEL_LOAD, (ready.name, model.sha256, ready.goes_on), MACHINE)
        self.performance.forget_kits()
        self.bridge.send({"type": "done", "address": MODEL_LOAD, "args": [ready.name]})
        self.reports.say(f"playing {model.name}.")
        self.offer_to_follow()
        self.model_changed()
        self._fetch_again()
        self.follow()

    def _fetch_again(self) -> None:
        """The library's sounds in the bank, in the codes of the model that plays now."""
        for slot, name in list(self._from_library.items()):
            if self.performance.model.sound(name) is None:
                self.apply(BANK_LOAD, (str(slot), name), "osc")

    def follow(self) -> None:
        """Let the loader watch the model's file, or nothing."""
        watched = str(self.performance.model.path) if self.performance.params[FOLLOW.id] else ""
        self.loader.send({"type": "watch", "path": watched, "sha256": self.performance.model.sha256})

    def offer_to_follow(self) -> None:
        """Say how a model whose training is not done becomes better while it plays, to whom does not know it yet."""
        model = self.performance.model
        if model.metadata["training"].get("complete") is False and not self.performance.params[FOLLOW.id]:
            better = "with model.follow=1 it becomes better while its training lasts"
            self.reports.say(f"{model.name} is unfinished: {better}.")

    def fill(self, bank: Mapping[int, str]) -> None:
        """Load sounds by name into slots that do not hold them, as a preset wants it when a performance begins."""
        for slot, name in sorted(bank.items()):
            if self.performance.bank.names[slot - 1] != name:
                self.apply(BANK_LOAD, (str(slot), name))

    # ------------------------------------------------------------------ going on after a crash

    def restore(self, standing: Standing, assets: dict[str, Any]) -> None:
        """Fill the bank as it was, and stand still if it stood still; all of it in the log, at the first frame."""
        for body in assets.values():
            self._asset(decode_codes(body))
        for slot, (name, sha256) in standing.bank.items():
            if not sha256:
                self.apply(BANK_CLEAR, (str(slot),))
            elif sha256 in self.performance.assets:
                self.apply(BANK_LOAD, (str(slot), name, sha256))
            else:  # the model's own in another place, or the library's
                self.apply(BANK_LOAD, (str(slot), name))
        self._from_library |= {slot: name for slot, name in standing.library.items() if slot in standing.bank}
        if not standing.playing:
            self.apply(f"{ROOT}/transport/stop")
