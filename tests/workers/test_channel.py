"""Channels between processes take only the descriptors that they ask for."""

from __future__ import annotations

import os

from failoverdns.workers.channel import MAX_DESCRIPTORS, Channel, call_nothing


def descriptor() -> int:
    """Return a new descriptor."""
    return os.open(os.devnull, os.O_RDONLY)


def is_open(number: int) -> bool:
    """Return whether a descriptor is open."""
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def test_descriptors_that_nobody_asked_for_are_closed() -> None:
    """They are taken while a call waits for them, and the rest is closed afterwards."""
    channel = Channel(call_nothing, call_nothing, lambda _: None)
    unasked, asked, surplus, late = (descriptor() for _ in range(4))
    channel.fileDescriptorReceived(unasked)
    assert not is_open(unasked)
    channel.takes_descriptors = True
    channel.fileDescriptorReceived(asked)
    channel.fileDescriptorReceived(surplus)
    assert channel.take_descriptors(1) == [asked]
    channel.refuse_descriptors()
    assert not is_open(surplus)
    channel.fileDescriptorReceived(late)
    assert not is_open(late)
    os.close(asked)


def test_the_number_of_descriptors_that_wait_is_limited() -> None:
    channel = Channel(call_nothing, call_nothing, lambda _: None)
    channel.takes_descriptors = True
    channel._descriptors.extend(-1 for _ in range(MAX_DESCRIPTORS))
    surplus = descriptor()
    channel.fileDescriptorReceived(surplus)
    assert not is_open(surplus)
    channel._descriptors.clear()
