"""Each answering process gets a link to each transfer process."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from typing import Any

from failoverdns.workers.calls import Call
from failoverdns.workers.links import Links
from failoverdns.workers.worker_process import Worker


class Answering(Worker):
    """An answering process that keeps the links that it gets."""

    def __init__(self, *, serves: bool) -> None:
        super().__init__(None, 0, lambda _: None)
        self.is_serving = serves
        self.links: list[socket.socket] = []

    async def call(
        self,
        name: str,
        arguments: dict[str, Any] | None = None,
        descriptors: Iterable[int] = (),
        bound: float = 0,
        most: int = 0,
    ) -> Any:
        """Take a link."""
        assert name == Call.LINK
        self.links += [socket.socket(fileno=os.dup(number)) for number in descriptors]


class Transferring:
    """A transfer process that keeps the other ends."""

    def __init__(self) -> None:
        self.links: list[socket.socket] = []

    def give(self, descriptor: int) -> None:
        """Take a link."""
        self.links.append(socket.socket(fileno=os.dup(descriptor)))


def test_each_process_is_linked_as_soon_as_it_answers_and_again_with_another_one() -> None:
    answering = [Answering(serves=True), Answering(serves=False)]
    links = Links()
    for worker in answering:
        links.connect(worker)
    assert [worker.links for worker in answering] == [[], []]
    for _ in range(2):
        transferring = Transferring()
        links.use(transferring.give, answering)
        links.connect(answering[1])
        for worker, end in zip(answering, transferring.links, strict=True):
            end.send(b"query")
            assert worker.links[-1].recv(5) == b"query"
    links.use(None, answering)
    assert [len(worker.links) for worker in answering] == [2, 2]
    for one in (*transferring.links, *answering[0].links, *answering[1].links):
        one.close()
