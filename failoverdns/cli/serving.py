"""`failoverdns serve`: the server as a process, with its log, signals and exit status.

A restart replaces the program under the same process id (`restarting`, `net.replacing`); systemd is
told when the server is ready, and that it is alive (`net.notify`).
"""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from failoverdns.config import ConfigErrors, load_config
from failoverdns.confinement.capabilities import pass_on_nothing, passed_on
from failoverdns.confinement.memory import hide_memory
from failoverdns.control.language.requests import write_refusal
from failoverdns.model.change import Json
from failoverdns.model.errors import Corrupt, Rejected
from failoverdns.model.settings import Config
from failoverdns.net.inherited import Inherited, inherited_sockets
from failoverdns.net.notify import Notifier, take_notifier
from failoverdns.net.process import begin_logging, name_process, take_reactor
from failoverdns.net.replacing import Reaper, children_of, replace_program, unblock_signals
from failoverdns.net.sockets import CannotListen
from failoverdns.net.spawning import spawn
from failoverdns.net.succession import (
    VARIABLE,
    CannotSucceed,
    Succession,
    close_all,
    take_succession,
    write_succession,
)
from failoverdns.privileges import CannotDrop, drop_privileges, is_root_without_need
from failoverdns.protocol.table.fast_path import NotCompiled, fast_path
from failoverdns.restarting import TRIAL_VARIABLE, be_gentle, program, try_version
from failoverdns.service import Service
from failoverdns.starting import CannotStart
from failoverdns.trial import CannotServe, check_start, in_use, read_in_use
from failoverdns.workers.rendezvous import control_title

STARTING: Final = 5.0
"""Seconds between two reports that the start goes on."""

LONGER: Final = 60.0
"""Seconds for which each of these reports asks."""

log = Logger()


def serve_forever(file: Path) -> int:
    """Serve until a signal comes; return the exit status."""
    pass_on_nothing()
    notifier = take_notifier(os.environ, os.getpid())
    try:
        succession = take_succession(os.environ)
    except CannotSucceed as fault:
        print(fault, file=sys.stderr)
        succession = None
    try:
        config = load_config(file)
    except ConfigErrors as faults:
        for error in faults.errors:
            print(error, file=sys.stderr)
        return _cannot_start(succession, str(faults.errors[0]))
    name_process(control_title(config.control.socket), "failoverdns")
    hide_memory()
    try:
        config = _as_user(replace(config, file=Path(os.path.abspath(config.file))))
        os.chdir("/")
        fast_path()
        inherited = inherited_sockets(os.environ, os.getpid())
    except (CannotListen, NotCompiled, CannotDrop, ConfigErrors) as fault:
        print(f"cannot start: {fault}", file=sys.stderr)
        return _cannot_start(succession, str(fault))
    begin_logging()
    reactor = take_reactor()
    process = _Process(config, reactor, notifier)
    signal.signal(signal.SIGHUP, process.hang_up)
    signal.signal(signal.SIGUSR2, process.replace)
    if succession is not None:
        Reaper(children_of(os.getpid()), reactor).start()
    reactor.callWhenRunning(process.start, inherited, succession)
    for number in (signal.SIGTERM, signal.SIGINT):
        reactor.callWhenRunning(signal.signal, number, process.terminate)
    reactor.callWhenRunning(unblock_signals)
    reactor.addSystemEventTrigger("before", "shutdown", process.stop)
    reactor.run()
    log.info("stopped")
    return process.status


def try_to_serve(file: Path) -> int:
    """Check whether this version can serve a configuration; print the result.

    Nothing is changed.  Returns the exit status.
    """
    pass_on_nothing()
    hide_memory()
    be_gentle()
    used = os.environ.pop(TRIAL_VARIABLE, "")
    try:
        print(check_start(load_config(file), read_in_use(used) if used else None))
    except ConfigErrors as faults:
        for error in faults.errors:
            print(error, file=sys.stderr)
        return 1
    except CannotServe as fault:
        print(fault, file=sys.stderr)
        return 1
    return 0


def _as_user(config: Config) -> Config:
    """Become the user of the configuration; return the configuration as that user can read it.

    Raises CannotDrop or ConfigErrors.
    """
    return load_config(config.file) if drop_privileges(config) else config


class _Process:
    """The service as a process."""

    def __init__(self, config: Config, reactor: Any, notifier: Notifier) -> None:
        self.status = 0
        self._config = config
        self._reactor = reactor
        self._notifier = notifier
        self._service: Service | None = None
        self._succession: Succession | None = None
        self._failure: Rejected | None = None
        self._started = False
        self._restarting = False
        self._ending = False
        self._starting = LoopingCall(notifier.starting, LONGER)
        self._living = LoopingCall(notifier.alive)
        for call in (self._starting, self._living):
            call.clock = reactor

    def start(self, inherited: Inherited, succession: Succession | None) -> None:
        """Start the service, or stop with status 1."""
        self._succession = succession
        if is_root_without_need(self._config):
            log.warn(
                "the server runs as root: set `user` in the configuration to the name of a user "
                "that it becomes, or start it as an ordinary user"
            )
        self._service = Service(self._config, self._reactor, inherited, self.restart, succession)
        self._starting.start(STARTING)
        self._notifier.watch()
        if self._notifier.interval and not self._living.running:
            self._living.start(self._notifier.interval)
        starting = Deferred.fromCoroutine(self._service.start())
        starting.addCallbacks(self._note_started, self._note_failure)

    def stop(self) -> Deferred[None]:
        """Stop the service."""
        self._notifier.stopping()
        return spawn(self._service.stop()) if self._service is not None else spawn(_nothing())

    def terminate(self, *_: object) -> None:
        """Stop the process; this is a signal handler, so the reactor does it later."""
        self._reactor.callFromThread(self._end)

    def hang_up(self, *_: object) -> None:
        """Reload the configuration; this is a signal handler, so the reactor does it later."""
        self._reactor.callFromThread(self._reload)

    def replace(self, *_: object) -> None:
        """Restart; this is a signal handler, so the reactor does it later."""
        self._reactor.callFromThread(self._restart_and_log)

    async def restart(self) -> dict[str, Json]:
        """Replace this program by the version on disk; raises Rejected if it cannot serve.

        Returns only if the program could not be replaced although its trial was passed.
        """
        if self._restarting or not self._started or self._ending or self._service is None:
            raise Rejected("busy", "nothing was changed: the server starts, restarts or stops")
        self._restarting = True
        try:
            command = program(self._config.file)
            used = in_use(self._service.config)
            log.info("a restart begins with a trial of the version on disk")
            report = await try_version(self._reactor, command, used, os.environ)
            log.info("the version on disk can serve: {report}", report=report)
            self._notifier.reloading("restarting")
            try:
                succession = await self._service.hand_over()
            except Rejected:
                self._notifier.ready("the restart was refused")
                raise
            if not self._ending:
                self._replace(command, succession)
        finally:
            self._restarting = False
        return {}

    def _replace(self, command: list[str], succession: Succession) -> None:
        """Run the version on disk in place of this one; if that fails, start again without it."""
        self._started = False
        self._notifier.leave()
        file = write_succession(succession)
        environment = {**os.environ, **self._notifier.environment, VARIABLE: str(file)}
        try:
            with passed_on():  # the next program binds addresses, too
                replace_program(command, environment, (file, *succession.descriptors))
        except OSError as fault:
            close_all([file])
            text = f"the version on disk could not be run ({fault}): the old one continues"
            log.critical("{text}", text=text)
            succession.refuse(lambda id_: write_refusal(id_, Rejected("unavailable", text)))
            assert self._service is not None
            self._config = self._service.config
            self.start(Inherited({}), succession.without_restarts())

    def _restart_and_log(self) -> None:
        async def restart() -> None:
            try:
                await self.restart()
            except Rejected as refusal:
                log.error("not restarted: {refusal}", refusal=refusal.message)

        spawn(restart())

    def _reload(self) -> None:
        if self._started and self._service is not None:
            spawn(self._service.reload())

    def _end(self) -> None:
        """Stop; after a restart only when its workers are known, so that they are stopped too."""
        if not self._ending:
            self._ending = True
            if self._started or self._succession is None:
                self._reactor.stop()

    def _note_started(self, _: object) -> None:
        self._started = True
        if self._ending:
            self._reactor.stop()
            return
        self._starting.stop()
        self._notifier.ready("answering")
        if self._succession is not None:
            seconds = self._reactor.seconds() - self._succession.began
            log.info("restarted within {seconds:.2f} s", seconds=seconds)

    def _note_failure(self, failure: Failure) -> None:
        if self._ending:
            return  # it was told to stop, and so could not start
        self.status = 1
        if isinstance(failure.value, Corrupt | CannotStart | CannotListen):
            log.critical("cannot start: {fault}", fault=failure.getErrorMessage())
        else:
            log.failure("cannot start", failure)
        _cannot_start(self._succession, failure.getErrorMessage())
        self._succession = None
        self._ending = False
        self._end()


def _cannot_start(succession: Succession | None, why: str) -> int:
    """Reply to clients that wait for a restart; return the exit status."""
    if succession is not None:
        refusal = Rejected("unavailable", f"the new version cannot start: {why}")
        succession.refuse(lambda id_: write_refusal(id_, refusal))
    return 1


async def _nothing() -> None:
    """Do nothing."""
