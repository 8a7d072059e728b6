"""Who answers: the control process, or as many others as there are processors for them."""

from __future__ import annotations

import os
from typing import Any

from failoverdns.model.settings import Config
from failoverdns.net.inherited import Inherited
from failoverdns.workers.fleet import Fleet
from failoverdns.workers.in_process import InProcess
from failoverdns.workers.interface import Answering


def answering_of(config: Config, reactor: Any, inherited: Inherited) -> Answering:
    """Return who answers: this process, or as many others as there are cores for them."""
    workers = config.workers
    if workers is None:
        workers = len(os.sched_getaffinity(0))
    rendezvous = config.control.socket.with_name(config.control.socket.name + ".worker")
    if workers == 0:
        return InProcess(reactor, inherited, rendezvous)
    return Fleet(workers, reactor, inherited, rendezvous)
