"""The control process's side of zone transfers: one transfer process, fed and replaced.

    TSIG keys are configured -> a process is started, configured, linked, filled
    publish                  -> the delta is sent to it; nobody waits
    it ends                  -> another one is started, after a pause that grows
    no TSIG keys any more    -> it ends

Answering processes get a link to each new process, and SERVFAIL is what clients with keys get while
there is none.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger

from failoverdns.model.change import Delta, Json
from failoverdns.model.errors import Rejected
from failoverdns.model.settings import Config
from failoverdns.net.spawning import spawn
from failoverdns.protocol.table.deltas import write_parts, write_stored_rrsets
from failoverdns.protocol.tsig import TSIGKey
from failoverdns.rules.derived.view import View
from failoverdns.tallies import Kept
from failoverdns.transfers.calls import Call
from failoverdns.transfers.interface import CarryOut
from failoverdns.transfers.keys import read_tsig_keys, short_secrets
from failoverdns.transfers.process import PATIENCE, TransferProcess
from failoverdns.transfers.settings import (
    TransferSettings,
    make_transfer_settings,
    write_settings,
)
from failoverdns.workers.called_process import Gone, Stuck
from failoverdns.workers.calls import PROTOCOL
from failoverdns.workers.filling import FILLING, fill
from failoverdns.workers.frames import write_delta_frame
from failoverdns.workers.full_table import parts
from failoverdns.workers.growing_pause import GrowingPause
from failoverdns.workers.interface import Answering, CannotAnswer
from failoverdns.workers.reports import MOST_COUNTED

CHECK: Final = 5.0
"""Seconds between two checks that the process answers calls."""

REPORT_TIME: Final = 1.0
"""Seconds for which `status` waits for the process; without its report, `status` is shorter."""

NOTIFY: Final = "notify."
"""How the names of counts of NOTIFY messages begin."""

MOST_NAMES: Final = 30
"""Names of counts in a report."""

log = Logger()


@dataclass(frozen=True, slots=True)
class PreparedTransfers:
    """Another configuration and the keys that were read for it, to be passed to `adopt`."""

    config: Config
    keys: tuple[TSIGKey, ...]


class Transfers:
    """Starts the transfer process, feeds it, and replaces it when it ends."""

    def __init__(
        self,
        config: Config,
        answering: Answering,
        view: Callable[[], View],
        carry_out: CarryOut,
        lost: Callable[[], None],
        reactor: Any,
    ) -> None:
        """Prepare; nothing is started before `start`.

        `view` returns the state that is served.  `carry_out` does what the process calls for, and
        `lost` is called when it has ended, so that nothing is known of secondaries any more.
        """
        self._control_socket = config.control.socket
        self._answering = answering
        self._view = view
        self._carry_out = carry_out
        self._lost = lost
        self._reactor = reactor
        self._settings: TransferSettings | None = None
        self._process: TransferProcess | None = None
        self._is_running = False
        self._pause = GrowingPause()
        self._counted = Kept()
        """What the processes have counted, also those that have ended."""
        self._checking = LoopingCall(self._check)
        self._checking.clock = reactor

    def prepare(self, config: Config) -> PreparedTransfers:
        """Read the secrets of a configuration; raises CannotReadSecrets, and changes nothing."""
        return PreparedTransfers(config, read_tsig_keys(config))

    def start(self, prepared: PreparedTransfers) -> None:
        """Start the process if the configuration has keys, and do not wait for it."""
        self._is_running = True
        self._checking.start(CHECK, now=False)
        self.adopt(prepared)

    def adopt(self, prepared: PreparedTransfers) -> None:
        """Use another configuration, which the state has taken over, from now on."""
        for text in short_secrets(prepared.keys):
            log.warn("{warning}", warning=text)
        self._settings = self._settings_of(prepared) if prepared.keys else None
        process = self._process
        if self._settings is None:
            if process is not None:
                self._process = None
                self._counted.end(process)
                self._answering.link_with(None)
                spawn(process.end())
                self._lost()
            return
        if process is None:
            self._launch()
        elif process.pid:
            process.call_later(Call.CONFIGURE, self._configuration())

    def publish(self, delta: Delta) -> None:
        """Send a delta to the process, with the TTLs that zone transfers have; do not wait."""
        if self._process is not None and self._process.takes_deltas:
            written = write_parts(delta, write=write_stored_rrsets)
            self._process.publish(write_delta_frame(written))

    def notify_zone(self, origin: bytes | None) -> bool:
        """Have the secondaries of a zone notified, or those of all zones.

        Return False if there is no process that could do it.
        """
        if self._process is None:
            return False
        arguments = {"zone": origin.hex()} if origin is not None else {}
        self._process.call_later(Call.NOTIFY, arguments)
        return True

    async def report(self) -> dict[str, Json] | None:
        """Return what the process reports of itself; None if there are no keys."""
        if self._settings is None:
            return None
        found: dict[str, Json] = {}
        process = self._process
        is_serving = process is not None and process.is_filled
        if process is not None and is_serving:
            asking = Deferred.fromCoroutine(process.call(Call.REPORT, bound=PATIENCE))
            with suppress(Gone, Stuck, Rejected, TimeoutError):
                found = await asking.addTimeout(REPORT_TIME, self._reactor)
                self._counted.note(process, counted_in(found))
        return {"serving": is_serving, **found}

    async def statistics(self) -> dict[str, Json] | None:
        """Return what `report` does, and all counts since the start: `requests` and `notifies`."""
        report = await self.report()
        if report is None:
            return None
        total: dict[str, dict[str, Json]] = {"counted": {}, "notifies": {}}
        for name, count in self._counted.total().items():
            is_notify = name.startswith(NOTIFY)
            kind = "notifies" if is_notify else "counted"
            total[kind][name.removeprefix(NOTIFY)] = count
        return {**report, **total}

    async def stop(self) -> None:
        """End the process."""
        self._is_running = False
        if self._checking.running:
            self._checking.stop()
        process, self._process = self._process, None
        if process is not None:
            self._answering.link_with(None)
            await process.end()

    def _settings_of(self, prepared: PreparedTransfers) -> TransferSettings:
        catalog = prepared.config.catalog
        serial = self._view().serial(catalog) if catalog is not None else None
        number = serial.serial if serial is not None else 0
        return make_transfer_settings(prepared.config, prepared.keys, number)

    def _check(self) -> None:
        if self._process is not None and self._process.is_filled:
            self._process.check()
            spawn(self._note_counts())

    async def _note_counts(self) -> None:
        await self.report()

    def _launch(self) -> None:
        """Start a process; what it needs is sent meanwhile."""
        assert self._settings is not None
        process = TransferProcess(self._reactor, self._carry_out, self._ended)
        _make_folder(self._settings.folder)
        try:
            process.start(self._control_socket)
        except CannotAnswer as fault:
            log.error("{fault}", fault=str(fault))
            self._replace_later()
            return
        self._process = process
        spawn(self._fill(process))

    async def _fill(self, process: TransferProcess) -> None:
        """Configure a process, link it with the answering processes, and send it every zone."""
        began = self._reactor.seconds()
        try:
            await process.call(Call.CONFIGURE, self._configuration(), bound=FILLING)
            if process is not self._process:
                return
            self._answering.link_with(process.link)
            process.takes_deltas = True
            await fill([process], partial(_stored_parts, self._view()), self._reactor)
            with suppress(Rejected):
                await self._answering.visible()  # all have the link: secondaries will ask at once
            await process.call(Call.FILLED, bound=FILLING)
        except (Gone, Stuck):
            return
        except Rejected as refusal:
            log.error("the transfer process cannot be used: {why}", why=refusal.message)
            process.kill()
            return
        process.is_filled = True
        self._pause.reset()
        text = "zone transfers are served by process {pid}, filled in {seconds:.2f} s"
        log.info(text, pid=process.pid, seconds=self._reactor.seconds() - began)

    def _ended(self, process: TransferProcess) -> None:
        if process is not self._process:
            return
        self._process = None
        self._counted.end(process)
        self._answering.link_with(None)
        self._lost()
        text = "transfer process {pid} has ended; another one takes its place"
        log.error(text, pid=process.pid)
        self._replace_later()

    def _replace_later(self) -> None:
        spawn(self._replace(self._pause.take()))

    async def _replace(self, pause: float) -> None:
        await deferLater(self._reactor, pause)
        if self._is_running and self._process is None and self._settings is not None:
            self._launch()

    def _configuration(self) -> dict[str, Any]:
        assert self._settings is not None
        return {"settings": write_settings(self._settings), "protocol": PROTOCOL}


def counted_in(report: Mapping[str, Any]) -> dict[str, int]:
    """Return the counts in a report of a transfer process; anything else is left out."""
    found: dict[str, int] = {}
    for part, prefix in (("requests", ""), ("notifies", NOTIFY)):
        counts = report.get(part)
        for name, count in counts.items() if isinstance(counts, dict) else ():
            if type(count) is int and 0 <= count < MOST_COUNTED and len(found) < MOST_NAMES:
                found[f"{prefix}{name}"] = count
    return found


def _stored_parts(view: View) -> Iterator[bytes]:
    return parts(view, write_stored_rrsets)


def _make_folder(folder: Path) -> None:
    """Make the folder for the files of the transfer process; without it there are no files."""
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
    except OSError as fault:
        log.warn("{folder}: {why}", folder=str(folder), why=fault.strerror)
