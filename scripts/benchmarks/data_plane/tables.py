"""Tables of the figures that `parts` measures; the first row is the heading."""

from __future__ import annotations

from data_plane.parts import LATENCY_SHARES, Figures
from data_plane.servers import ECHO

Row = tuple[object, ...]


def cpu_rows(figures: Figures) -> list[Row]:
    """Return a table of the CPU per answer."""
    shapes = list(figures[ECHO])
    rows: list[Row] = [
        (
            "CPU an answer",
            "us",
            "of control",
            "/ C echo",
            *(f"{shape}/plain" for shape in shapes[1:]),
            "answers/s",
            "waited",
            "load waited",
        )
    ]
    for name, by_shape in figures.items():
        plain = by_shape["plain"]
        rows.append(
            (
                name,
                f"{plain['cpu_us']:.2f}",
                f"{plain['control_us']:.2f}",
                f"{plain['echo_ratio']:.2f}",
                *(
                    f"{by_shape[shape]['plain_ratio']:.2f}" if shape in by_shape else "-"
                    for shape in shapes[1:]
                ),
                round(plain["per_second"]),
                f"{plain['waited']:.0%}",
                f"{plain['load_waited']:.0%}",
            )
        )
    return rows


def million_rows(figures: Figures) -> list[Row]:
    """Return a table of start, memory and CPU at very many names."""
    rows: list[Row] = [
        ("many names", "start s", "PSS answering MiB", "PSS all", "RSS all", "us", "/ C echo")
    ]
    for name, one in figures.items():
        memory = one["memory"]
        rows.append(
            (
                name,
                one["start_s"] if name != ECHO else "",
                memory["answering"]["pss_mib"],
                memory["all"]["pss_mib"],
                memory["all"]["rss_mib"],
                f"{one['plain']['cpu_us']:.2f}",
                f"{one['plain']['echo_ratio']:.2f}",
            )
        )
    return rows


def latency_rows(figures: Figures) -> list[Row]:
    """Return a table of latencies."""
    shares = [f"{share:.0%}" for share in LATENCY_SHARES]
    rows: list[Row] = [
        (
            "us: p50, p99, p99.9",
            "capacity/s",
            *(f"at {share}" for share in shares),
            "lost at 80%",
            "asked late",
            "calm runs",
        )
    ]
    for name, one in figures.items():
        cells = [
            " ".join(f"{one[share][key]:.0f}" for key in ("p50_us", "p99_us", "p999_us"))
            for share in shares
        ]
        last = one[shares[-1]]
        runs = " ".join(f"{one[share]['calm']}/{one[share]['runs']}" for share in shares)
        lost, late = round(last["lost"]), round(last["late"])
        rows.append((name, one["capacity"], *cells, lost, late, runs))
    return rows


def idle_rows(figures: Figures) -> list[Row]:
    """Return a table of the CPU and wake-ups of idle servers."""
    rows: list[Row] = [("idle", "CPU ms a second", "wake-ups a second")]
    rows += [
        (name, one["cpu_ms_a_second"], one["wake_ups_a_second"]) for name, one in figures.items()
    ]
    return rows


def workers_rows(figures: Figures) -> list[Row]:
    """Return a table of the CPU with one and two workers."""
    rows: list[Row] = [("workers (all share the cores)", "1: us", "2: us", "2 / 1")]
    for name, one in figures.items():
        us = [one[count]["cpu_us"] for count in ("1", "2")]
        rows.append((name, *(f"{each:.2f}" for each in us), f"{us[1] / us[0]:.2f}"))
    return rows
