"""Rounds of an attack: streams of changes, a disaster, a start, and a comparison.

Each attack is a subclass that says what the disaster is.  Servers run side by side, each with a
state of its own, which is thrown away after some rounds, so that its history stays short.
"""

from __future__ import annotations

import random
import shutil
import tempfile
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from attacks.streams import CHANGES, Sent, Stream, load, rotations
from attacks.target import Target
from attacks.truth import Known, Tally, compare, observe, retry

ROUNDS_OF_A_STATE = 25
BROKEN_STATES = 20
"""States with a broken promise after which an attack ends early."""

LONGEST = 0.25
"""Seconds, at most, that the streams run before something fails."""


@dataclass
class Result:
    """What a number of rounds showed."""

    rounds: int = 0
    tally: Tally = field(default_factory=Tally)
    starts: list[float] = field(default_factory=list)
    """Seconds of each start after a disaster."""

    def add(self, other: Result) -> None:
        """Add other rounds."""
        self.rounds += other.rounds
        self.tally.add(other.tally)
        self.starts += other.starts


class Attack(ABC):
    """One server in a folder of its own, and what happens to it in each round."""

    rotates = 0.5
    """The share of rounds in which the key of the vault is replaced all the time."""

    def __init__(self, server: Target, seed: str) -> None:
        self.server = server
        self.dice = random.Random(seed)
        self.result = Result()
        self.counts = self.result.tally.counts

    @abstractmethod
    def prepare(self) -> None:
        """Do what comes after the start and before the first round."""

    @abstractmethod
    def strike(self) -> None:
        """Let the disaster happen, while the streams run; all their connections break."""

    @abstractmethod
    def recover(self) -> None:
        """Start the server again, with a disk that works."""

    def close(self) -> None:
        """End all processes, and give back what the attack needed."""
        self.server.kill()

    def run(self, rounds: int) -> Result:
        """Run this number of rounds, or fewer if a promise is broken."""
        try:
            self.server.start()
            load(self.server)
            self.prepare()
            known = observe(self.server)
            while self.result.rounds < rounds and not self.result.tally.broken:
                if _stopping.is_set():
                    break
                known = self._round(known)
        except Exception as fault:  # a server that does not start breaks a promise, too
            self.result.tally.broken.append(f"{type(fault).__name__}: {fault}")
        finally:
            self.close()
        return self.result

    def _round(self, known: Known) -> Known:
        self.result.rounds += 1
        seed = str(self.dice.random())
        kinds = [*CHANGES, rotations] if self.dice.random() < self.rotates else [*CHANGES]
        streams = [Stream(self.server, kind, f"{seed}{kind.__name__}") for kind in kinds]
        for stream in streams:
            stream.start()
        self.pause(LONGEST)
        self.strike()
        sent: list[Sent] = [each for stream in streams for each in stream.stop()]
        began = time.monotonic()
        self.recover()
        self.result.starts.append(time.monotonic() - began)
        known, tally = compare(self.server, known, sent)
        known, broken = retry(self.server, sent, known)
        self.result.tally.add(tally)
        self.result.tally.broken += broken
        return known

    def pause(self, longest: float) -> None:
        """Wait for a random time."""
        time.sleep(self.dice.uniform(0.0, longest))


_stopping = threading.Event()

Make = Callable[[Path, str, int], Attack]
"""Returns an attack in a folder, with a seed, of the server with a number."""


def attack(make: Make, rounds: int, instances: int, seed: str, keep: Path | None = None) -> Result:
    """Attack several servers side by side, `rounds` times in all; return what this showed.

    The folder of a server that broke a promise is copied into `keep`, if that is given.
    """
    total, lock = Result(), threading.Lock()
    begun = states = failed = 0

    def one(_: int) -> None:
        nonlocal begun, states, failed
        while True:
            with lock:
                number, size = states, min(ROUNDS_OF_A_STATE, rounds - begun)
                if size <= 0 or failed >= BROKEN_STATES or _stopping.is_set():
                    return
                states, begun = states + 1, begun + size
            result = _attack_state(make, f"{seed}-{number}", number, size, keep)
            with lock:
                begun -= size - result.rounds
                failed += bool(result.tally.broken)
                total.add(result)
                print(f"{total.rounds} rounds", flush=True)

    with ThreadPoolExecutor(instances) as threads:
        try:
            list(threads.map(one, range(instances)))
        except BaseException:  # interrupted: end after the current rounds, and clean up
            _stopping.set()
            raise
    return total


def _attack_state(make: Make, seed: str, number: int, size: int, keep: Path | None) -> Result:
    with tempfile.TemporaryDirectory(prefix="attack-", ignore_cleanup_errors=True) as name:
        result = make(Path(name), seed, number).run(size)
        for broken in result.tally.broken:
            print(f"seed {seed}, round {result.rounds}: {broken}", flush=True)
        if result.tally.broken and keep is not None:
            shutil.copytree(name, keep / seed, ignore=_unreadable, dirs_exist_ok=True)
    return result


def _unreadable(folder: str, names: Sequence[str]) -> list[str]:
    return [name for name in names if (Path(folder) / name).is_socket()]
