"""Kills, failing disks, power losses and hung processes, in short forms of `scripts/attack`."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from attacks.cases import CASES
from attacks.disk import PAGE, Disk, obstacle
from attacks.kills import Kills
from attacks.losses import measure
from attacks.power import PowerLosses, loses_what_is_not_synced
from attacks.rounds import Result
from system.server import tool

PAGES = 1000
SHARE = 0.2
"""The share of the queries of `scripts/attack losses`: other tests run at the same time."""


def check(result: Result, rounds: int) -> None:
    """Check that no promise was broken, and that there were promises."""
    assert result.tally.broken == []
    assert result.rounds == rounds
    assert result.tally.counts["acknowledged"] > 0


@pytest.fixture
def disk_folder(tmp_path: Path) -> Path:
    """Return a folder in which a file system can be mounted, or skip the test."""
    problem = obstacle(tmp_path)
    if problem is not None:
        able = os.geteuid() == 0 and Path("/dev/loop-control").exists()
        if os.environ.get("CI") == "true" and able:
            pytest.fail(problem)
        pytest.skip(problem)
    return tmp_path


@pytest.mark.long
@pytest.mark.parametrize(("seed", "number"), [("one", 0), ("two", 3)])
def test_kills_and_disk_errors_lose_no_acknowledged_change_and_carry_out_no_refused_one(
    tmp_path: Path, seed: str, number: int
) -> None:
    """In half of the rounds, syncs, writes or renames fail before the kill."""
    tool("cc")
    check(Kills(tmp_path, seed, number).run(5), 5)


@pytest.mark.long
@pytest.mark.parametrize("number", [0, 1])
def test_power_losses_lose_no_acknowledged_change(disk_folder: Path, number: int) -> None:
    """The key of the vault is replaced all the time."""
    check(PowerLosses(disk_folder, f"power {number}", number).run(2), 2)


def test_a_power_loss_loses_data_that_was_not_synced(disk_folder: Path) -> None:
    """Otherwise the tests above would show nothing."""
    assert loses_what_is_not_synced(disk_folder)


def test_a_power_loss_may_keep_some_pages_that_were_not_synced(disk_folder: Path) -> None:
    """It keeps those that the kernel has written already."""
    disk = Disk(disk_folder)
    try:
        file = disk.path / "file"
        with file.open("wb") as writing:
            writing.write(b"old " * (PAGES * PAGE // 4))
            writing.flush()
            os.fsync(writing.fileno())
        with file.open("r+b", buffering=0) as writing:
            for _ in range(PAGES):
                writing.write(b"new " * (PAGE // 4))
        dice = random.Random(1)
        for _ in range(5):
            disk.write_back(dice)
        disk.cut_power()
        disk.unmount()
        disk.mount()
        assert {*file.read_bytes().split()} == {b"old", b"new"}
    finally:
        disk.close()


@pytest.mark.long
def test_a_disk_that_does_not_sync_loses_acknowledged_changes(disk_folder: Path) -> None:
    """The comparison finds the loss."""
    tool("cc")
    result = PowerLosses(disk_folder, "control", lying=True).run(3)
    refused = any("cannot start" in text for text in result.tally.broken)
    assert refused or result.tally.counts["acknowledged, lost"] > 0, result


@pytest.mark.long
def test_a_hung_answering_process_is_replaced_and_no_answer_is_wrong() -> None:
    """It is stopped three times, under traffic and switches."""
    figures = measure(CASES["hang-worker"], 3 / 20, SHARE)
    assert figures["events"] == 3, figures
    assert figures["wrong"] == 0, figures
    assert figures["switches"]["refused"] == figures["switches"]["unknown"] == 0, figures


@pytest.mark.long
def test_a_restart_loses_no_query() -> None:
    """It is restarted three times, under traffic over UDP and TCP, and switches."""
    figures = measure(CASES["restarts"], 3 / 100, SHARE)
    assert figures["events"] == 3, figures
    assert figures["wrong"] == 0, figures
    for kind in ("udp", "tcp", "new tcp"):
        assert figures[kind]["lost"] == 0, figures


@pytest.mark.long
def test_a_second_server_takes_no_query_from_the_first() -> None:
    """It has the same control socket and an older state."""
    figures = measure(CASES["second-state"], 2 / 10, SHARE)
    assert figures["events"] == 2, figures
    assert figures["wrong"] == 0, figures
    for kind in ("udp", "tcp", "new tcp"):
        assert figures[kind]["lost"] == 0, figures
