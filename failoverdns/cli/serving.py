"""`failoverdns serve`: the server as a process, with its log, signals and exit status."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from failoverdns.config import ConfigErrors, load_config
from failoverdns.model.errors import Corrupt
from failoverdns.net.inherited import inherited_sockets
from failoverdns.net.process import begin_logging, name_process, take_reactor
from failoverdns.net.sockets import CannotListen
from failoverdns.net.spawning import spawn
from failoverdns.protocol.table.fast_path import NotCompiled, fast_path
from failoverdns.service import CannotStart, Service
from failoverdns.workers.rendezvous import control_title

log = Logger()


def serve_forever(file: Path) -> int:
    """Serve until a signal comes; return the exit status."""
    try:
        config = load_config(file)
    except ConfigErrors as faults:
        for error in faults.errors:
            print(error, file=sys.stderr)
        return 1
    config = replace(config, file=Path(os.path.abspath(config.file)))
    os.chdir("/")
    try:
        fast_path()
        inherited = inherited_sockets(os.environ, os.getpid())
    except (CannotListen, NotCompiled) as fault:
        print(f"cannot start: {fault}", file=sys.stderr)
        return 1
    name_process(control_title(config.control.socket), "failoverdns")
    begin_logging()
    reactor = take_reactor()
    process = _Process(Service(config, reactor, inherited), reactor)
    signal.signal(signal.SIGHUP, process.hang_up)
    reactor.callWhenRunning(process.start)
    for number in (signal.SIGTERM, signal.SIGINT):
        reactor.callWhenRunning(signal.signal, number, process.terminate)
    reactor.addSystemEventTrigger("before", "shutdown", process.stop)
    reactor.run()
    log.info("stopped")
    return process.status


class _Process:
    """The service as a process."""

    def __init__(self, service: Service, reactor: Any) -> None:
        self.status = 0
        self._service = service
        self._reactor = reactor
        self._started = False
        self._ending = False

    def start(self) -> None:
        """Start the service, or stop with status 1."""
        starting = Deferred.fromCoroutine(self._service.start())
        starting.addCallbacks(self._note_started, self._note_failure)

    def stop(self) -> Deferred[None]:
        """Stop the service."""
        return spawn(self._service.stop())

    def terminate(self, *_: object) -> None:
        """Stop the process; this is a signal handler, so the reactor does it later."""
        self._reactor.callFromThread(self._end)

    def hang_up(self, *_: object) -> None:
        """Reload the configuration; this is a signal handler, so the reactor does it later."""
        self._reactor.callFromThread(self._reload)

    def _reload(self) -> None:
        if self._started:
            spawn(self._service.reload())

    def _end(self) -> None:
        if not self._ending:
            self._ending = True
            self._reactor.stop()

    def _note_started(self, _: object) -> None:
        self._started = True

    def _note_failure(self, failure: Failure) -> None:
        if self._ending:
            return  # it was told to stop, and so could not start
        self.status = 1
        if isinstance(failure.value, Corrupt | CannotStart | CannotListen):
            log.critical("cannot start: {fault}", fault=failure.getErrorMessage())
        else:
            log.failure("cannot start", failure)
        self._end()
