"""Thousands of random and damaged packets, as `scripts/bench packets` draws them."""

from __future__ import annotations

import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

CORPUS = Path(__file__).resolve().parents[1] / "corpus"
SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "benchmarks" / "packets.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """The script as a module."""
    loader = SourceFileLoader("packets", str(SCRIPT))
    spec = spec_from_loader("packets", loader)
    assert spec is not None
    module = module_from_spec(spec)
    sys.modules["packets"] = module
    loader.exec_module(module)
    return module


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_packet_raises_and_every_reply_is_well_formed(script: ModuleType, seed: int) -> None:
    """Every outcome occurs, so the packets are not all rejected for the same reason."""
    report = script.fuzz(4000, seed)
    assert sum(report.outcomes.values()) == 4000
    for transport in ("UDP", "TCP"):
        for outcome in ("no reply", *script.RCODES.values()):
            assert report.outcomes[f"{transport} {outcome}"] > 0
    assert report.outcomes["UDP NOERROR or BADVERS TC"] > 0


def test_every_packet_of_the_fuzzing_corpus_is_handled(script: ModuleType) -> None:
    """The corpus has the packets with which `scripts/bench fuzz` reached another line or branch."""
    table, files = script.small_table(), sorted(CORPUS.iterdir())
    assert len(files) > 30
    for file in files:
        script.try_every_way(table, file.read_bytes())


def test_mutations_of_the_fuzzing_corpus_are_handled(script: ModuleType) -> None:
    """Each packet is tried 100 times, with bytes changed, removed, doubled or taken from others."""
    table, random = script.small_table(), script.Random(20261124)
    packets = [file.read_bytes() for file in sorted(CORPUS.iterdir())]
    for packet in packets:
        for _ in range(100):
            other = random.choice(packets)
            changed = bytearray(packet)
            for _ in range(random.randrange(1, 4)):
                at = random.randrange(len(changed) + 1)
                end = at + random.choice([0, 0, 1, 2, 8])
                start = random.randrange(len(other) + 1)
                piece = other[start : start + random.choice([0, 1, 1, 2, 12])]
                changed[at:end] = random.choice([random.randbytes(1), piece])
            script.try_every_way(table, bytes(changed))


@pytest.mark.parametrize("kind", ["valid", "damaged", "noise", "pointers", "labels", "options"])
def test_generated_packets_fit_into_their_transport(script: ModuleType, kind: str) -> None:
    """TCP messages have up to 64 KiB, and the worst kinds are nearly that long."""
    [make] = [make for name, make, _ in script.KINDS if name == kind]
    random = script.Random(1)
    sizes = [len(make(random, 65535)) for _ in range(50)]
    assert max(sizes) <= 65535
    assert kind not in ("pointers", "options") or max(sizes) > 65000


def test_the_script_prints_the_outcomes_of_the_packets_and_their_cost() -> None:
    """Run by hand it prints the count, the outcomes, mean, p99 and the worst packets."""
    arguments = [sys.executable, str(SCRIPT), "--packets", "300", "--seed", "7"]
    printed = subprocess.run(arguments, capture_output=True, text=True, check=True).stdout
    assert printed.startswith("300 packets, seed 7: nothing raised, replies well-formed\n")
    for part in ("FORMERR", "mean ", "p99 ", "worst UDP: ", "worst TCP: "):
        assert part in printed
