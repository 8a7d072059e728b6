"""The transfer process: what the control process sends it, and what it does with that.

It ends with the control process, because it could not learn of changes any more; answering
processes then answer SERVFAIL where they would have handed something over.  Before it gets its
first link, it gives up all that it does not need (`confinement.worker`).
"""

from __future__ import annotations

import gc
import hmac
import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from failoverdns import __version__
from failoverdns.confinement.worker import Confinement, confine_transfers
from failoverdns.model.change import Json
from failoverdns.model.errors import Malformed, Rejected
from failoverdns.net.descriptors import OURS
from failoverdns.net.process import run_child
from failoverdns.net.slices import in_slices
from failoverdns.protocol.transfer.contents import serial_of
from failoverdns.protocol.tsig import Algorithm
from failoverdns.transfers.calls import Call, CallBack
from failoverdns.transfers.clients import MOST, Places
from failoverdns.transfers.connections import Connections
from failoverdns.transfers.in_step import InStep
from failoverdns.transfers.journals import Journals
from failoverdns.transfers.link import Links
from failoverdns.transfers.requests import Requests
from failoverdns.transfers.served_zone import ServedZone
from failoverdns.transfers.settings import TransferSettings, read_settings
from failoverdns.transfers.transfer_log import TransferLog
from failoverdns.transfers.updating import Updating
from failoverdns.transfers.zones import Zones
from failoverdns.workers.calls import check_protocol
from failoverdns.workers.channel import CHANNEL, Channel, open_channel
from failoverdns.workers.frames import Kind

TOLD_AT_ONCE: Final = 500
"""Secondaries of zones in one call to the control process, which takes calls of a megabyte."""

FAREWELL: Final = 0.05
"""Seconds between the last reply and the end of the process, for the reply to be sent."""

log = Logger()


class ServingProcess:
    """The transfer process."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._control = Channel(self._carry_out, self._take_names, lambda _: self._stop())
        self._control.name = "the control process"
        self._control.takes_descriptors = True
        self._log = TransferLog(reactor.seconds)
        self._zones = Zones(self._changed)
        self._in_step = InStep(reactor, time.time, self._tell)
        self._updating = Updating(self._control.call, reactor.seconds)
        self._requests = Requests(
            self._zones,
            self._updating,
            reactor,
            time.time,
            self._in_step.heard,
            self._log,
        )
        self._places = Places()
        self._connections = Connections(reactor, self._requests, self._log, self._places)
        self._links = Links(reactor, self._requests, self._connections)
        self._journals = Journals(self._zones, reactor)
        self._confinement: Confinement | None = None
        self._news: dict[bytes, bytes] = {}
        """The SOA records of zones whose secondaries are notified in the next turn."""

    def start(self) -> None:
        """Open the channel to the control process."""
        open_channel(self._reactor, CHANNEL, self._control)
        os.close(CHANNEL)

    def end(self, *_: object) -> None:
        """Stop after a signal."""
        self._reactor.callFromThread(self._stop)

    def _take_names(self, body: bytes, kind: Kind) -> None:
        if kind not in (Kind.DELTA, Kind.PART):
            raise Malformed(f"a frame of kind {kind.name}, which means nothing here")
        self._zones.take(body, is_part=kind is Kind.PART)

    def _carry_out(self, channel: Channel, name: str, arguments: dict[str, Any]) -> Any:
        match name:
            case Call.APPLIED:
                return None
            case Call.CONFIGURE:
                check_protocol(arguments)
                self._configure(read_settings(arguments["settings"]))
            case Call.FILLED:
                return Deferred.fromCoroutine(self._fill())
            case Call.LINK:
                self._links.open(*channel.take_descriptors(1))
            case Call.NOTIFY:
                zone = arguments.get("zone")
                self._in_step.notify(bytes.fromhex(zone) if zone is not None else None)
            case Call.REPORT:
                return self._report()
            case Call.RETIRE:
                return self._retire()
            case _:
                raise Rejected("unknown-command", f"the transfer process cannot {name!r}")
        return None

    def _configure(self, settings: TransferSettings) -> None:
        if self._confinement is None:
            self._confine(settings.folder)
            OURS.want(
                "connections of clients with keys",
                MOST,
                used=lambda: len(self._places),
                changed=self._places.limit,
            )
        OURS.note()
        self._requests.settings = settings
        self._places.configure({str(one.address.host) for one in settings.secondaries})
        self._in_step.configure(settings)
        folder = settings.folder if self._journals.open(settings) else None
        self._zones.configure(settings, folder)
        self._journals.write()

    async def _fill(self) -> None:
        """Serve the zones, which have all arrived; the garbage collector skips them from now on."""
        await in_slices(self._zones.filling(), self._reactor)
        self._journals.write()
        gc.freeze()
        gc.enable()

    def _confine(self, folder: Path) -> None:
        """Give up what is not needed, before the first link arrives."""
        for algorithm in Algorithm:  # the library of the hash functions is loaded now
            hmac.new(b"", digestmod=algorithm.digest).digest()
        self._confinement = confine_transfers(Path(__file__).parents[1], folder)
        if self._confinement.fault:
            log.error("the transfer process is not confined: {why}", why=self._confinement.fault)

    def _changed(self, zone: ServedZone) -> None:
        """Notify the secondaries of a zone, whose image has another serial, or is whole now.

        That is done once for several changes that arrive together.
        """
        if not self._news:
            self._reactor.callLater(0, self._notify)
        self._news[zone.origin] = zone.soa

    def _notify(self) -> None:
        news, self._news = self._news, {}
        self._journals.write()
        for origin, soa in news.items():
            self._in_step.serial(origin, serial_of(soa), soa)

    def _tell(self, secondaries: list[dict[str, Json]]) -> None:
        """Send what is known of secondaries to the control process."""
        for at in range(0, len(secondaries), TOLD_AT_ONCE):
            some: list[Json] = [*secondaries[at : at + TOLD_AT_ONCE]]
            calling = self._control.call(CallBack.SECONDARIES, {"secondaries": some})
            calling.addErrback(lambda _: None)

    def _report(self) -> dict[str, Json]:
        confinement = asdict(self._confinement) if self._confinement is not None else None
        zones = [zone for zone in self._zones if zone.is_whole]
        return {
            "pid": os.getpid(),
            "version": __version__,
            "confinement": confinement,
            "zones": len(zones),
            "names": sum(zone.names for zone in zones),
            "history_bytes": sum(zone.history for zone in zones),
            "links": len(self._links.all),
            "connections": len(self._places),
            "max_connections": self._places.most,
            "requests": {**self._log.counts, "updates_limited": self._updating.limited},
            "notifies": {**self._in_step.notifies},
        }

    def _retire(self) -> Deferred[None]:
        """Close everything, and end a moment later."""
        self._in_step.stop()
        self._links.close()
        self._connections.close()
        self._reactor.callLater(FAREWELL, self._stop)
        done: Deferred[None] = Deferred()
        done.callback(None)
        return done

    def _stop(self) -> None:
        if self._reactor.running:
            self._reactor.stop()


def title(control_socket: str) -> str:
    """Return the title of the transfer process of a control socket."""
    return f"failoverdns: zone transfers, {control_socket}"


def serve(control_socket: str) -> int:
    """Run the transfer process until it is retired, or its control process is gone."""
    return run_child(title(control_socket), "failoverdns-x", ServingProcess)
