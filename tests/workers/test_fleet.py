"""The fleet of answering processes, as far as it can be seen without starting one."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from heads import reactor

from failoverdns.net.inherited import Inherited
from failoverdns.net.peer import peer_process
from failoverdns.workers.fleet import Fleet
from failoverdns.workers.worker_process import Worker


def test_the_control_socket_knows_answering_processes_by_their_ids(tmp_path: Path) -> None:
    """They are refused there: they have no reason to give commands."""
    left, right = socket.socketpair()
    with left, right:
        assert peer_process(left) == os.getpid()
    fleet = Fleet(1, reactor, Inherited({}), tmp_path / "control.sock")
    assert not fleet.includes(os.getpid())
    worker = Worker(reactor, 0, lambda _: None)
    worker.pid = os.getpid()
    fleet._workers.append(worker)
    assert fleet.includes(os.getpid())
    assert not fleet.includes(os.getppid())
