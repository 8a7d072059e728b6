"""The choice of the processes that answer: the control process itself, or workers."""

from __future__ import annotations

import os
from typing import Any

from failoverdns.model.settings import Config
from failoverdns.net.inherited import Inherited
from failoverdns.workers.fleet import Fleet
from failoverdns.workers.in_process import InProcess
from failoverdns.workers.interface import Answering


def make_answering(config: Config, reactor: Any, inherited: Inherited) -> Answering:
    """Return the control process for `workers: 0`, else a fleet of workers: one a core by default.

    `inherited` sockets are used before new ones are opened.
    """
    workers = config.workers
    if workers is None:
        workers = len(os.sched_getaffinity(0))
    if workers == 0:
        return InProcess(reactor, inherited, config.control.socket)
    return Fleet(workers, reactor, inherited, config.control.socket)
