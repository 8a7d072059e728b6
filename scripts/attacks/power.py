"""Cut the power of a server's disk at random moments of streams of changes.

The streams go on for a moment on the dead disk, so that the server has to refuse changes; then all
processes are killed, and the server starts from what the disk kept.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

from attacks.disk import Disk
from attacks.faults import LYING, Faults
from attacks.rounds import Attack
from attacks.streams import Sent
from attacks.target import Target

LINGERING = 0.2
"""Seconds, at most, that the server runs on the dead disk."""


class PowerLosses(Attack):
    """Cuts the power of the file system that holds the state and the key file."""

    rotates = 1.0

    def __init__(
        self, folder: Path, seed: str, number: int = 0, *, kind: str = "ext4", lying: bool = False
    ) -> None:
        """Attack a server whose state is on a file system of a kind.

        With `lying`, syncs have no effect: changes that were acknowledged must then be lost, or
        this attack would not notice a server that does not sync.
        """
        self.disk = Disk(folder, kind)
        super().__init__(
            Target(folder, workers=number % 2, state=self.disk.path / "state.db"), seed
        )
        self._cut = 0.0, 0.0
        self._faults = Faults(folder, self.disk.path) if lying else None
        if self._faults is not None:
            self.server.environment.update(self._faults.environment)

    def prepare(self) -> None:
        """Let the disk lie from now on, if it shall."""
        if self._faults is not None:
            self._faults.inject(LYING)

    def strike(self) -> None:
        """Cut the power, and kill all processes a little later.

        In half of the rounds the kernel has just written some of the pages that were not synced.
        """
        if self.dice.random() < 0.5:
            self.disk.write_back(self.dice)
            self.counts["power losses with some pages written"] += 1
        began = time.monotonic()
        self.disk.cut_power()
        self._cut = began, time.monotonic()
        self.pause(LINGERING)
        self.server.kill_all()
        self.disk.unmount()
        self.counts["power losses"] += 1

    def believe(self, sent: Sequence[Sent]) -> None:
        """Drop acknowledgements of syncs that were under way while the power was cut.

        The kernel lets such a sync succeed, although the data is lost (see `attacks.disk`); with
        the power off, no client would get the reply.  A command that was sent afterwards is judged.
        """
        began, ended = self._cut
        for command in sent:
            if command.acknowledged and command.sent_at < ended and command.replied_at > began:
                command.reply = None
                self.counts["power losses: acknowledgements dropped"] += 1

    def recover(self) -> None:
        """Replay the journal of the file system, and start the server."""
        self.disk.mount()
        self.server.start()

    def close(self) -> None:
        """End all processes and remove the file system."""
        try:
            super().close()
        finally:
            self.disk.close()


def loses_what_is_not_synced(folder: Path, kind: str = "ext4") -> bool:
    """Return whether a power loss of such a disk loses a file without a sync, and only that."""
    disk = Disk(folder, kind)
    try:
        kept, lost = disk.path / "kept", disk.path / "lost"
        kept.write_bytes(b"x" * 1000)
        _sync(kept)
        _sync(disk.path)
        lost.write_bytes(b"x" * 1000)
        disk.cut_power()
        disk.unmount()
        disk.mount()
        is_kept = kept.read_bytes() == b"x" * 1000
        return is_kept and not (lost.exists() and lost.read_bytes() == b"x" * 1000)
    finally:
        disk.close()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
