"""The filter of system calls, run by a small interpreter of classic BPF: for both architectures."""

from __future__ import annotations

import errno
import struct

import pytest

from failoverdns.confinement.seccomp import program

PID = 4711
AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
ALLOWED = 0x7FFF0000
FAILS = 0x00050000
NUMBERS = {
    # name: numbers on x86_64 and aarch64
    "sendmmsg": (307, 269),
    "openat": (257, 56),
    "accept4": (288, 242),
    "clone": (56, 220),
    "clone3": (435, 435),
    "socket": (41, 198),
    "ioctl": (16, 29),
    "tgkill": (234, 131),
    "prlimit64": (302, 261),
    "execve": (59, 221),
    "execveat": (322, 281),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "open_by_handle_at": (304, 265),
    "connect": (42, 203),
    "socketpair": (53, 199),
    "kill": (62, 129),
    "setuid": (105, 146),
    "prctl": (157, 167),
    "capset": (126, 91),
    "mount": (165, 40),
    "io_uring_setup": (425, 425),
    "bpf": (321, 280),
    "pidfd_getfd": (438, 438),
    "memfd_create": (319, 279),
}


def decide(
    machine: str, number: int, *arguments: int, audit: int | None = None, asks: bool = False
) -> int:
    """Run the filter over one system call; return what it decides."""
    padded = (*arguments, *([0] * (6 - len(arguments))))
    data = struct.pack("=iIQ6Q", number, audit or AUDIT[machine], 0, *padded)
    code = program(machine, PID, asks=asks)
    at, value = 0, 0
    while True:
        operation, if_true, if_false, k = code[at]
        at += 1
        match operation:
            case 0x20:
                (value,) = struct.unpack_from("=I", data, k)
            case 0x54:
                value &= k
            case 0x15:
                at += if_true if value == k else if_false
            case 0x25:
                at += if_true if value > k else if_false
            case 0x45:
                at += if_true if value & k else if_false
            case _:
                assert operation == 0x06
                return k


def fails(number: int) -> int:
    """Return the decision that a call fails with an error."""
    return FAILS | number


@pytest.mark.parametrize("machine", AUDIT)
@pytest.mark.parametrize(
    ("name", "arguments", "decision"),
    [
        ("sendmmsg", (3, 0, 8, 0), ALLOWED),
        ("openat", (), ALLOWED),
        ("accept4", (), ALLOWED),
        ("clone", (0x3D0F00,), ALLOWED),  # a thread of glibc
        ("clone", (0x1200011,), fails(errno.EPERM)),  # fork of glibc
        ("clone", (0x4111,), fails(errno.EPERM)),  # vfork
        ("clone3", (), fails(errno.ENOSYS)),
        ("socket", (1, 1, 0), ALLOWED),
        ("socket", (1, 1 | 0o2000000 | 0o4000, 0), ALLOWED),
        ("socket", (1, 2, 0), fails(errno.EPERM)),
        ("socket", (2, 1, 0), fails(errno.EPERM)),
        ("socket", (10, 2, 0), fails(errno.EPERM)),
        ("socket", (16, 3, 0), fails(errno.EPERM)),
        ("ioctl", (3, 0x5421), ALLOWED),
        ("ioctl", (3, 0x5401), ALLOWED),
        ("ioctl", (3, 0x5412), fails(errno.EPERM)),
        ("tgkill", (PID, 1, 6), ALLOWED),
        ("tgkill", (PID + 1, 1, 6), fails(errno.EPERM)),
        ("prlimit64", (0, 7), ALLOWED),
        ("prlimit64", (1, 7), fails(errno.EPERM)),
        *((name, (), fails(errno.EPERM)) for name in list(NUMBERS)[9:]),
    ],
)
def test_a_system_call_is_judged(
    machine: str, name: str, arguments: tuple[int, ...], decision: int
) -> None:
    """By its number and its arguments."""
    number = NUMBERS[name][list(AUDIT).index(machine)]
    assert decide(machine, number, *arguments) == decision


@pytest.mark.parametrize("machine", AUDIT)
def test_what_is_not_known_fails(machine: str) -> None:
    """Calls of a newer kernel do not exist; those of another architecture are refused."""
    number = NUMBERS["sendmmsg"][list(AUDIT).index(machine)]
    assert decide(machine, 600) == fails(errno.ENOSYS)
    assert decide(machine, number, audit=0x40000003) == fails(errno.EPERM)
    assert decide(machine, number | 0x40000000) != ALLOWED  # x32


@pytest.mark.parametrize("machine", AUDIT)
@pytest.mark.parametrize(
    ("name", "arguments", "decision"),
    [
        ("socket", (2, 2, 0), ALLOWED),
        ("socket", (10, 2 | 0o2000000 | 0o4000, 17), ALLOWED),
        ("socket", (2, 1, 0), fails(errno.EPERM)),
        ("socket", (10, 3, 58), fails(errno.EPERM)),
        ("socket", (1, 2, 0), fails(errno.EPERM)),
        ("socket", (1, 1, 0), fails(errno.EPERM)),
        ("socket", (16, 2, 0), fails(errno.EPERM)),
        ("connect", (), ALLOWED),
        ("execve", (), fails(errno.EPERM)),
        ("clone", (0x1200011,), fails(errno.EPERM)),
        ("sendmmsg", (3, 0, 8, 0), ALLOWED),
    ],
)
def test_a_process_that_asks_others_may_open_udp_sockets_and_no_others(
    machine: str, name: str, arguments: tuple[int, ...], decision: int
) -> None:
    number = NUMBERS[name][list(AUDIT).index(machine)]
    assert decide(machine, number, *arguments, asks=True) == decision
