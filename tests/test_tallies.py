"""Counts only grow, whatever their sources do, and their labels are bounded."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from failoverdns.tallies import BOUNDS, MAX_LABELS, OTHER, Histogram, Histograms, Kept, Tally


def test_a_tally_has_one_level_for_each_part_of_a_label() -> None:
    """And shows labels that are known beforehand with zero."""
    tally = Tally(2, [("udp", "NOERROR")])
    tally.add("tcp", "REFUSED", count=2)
    tally.add("tcp", "REFUSED")
    assert tally.nested() == {"udp": {"NOERROR": 0}, "tcp": {"REFUSED": 3}}
    assert tally["tcp", "REFUSED"] == 3
    assert tally["tcp", "NOERROR"] == 0


def test_labels_beyond_the_limit_are_counted_together() -> None:
    tally, histograms = Tally(1), Histograms()
    for number in range(MAX_LABELS + 10):
        tally.add(str(number))
        histograms.add(str(number), 0.1)
    assert len(tally.nested()) == len(histograms.report()) == MAX_LABELS + 1
    assert tally.nested()[OTHER] == 10
    assert histograms.report()[OTHER]["count"] == 10


def test_a_histogram_counts_durations_up_to_each_bound() -> None:
    """A duration that is a bound belongs to that bound; one below zero is zero."""
    histogram = Histogram()
    for seconds in (-1.0, 0.0005, 0.0006, 31.0):
        histogram.add(seconds)
    report = histogram.report()
    assert report["buckets"]["0.0005"] == 2
    assert report["buckets"]["0.001"] == 3
    assert report["buckets"]["30"] == 3
    assert report["count"] == 4
    assert report["sum"] == 31.0011
    assert len(report["buckets"]) == len(BOUNDS)


NAMES = st.sampled_from(["a", "b"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.integers(0, 2), st.dictionaries(NAMES, st.integers(0, 50))),
        st.integers(0, 2),
    ),
    max_size=20,
)


@settings(max_examples=60)
@given(STEPS)
def test_sums_of_sources_that_come_and_go_never_go_back(steps) -> None:
    """A step is the report of a source, or its end; a report may even be lower than the last."""
    kept, before = Kept(), dict[str, int]()
    for step in steps:
        if isinstance(step, int):
            kept.end(step)
        else:
            kept.note(*step)
        after = kept.total()
        assert all(after.get(name, 0) >= count for name, count in before.items())
        before = after


def test_what_a_source_has_counted_stays_when_it_ends() -> None:
    kept = Kept()
    kept.note("one", {"a": 3})
    kept.note("two", {"a": 4, "b": 1})
    kept.end("one")
    kept.end("one")
    kept.note("one", {"a": 1})  # another one, in the place of the first
    assert kept.total() == {"a": 8, "b": 1}
