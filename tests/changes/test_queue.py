"""Commands by hand do not wait for dynamic updates, nor updates that are small for large ones."""

from __future__ import annotations

import dns.update
from corridors import WHO, Corridor
from updates import command

from failoverdns.changes.batch import Done, Submission
from failoverdns.changes.queue import MAX_BATCH, Queue
from failoverdns.model.commands import Mutation
from failoverdns.model.commands.applications import AddApplication
from failoverdns.model.commands.updates import UpdateZone


def update(records: int) -> UpdateZone:
    def write(message: dns.update.UpdateMessage) -> None:
        for number in range(records):
            message.add(f"h{number}", 60, "A", "192.0.2.7")

    return command(write)


def batches(*commands: Mutation) -> list[list[Mutation]]:
    """Return the commands of each batch, if all of these wait."""
    queue = Queue()
    for one in commands:
        queue.append(Submission(one, WHO, {}, lambda _: None))
    found = []
    while queue:
        found.append([one.command for one in queue.take()])
    return found


HAND = AddApplication("eu")
SMALL, LARGE = update(1), update(MAX_BATCH + 1)


def test_small_commands_share_a_batch_in_their_order() -> None:
    others = [AddApplication(f"a{number}") for number in range(MAX_BATCH + 1)]
    assert batches(*others) == [others[:-1], others[-1:]]
    assert batches(SMALL, HAND, SMALL) == [[HAND, SMALL, SMALL]]


def test_a_large_update_is_in_a_batch_of_its_own() -> None:
    assert batches(SMALL, LARGE, LARGE, SMALL) == [[SMALL], [LARGE], [LARGE], [SMALL]]
    assert batches(LARGE, HAND) == [[HAND], [LARGE]]


def test_records_count_together() -> None:
    half = update(MAX_BATCH // 2)
    assert batches(half, half, half) == [[half, half], [half]]


def test_a_command_that_arrives_while_an_update_is_stored_is_next(corridor: Corridor) -> None:
    corridor.gate.closed = True
    corridor.submit(AddApplication("us"))
    updates = [corridor.submit(LARGE) for _ in range(3)]
    by_hand = corridor.submit(HAND)
    corridor.gate.open()
    (outcome,) = by_hand
    assert isinstance(outcome, Done)
    assert outcome.revision == 3
    assert all(updates)
