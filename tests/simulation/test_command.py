"""The simulation's command: its studies, reproducible figures, and errors in its arguments."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from simulation.arguments import STUDIES, parser, population_from, setting_from
from simulation.command import beside, main
from simulation.patterns import PATTERNS
from simulation.setting import COMPARED, Setting, setting_of

from failoverdns.model.errors import Malformed
from failoverdns.model.policy import Mode

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs" / "failover-simulation.md").read_text()


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    main(["--no-pictures", *words])
    return capsys.readouterr().out


def test_a_quick_simulation_prints_every_study(capsys: pytest.CaptureFixture[str]) -> None:
    short = {name: f"{name}:lasts=3600" for name in ("lossy", "bursts", "flapping")}
    text = printed(capsys, "--quick", "--pattern", *(short.get(name, name) for name in PATTERNS))
    for title in (
        "Outages",
        "Share of clients served",
        "Delays after",
        "short outages",
        "False switches a year",
        "Share of bursts of loss",
        "How fast and how safe",
        "Switches an hour",
    ):
        assert title in text
    for name in PATTERNS:
        assert f"\n  {name} " in text


def test_figures_are_the_same_for_the_same_seed_only(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["--quick", "--study", "rates"]
    first = printed(capsys, *words)
    assert printed(capsys, *words) == first
    assert printed(capsys, *words, "--seed", "2") != first


def test_a_study_has_the_same_figures_alone_and_with_others(
    capsys: pytest.CaptureFixture[str],
) -> None:
    alone = printed(capsys, "--quick", "--study", "drain")
    assert alone.split("\n\n")[1] in printed(capsys, "--quick", "--study", "blips", "drain")


def test_a_story_lists_what_happens_at_which_time(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "--story", "hard-down", "--fail-back", "automatic")
    happened = [line.split(" s  ")[1] for line in text.splitlines() if " s  " in line]
    assert happened[2:] == [
        "the primary is down",
        "switch to the backup: the primary is down and the backup is up",
        "the primary is up",
        "switch to the primary: the primary is up again",
    ]


def test_a_policy_is_read_from_a_configuration(tmp_path: Path) -> None:
    """Arguments override single values of the policy."""
    path = tmp_path / "failoverdns.yaml"
    path.write_text((ROOT / "config" / "failoverdns.yaml").read_text() + CHECKS)
    words = ["--config", str(path), "--policy", "shop", "--grace", "7"]
    setting = setting_from(parser().parse_args(words))
    assert (setting.check.interval, setting.check.down_after) == (4.0, 6)
    assert (setting.policy.hold, setting.policy.grace) == (60.0, 7.0)
    assert setting.policy.mode is Mode.AUTOMATIC


CHECKS = """
checks:
  web: {type: tcp, port: 443, interval: 4, timeout: 2, down_after: 6}
policies:
  other: {hold: 5}
  shop: {grace: 3, hold: 60}
"""


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--timeout", "20"], "at most the interval"),
        (["--fast-interval", "20"], "give a value from 0.2 to 10"),
        (["--grace", "-1"], "--grace -1: give a value from 0"),
        (["--grace", "nan"], "--grace nan: give a value from 0"),
        (["--max-switches", "0"], "from 1 to 100"),
        (["--require-heads", "some"], "any, all or a number"),
        (["--check", "web"], "give --config too"),
        (["--config", "/nowhere/failoverdns.yaml"], "cannot be read"),
    ],
)
def test_an_invalid_setting_is_rejected_with_advice(words: list[str], says: str) -> None:
    with pytest.raises(Malformed, match=says):
        setting_from(parser().parse_args(words))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--share", "odd=3"], "there are honours"),
        (["--share", "stale=101"], "percent from 0 to 100"),
        (["--share", "stale=many"], "percent from 0 to 100"),
        (["--share", "stale=60", "--share", "honours=60"], "come to 120%"),
        (["--asked-every", "5", "1"], "the busiest first"),
    ],
)
def test_an_invalid_population_is_rejected_with_advice(words: list[str], says: str) -> None:
    with pytest.raises(Malformed, match=says):
        population_from(parser().parse_args(words))


def test_shares_that_are_not_given_keep_their_ratio() -> None:
    shares = population_from(parser().parse_args(["--share", "honours=50%"])).shares
    assert shares["honours"] == pytest.approx(0.5)
    assert shares["at-least-30"] == pytest.approx(0.25)
    assert shares["stale"] == pytest.approx(0.125)


def test_a_given_setting_is_shown_once_beside_the_others() -> None:
    own = setting_of(7, 3, 3, 0)
    assert beside(own) == [own, *COMPARED]
    assert beside(Setting()) == list(COMPARED)
    assert {each.ttl for each in beside(Setting(ttl=5))} == {5}


def test_the_help_and_the_document_name_every_study_and_pattern() -> None:
    text = " ".join(parser().format_help().split()).replace("- ", "-")
    for name in (*STUDIES, *PATTERNS):
        assert name in text
        assert f"`{name}`" in DOCUMENT


def test_the_pictures_of_the_document_exist_and_are_small() -> None:
    names = [line.split("(")[1].rstrip(")") for line in DOCUMENT.splitlines() if line[:2] == "!["]
    assert len(names) == 5
    for name in names:
        assert (ROOT / "docs" / name).stat().st_size < 200_000


def test_the_script_is_valid_bash() -> None:
    script = ROOT / "scripts" / "simulate-failover"
    assert subprocess.run(["bash", "-n", script]).returncode == 0
    assert script.stat().st_mode & 0o111
