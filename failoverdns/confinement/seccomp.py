"""The system calls of a process of ours (seccomp(2)): those in a list; others get EPERM.

The list has what Python, Twisted and the C library use in a process that answers on sockets it was
given, and writes a log.  What is not in it: to run programs, to start processes, to trace or signal
others, to connect, to open sockets but the one it listens at for the next control process, to
mount, to change users.  Refused calls fail, and end nothing.  The transfer process may open UDP
sockets, too, because it sends NOTIFY messages.

Linux knows a system call by its number, which differs by architecture: another one than those in
the table gets no filter.
"""

from __future__ import annotations

import errno
import os
import platform
import struct
import sys
from collections.abc import Iterator, Sequence
from ctypes import addressof, create_string_buffer
from typing import Final

from failoverdns.confinement.system_calls import prctl, system_call

ALLOWED: Final = """
recvmmsg 299 243           sendmmsg 307 269          recvmsg 47 212        sendmsg 46 211
sendto 44 206              recvfrom 45 207           read 0 63             write 1 64
epoll_wait 232 -           epoll_pwait 281 22        epoll_pwait2 441 441  epoll_ctl 233 21
futex 202 98               clock_gettime 228 113     accept4 288 242       accept 43 202
close 3 57                 poll 7 -                  ppoll 271 73          select 23 -
pselect6 270 72            epoll_create1 291 20      readv 19 65           writev 20 66
pread64 17 67              pwrite64 18 68            bind 49 200           listen 50 201
shutdown 48 210            getsockname 51 204        getpeername 52 205    getsockopt 55 209
setsockopt 54 208          close_range 436 436       dup 32 23             dup2 33 -
dup3 292 24                fcntl 72 25               flock 73 32           fstat 5 80
stat 4 -                   lstat 6 -                 newfstatat 262 79     statx 332 291
lseek 8 62                 open 2 -                  openat 257 56         access 21 -
faccessat 269 48           faccessat2 439 439        getdents64 217 61     readlink 89 -
readlinkat 267 78          getcwd 79 17              mkdir 83 -            mkdirat 258 34
rename 82 -                renameat 264 38           renameat2 316 276     unlink 87 -
unlinkat 263 35            umask 95 166              fsync 74 82           fdatasync 75 83
pipe 22 -                  pipe2 293 59              eventfd2 290 19       mmap 9 222
munmap 11 215              mremap 25 216             mprotect 10 226       madvise 28 233
brk 12 214                 membarrier 324 283        rseq 334 293          set_robust_list 273 99
get_robust_list 274 100    set_tid_address 218 96    sched_yield 24 124    sched_getaffinity 204 123
gettid 186 178             getpid 39 172             getppid 110 173       exit 60 93
exit_group 231 94          restart_syscall 219 128   rt_sigaction 13 134   rt_sigprocmask 14 135
rt_sigreturn 15 139        rt_sigpending 127 136     rt_sigtimedwait 128 137  sigaltstack 131 132
pause 34 -                 clock_getres 229 114      clock_nanosleep 230 115  nanosleep 35 101
gettimeofday 96 169        time 201 -                times 100 153         getrusage 98 165
getuid 102 174             geteuid 107 175           getgid 104 176        getegid 108 177
getresuid 118 148          getresgid 120 150         getgroups 115 158     uname 63 160
sysinfo 99 179             getrandom 318 278         capget 125 90         getrlimit 97 163
setrlimit 160 164
"""
"""Names of system calls with their numbers on x86_64 and on aarch64; the most frequent first."""

_JUDGED: Final = {
    "clone": (56, 220),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "ioctl": (16, 29),
    "tgkill": (234, 131),
}
_JUDGED_LATER: Final = {"prlimit64": (302, 261), "clone3": (435, 435)}
"""System calls that depend on their arguments."""

_MACHINES: Final = {"x86_64": (0, 0xC000003E, 317), "aarch64": (1, 0xC00000B7, 277)}
"""By architecture: its column, the number that audit(7) has for it, and that of seccomp(2)."""

_NEWEST: Final = 462
"""System calls above are not known here, so the C library is told that there are none."""

_CLONE_THREAD: Final = 0x10000
_AF_UNIX, _AF_INET, _AF_INET6 = 1, 2, 10
_SOCK_STREAM, _SOCK_DGRAM, _KINDS = 1, 2, 0xF
_CONNECT: Final = (42, 203)
_IOCTLS: Final = (0x5421, 0x5450, 0x5451, 0x541B, 0x5401)
"""FIONBIO, FIONCLEX, FIOCLEX, FIONREAD, TCGETS."""

_SET_FILTER, _ALL_THREADS, _KEEP_SPEED = 1, 1, 4
_PR_SET_SECCOMP, _WITH_FILTER = 22, 2
_ALLOW, _FAIL = 0x7FFF0000, 0x00050000
_LOAD, _IF_EQUAL, _IF_GREATER, _IF_SET, _AND, _RETURN = 0x20, 0x15, 0x25, 0x45, 0x54, 0x06
_NUMBER, _MACHINE, _ARGUMENTS = 0, 4, 16
"""Where the number of the call, the architecture and the arguments are, in bytes."""

_INSTRUCTION: Final = struct.Struct("=HBBI")
_PROGRAM: Final = struct.Struct("@HP")

_Code = list[tuple[int, int, int, int]]


def is_known() -> bool:
    """Return whether there is a filter for this architecture."""
    return sys.maxsize > 1 << 32 and platform.machine() in _MACHINES


def restrict(*, asks: bool = False) -> bool:
    """Allow this process the system calls of the list only; return False if there is no filter.

    A process that `asks` others may open UDP sockets and connect them.
    New privileges must have been forbidden before (PR_SET_NO_NEW_PRIVS).  Raises OSError.
    """
    if not is_known():
        return False
    code = program(platform.machine(), os.getpid(), asks=asks)
    packed = b"".join(_INSTRUCTION.pack(*one) for one in code)
    text = create_string_buffer(packed, len(packed))
    given = create_string_buffer(_PROGRAM.pack(len(code), addressof(text)), _PROGRAM.size)
    number = _MACHINES[platform.machine()][2]
    try:
        left = system_call(number, _SET_FILTER, _ALL_THREADS | _KEEP_SPEED, given)
    except PermissionError:  # another filter forbids seccomp(2): this way there is only one thread
        left = prctl(_PR_SET_SECCOMP, _WITH_FILTER, addressof(given))
    if left != 0:
        raise OSError(errno.EBUSY, "a thread could not be restricted")
    return True


def program(machine: str, pid: int, *, asks: bool = False) -> _Code:
    """Return the filter for an architecture as classic BPF; `pid` is that of the process.

    A process that `asks` others may open UDP sockets and connect them.
    """
    column, audit, _ = _MACHINES[machine]
    refused = _fail(errno.EPERM)
    code: _Code = [(_LOAD, 0, 0, _MACHINE), (_IF_EQUAL, 1, 0, audit), refused, _load(_NUMBER)]
    for _, *words in _rows():
        if words[column] != "-":
            code += [(_IF_EQUAL, 0, 1, int(words[column])), (_RETURN, 0, 0, _ALLOW)]
    if asks:
        code += [(_IF_EQUAL, 0, 1, _CONNECT[column]), (_RETURN, 0, 0, _ALLOW)]
    for name, numbers in (_JUDGED | _JUDGED_LATER).items():
        body = _datagram_sockets() if asks and name == "socket" else _judged(name, pid)
        code += [(_IF_EQUAL, 0, len(body), numbers[column]), *body]
    return [*code, (_IF_GREATER, 0, 1, _NEWEST), _fail(errno.ENOSYS), refused]


def _rows() -> Iterator[Sequence[str]]:
    """Yield name and numbers of each system call of the list."""
    words = ALLOWED.split()
    for index in range(0, len(words), 3):
        yield words[index : index + 3]


def _judged(name: str, pid: int) -> _Code:
    """Return what decides about a system call by its arguments; it ends with a decision."""
    allow, refuse = (_RETURN, 0, 0, _ALLOW), _fail(errno.EPERM)
    match name:
        case "clone":  # threads, and no processes
            return [_argument(0), (_IF_SET, 0, 1, _CLONE_THREAD), allow, refuse]
        case "clone3":  # its flags cannot be seen: the C library falls back to clone
            return [_fail(errno.ENOSYS)]
        case "socket" | "socketpair":  # the rendezvous again; what is carried over TLS
            kind: _Code = [_argument(1), (_AND, 0, 0, _KINDS), (_IF_EQUAL, 0, 1, _SOCK_STREAM)]
            return [_argument(0), (_IF_EQUAL, 0, 4, _AF_UNIX), *kind, allow, refuse]
        case "ioctl":
            chosen = [(_IF_EQUAL, len(_IOCTLS) - index, 0, n) for index, n in enumerate(_IOCTLS)]
            return [_argument(1), *chosen, refuse, allow]
        case "tgkill":  # abort(3)
            return [_argument(0), (_IF_EQUAL, 0, 1, pid), allow, refuse]
        case _:  # prlimit64: its own limits
            return [_argument(0), (_IF_EQUAL, 0, 1, 0), allow, refuse]


def _datagram_sockets() -> _Code:
    """Return what decides about socket(2) for a process that asks others over UDP."""
    families: _Code = [_argument(0), (_IF_EQUAL, 1, 0, _AF_INET), (_IF_EQUAL, 0, 4, _AF_INET6)]
    kind: _Code = [_argument(1), (_AND, 0, 0, _KINDS), (_IF_EQUAL, 0, 1, _SOCK_DGRAM)]
    return [*families, *kind, (_RETURN, 0, 0, _ALLOW), _fail(errno.EPERM)]


def _argument(index: int) -> tuple[int, int, int, int]:
    """Return what loads the lower half of an argument (both architectures are little-endian)."""
    return _load(_ARGUMENTS + 8 * index)


def _load(offset: int) -> tuple[int, int, int, int]:
    return _LOAD, 0, 0, offset


def _fail(number: int) -> tuple[int, int, int, int]:
    return _RETURN, 0, 0, _FAIL | number
