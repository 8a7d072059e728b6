"""The text for Prometheus: two formats, compressed or not, in pieces that are quick to make."""

from __future__ import annotations

import gzip
import time
from collections.abc import Mapping
from typing import Any

import pytest
from metrics.collected import StatsCollector
from metrics.documents import STATS, stats
from metrics.test_monitoring import promtool
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain

from failoverdns.metrics.exposition import AT_ONCE, begin

OPENMETRICS = "application/openmetrics-text; version=1.0.0, text/plain; version=0.0.4; q=0.5"


def render(document: Mapping[str, Any], accept: str = "") -> tuple[str, bytes]:
    """Return media type and text at once."""
    rendering = begin(document, accept, "")
    return rendering.media_type, b"".join(rendering.pieces)


@pytest.mark.parametrize("groups", [0, 3, AT_ONCE // 2, AT_ONCE, 3 * AT_ONCE + 1])
def test_pieces_are_together_what_prometheus_client_writes_at_once(groups: int) -> None:
    """So that no head, and no sample, is missing or there twice."""
    document = stats(groups)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(StatsCollector(document))
    assert render(document)[1] == generate_latest(registry)


def test_the_plain_format_can_be_read() -> None:
    media_type, text = render(STATS)
    assert media_type.startswith("text/plain; version=0.0.4")
    found = {family.name: family for family in plain(text.decode())}
    values = {tuple(s.labels.values()): s.value for s in found["failoverdns_switches"].samples}
    assert set(values.values()) == {1.0, 2.0}
    (sample,) = found["failoverdns_certificate_not_after_timestamp_seconds"].samples
    assert sample.labels == {"application": 'odd "name"\\'}


def test_openmetrics_is_written_for_who_asks_for_it() -> None:
    """With one end, and each family once."""
    media_type, text = render(stats(3 * AT_ONCE), OPENMETRICS)
    assert media_type.startswith("application/openmetrics-text; version=1.0.0")
    assert text.endswith(b"# EOF\n")
    assert text.count(b"# EOF") == 1
    names = [family.name for family in openmetrics(text.decode())]
    assert len(set(names)) == len(names)
    assert "failoverdns_queries" in names


@pytest.mark.parametrize(
    ("field", "encoding"),
    [
        ("gzip", "gzip"),
        ("deflate, GZIP ; q=0.5", "gzip"),
        ("*", "gzip"),
        ("gzip;q=0", None),
        ("gzip; q=0.0, identity", None),
        ("identity", None),
        ("", None),
    ],
)
def test_the_text_is_compressed_for_who_accepts_it(field: str, encoding: str | None) -> None:
    rendering = begin(STATS, "", field)
    body = b"".join(rendering.pieces)
    assert rendering.encoding == encoding
    assert (gzip.decompress(body) if encoding else body) == render(STATS)[1]


def test_promtool_finds_nothing_to_correct(tmp_path) -> None:
    """Names, units, help texts."""
    import shutil
    import subprocess

    promtool("--version")
    path = shutil.which("promtool")
    assert path is not None
    done = subprocess.run(
        [path, "check", "metrics"], input=render(STATS)[1], capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_ten_thousand_groups_are_written_in_pieces_that_are_quick() -> None:
    """The process that serves HTTP answers others between two pieces."""
    took = []
    pieces = begin(stats(10_000), OPENMETRICS, "gzip").pieces
    began = time.thread_time()
    for _ in pieces:
        took.append(time.thread_time() - began)
        began = time.thread_time()
    assert len(took) > 400
    assert sorted(took)[len(took) // 2] < 0.02
