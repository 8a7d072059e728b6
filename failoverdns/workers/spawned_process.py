"""A process of ours that this control process starts, with a channel to it."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress

from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol

from failoverdns.net.own_process import command, environment
from failoverdns.workers.called_process import CalledProcess
from failoverdns.workers.channel import CHANNEL, Channel, open_channel
from failoverdns.workers.interface import CannotAnswer


class SpawnedProcess(CalledProcess, ProcessProtocol):
    """A process that runs a function of the package; what it does is in that function."""

    def spawn(self, channel: Channel, function: str, arguments: Sequence[str], name: str) -> None:
        """Start the process, which runs `function` (as "module:name") with `arguments`.

        `channel` is our end; `name` is what the process is called in the log, and in the text of
        CannotAnswer, which is raised if it cannot be started.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._channel = channel
        open_channel(self._reactor, ours.fileno(), channel)
        ours.close()
        nothing = os.open(os.devnull, os.O_RDWR)
        try:
            process = self._reactor.spawnProcess(
                self,
                sys.executable,
                command(function, tuple(arguments), sys.path),
                env=environment(os.environ),
                path="/",
                childFDs={0: nothing, 1: 2, 2: 2, CHANNEL: theirs.fileno()},
            )
        except OSError as fault:
            self._retiring = True
            channel.abort()
            raise CannotAnswer(f"the {name} cannot be started: {fault}") from None
        finally:
            os.close(nothing)
            theirs.close()
        self.pid = process.pid
        channel.name = f"{name} {self.pid}"

    def _kill(self) -> None:
        with suppress(ProcessExitedAlready, ProcessLookupError):
            self.transport.signalProcess(signal.SIGKILL)  # type: ignore[union-attr]
