"""Every key is in the documentation and in the sample."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args, get_origin

import pytest

from failoverdns.config.sections import ConfigFile, Section, identity_text, kept, worker_count
from failoverdns.model.errors import Malformed
from failoverdns.model.settings import Config

Load = Callable[[str | bytes], Config]
PROJECT = Path(__file__).parents[2]
TABLE = (
    (PROJECT / "docs/configuration.md")
    .read_text("utf-8")
    .partition("## Keys")[2]
    .partition("### ")[0]
)
SAMPLE = (PROJECT / "config/failoverdns.yaml").read_text("utf-8")


def keys_of(section: type[Section], path: str = "") -> Iterator[str]:
    """Yield the paths of a section's keys, with NAME for a name that operators choose."""
    for name, field in section.model_fields.items():
        name = field.alias or name
        yield f"{path}{name}"
        below = "NAME." if get_origin(field.annotation) is dict else ""
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, Section):
                yield from keys_of(kind, f"{path}{name}.{below}")


KEYS = tuple(keys_of(ConfigFile))


def uncommented(text: str) -> str:
    """Return the sample with everything that is commented out by default."""
    return re.sub(r"^#(?=\w|  )", "", text, flags=re.MULTILINE)


def test_keys_are_found_at_every_depth() -> None:
    assert {
        "listen",
        "zones.NAME.ttl",
        "control.mode",
        "hooks.NAME.run",
        "delivery.clients",
        "acme.external_account.key_id",
    } <= set(KEYS)


@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_documented_and_in_the_sample(key: str) -> None:
    """A section may be documented by its keys alone."""
    shown = key.replace("zones.NAME", "zones.ORIGIN")
    assert re.search(rf"^\| \[`{re.escape(shown)}[.`]", TABLE, re.MULTILINE)
    last = key.rpartition(".")[2]
    assert re.search(rf"^ *{last}:", uncommented(SAMPLE), re.MULTILINE)


def test_every_documented_key_exists() -> None:
    documented = re.findall(r"^\| \[`(.*?)`\]", TABLE, re.MULTILINE)
    assert {key.replace("ORIGIN", "NAME") for key in documented} <= set(KEYS)


def test_the_commented_out_part_of_the_sample_is_valid_and_shows_the_defaults(
    load: Load, tmp_path: Path
) -> None:
    (tmp_path / "zones").mkdir()
    (tmp_path / "zones" / "static.zone").touch()
    sample = load(uncommented(SAMPLE).replace("user: failoverdns", "user: root"))
    assert sample.delivery is not None
    assert [applications for _, applications in sample.delivery.clients] == [
        ("shop-eu",),
        ("shop-us",),
        ("*",),
    ]
    assert [hook.before_switch for hook in sample.hooks] == [False, True]
    assert [(hook.timeout, hook.attempts) for hook in sample.hooks] == [(60, 3), (60, 3)]
    least = load(SAMPLE + "acme: {directory: letsencrypt, accept_terms: true}\n").acme
    assert sample.acme is not None
    assert least is not None
    assert (sample.acme.directory, sample.acme.key_type) == (least.directory, least.key_type)
    assert (sample.acme.profile, sample.acme.ca_file) == (least.profile, least.ca_file)
    assert sample.acme.external_account is not None
    assert least.external_account is None


@pytest.mark.parametrize(("value", "count"), [("auto", None), (0, 0), (1, 1), (256, 256)])
def test_workers_are_a_number_or_auto(value: object, count: int | None) -> None:
    assert worker_count(value) == count


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("Auto", 'the text "Auto"'),
        ("2", 'the text "2"; leave the quotes out'),
        (-1, "the number -1"),
        (257, "the number 257"),
        (True, "true"),
        (None, "nothing"),
        ([1], "a list"),
        ({}, "a mapping"),
    ],
)
def test_any_other_number_of_workers_is_refused(value: object, shown: str) -> None:
    with pytest.raises(Malformed) as refusal:
        worker_count(value)
    assert str(refusal.value) == f"must be auto or a whole number from 0 to 256, not {shown}"


def test_an_identity_is_1_to_255_bytes_long() -> None:
    assert identity_text("x") == "x"
    assert identity_text("é" * 127 + "x") == "é" * 127 + "x"
    for text, size in (("", 0), ("é" * 128, 256)):
        with pytest.raises(Malformed, match=f"must be 1 to 255 bytes long, not {size}"):
            identity_text(text)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("400d", 400 * 86400), ("12h", 43200), ("30m", 1800), ("90s", 90), ("90", 90), (60, 60)],
)
def test_a_duration_is_seconds_or_a_number_with_a_unit(written: object, seconds: float) -> None:
    assert kept(written) == seconds


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        (
            "400 days",
            "must be a duration, not the text .400 days.; write 400d",
        ),
        ("-1d", "must be a duration"),
        ("1.5d", "must be a duration"),
        (True, "must be a duration, not true"),
        ([], "must be a duration, not a list"),
        ("59", "must be from 60 seconds to 36600d, not the text .59."),
        ("999999999d", "must be from 60"),
    ],
)
def test_an_invalid_duration_is_refused_with_the_right_form(written: object, fault: str) -> None:
    with pytest.raises(Malformed, match=fault):
        kept(written)
    assert kept(None) is None
