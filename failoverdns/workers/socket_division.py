"""Which answering process answers on which sockets, and who continues which TCP connections.

A process answers on the sockets of its place; those of a place that has no process go to another.
"""

from __future__ import annotations

from collections.abc import Iterable

from twisted.logger import Logger

from failoverdns.model.errors import Rejected
from failoverdns.net.addresses import Bound
from failoverdns.net.listeners import Listener
from failoverdns.net.succession import HandedConnection, close_all
from failoverdns.workers.called_process import Gone, Stuck
from failoverdns.workers.calling import call_later
from failoverdns.workers.calls import Call, write_address, write_connections
from failoverdns.workers.worker_process import Worker

log = Logger()


def divide_sockets(workers: Iterable[Worker], sockets: Iterable[Bound]) -> None:
    """Have each pair of sockets answered by one process: that of its place, or another."""
    serving = [worker for worker in workers if worker.is_serving and not worker.is_tls]
    at = {worker.place: worker for worker in serving}
    bound = {one.number: one for one in sockets}
    for worker in serving:
        wanted = {
            number for number, one in bound.items() if at.get(one.place, serving[0]) is worker
        }
        fresh, surplus = sorted(wanted - worker.open), sorted(worker.open - wanted)
        worker.open = wanted
        if fresh:
            written = [[number, write_address(bound[number].asked)] for number in fresh]
            descriptors = [sock.fileno() for number in fresh for sock in bound[number].pair]
            call_later(worker, Call.OPEN, {"sockets": written}, descriptors)
        if surplus:
            call_later(worker, Call.CLOSE, {"numbers": surplus})


def give_tls_sockets(workers: Iterable[Worker], sockets: Iterable[Listener]) -> None:
    """Have the sockets for TLS answered by the process that answers over TLS."""
    bound = {one.number: one for one in sockets}
    for worker in workers:
        if not worker.is_serving or not worker.is_tls:
            continue
        fresh, surplus = sorted(bound.keys() - worker.open), sorted(worker.open - bound.keys())
        worker.open = set(bound)
        if fresh:
            written = [[number, write_address(bound[number].asked)] for number in fresh]
            descriptors = [bound[number].socket.fileno() for number in fresh]
            call_later(worker, Call.OPEN_TLS, {"sockets": written}, descriptors)
        if surplus:
            call_later(worker, Call.CLOSE, {"numbers": surplus})


async def divide_connections(
    workers: Iterable[Worker], connections: Iterable[HandedConnection]
) -> None:
    """Have TCP connections of other processes continued, divided between the processes."""
    serving = [worker for worker in workers if worker.is_serving and not worker.is_tls]
    rest = list(connections)
    for index, worker in enumerate(serving):
        await _give(worker, rest[index :: len(serving)])


async def _give(worker: Worker, connections: list[HandedConnection]) -> None:
    """Have a process continue TCP connections; if it has ended, they are closed."""
    descriptors = [one.descriptor for one in connections]
    try:
        if connections:
            written = {"connections": write_connections(connections)}
            await worker.call(Call.TAKE, written, descriptors)
    except (Gone, Stuck, Rejected) as fault:
        log.error("TCP connections are lost: {fault}", fault=str(fault))
    finally:
        close_all(descriptors)
