"""Warnings about certificates and their delivery: which are logged, and how often."""

from __future__ import annotations

from pathlib import Path

import pytest
from authority import DAY, make_authority
from shops import Shop

from failoverdns.config import load_config
from failoverdns.delivery.warnings import AT_ONCE, WARNING_INTERVAL, Warnings
from failoverdns.model.commands.applications import AddApplication, RenameApplication
from failoverdns.model.settings import Config
from failoverdns.model.store_condition import LOW_ROOM, Reserve, StoreCondition

CONFIG = """\
zones: {failover.test: {nameservers: {ns1: [127.0.0.1]}}}
listen: ["127.0.0.1:0"]
state: {sqlite: state.db}
delivery:
  listen: ["127.0.0.1:0"]
  certificate: a.pem
  key: a.key
  client_ca: ca.pem
  clients: {web1.internal: [us, eu], web2.internal: ["*"]}
hooks:
  install: {run: /bin/true, events: [certificate], applications: [eu]}
  watch: {run: /bin/true, events: [certificate]}
"""


class Log:
    """A shop, its configuration, and the warnings that are logged about it."""

    def __init__(self, config: Config) -> None:
        self.shop = Shop()
        self.config = config
        self._lines: list[str] = []
        self._warnings = Warnings(self._lines.append)
        self.condition = StoreCondition()

    def look(self, later: float = 0.0) -> list[str]:
        """Return what is logged by a complete look, some seconds from now."""
        self.parts = len(list(self._look(later)))
        lines, self._lines[:] = list(self._lines), []
        return lines

    def _look(self, later: float) -> object:
        now = self.shop.corridor.now + later
        return self._warnings.look(self.shop.state, self.config, self.condition, now)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    """Return a log for a shop whose configuration names its applications."""
    path = tmp_path / "failoverdns.yaml"
    path.write_text(CONFIG)
    return Log(load_config(path))


def test_a_configuration_that_names_existing_applications_causes_no_warning(log: Log) -> None:
    """Nor do `*`, and a hook for all applications."""
    assert log.look() == []


def test_every_setting_that_names_an_unknown_application_causes_a_warning(log: Log) -> None:
    log.shop.do(RenameApplication("eu", "europe"))
    assert log.look() == [
        "hooks.install: there is no application 'eu'; was it renamed?",
        "delivery.clients.web1.internal: there is no application 'eu'; was it renamed?",
    ]


def test_a_warning_is_logged_once_a_day(log: Log) -> None:
    log.shop.do(RenameApplication("us", "america"))
    (warning,) = log.look()
    assert log.look(WARNING_INTERVAL - 1) == []
    assert log.look(WARNING_INTERVAL) == [warning]
    assert log.look(2 * WARNING_INTERVAL - 1) == []


def test_a_warning_about_a_certificate_names_its_application(log: Log) -> None:
    log.shop.install("eu", make_authority().issue("shop.failover.test", lasts=2 * DAY))
    (warning,) = log.look()
    assert warning.startswith("application eu: the certificate")
    assert "expire" in warning


def test_another_text_is_another_warning(log: Log) -> None:
    """A certificate that is about to expire causes a warning, and another when it has expired."""
    log.shop.install("eu", make_authority().issue("shop.failover.test", lasts=1.5 * DAY))
    assert len(log.look()) == 1
    (expired,) = log.look(DAY - 1)
    assert "the certificate expired at " in expired


def test_other_work_gets_its_turn_after_a_number_of_certificates(log: Log) -> None:
    issued = make_authority().issue("shop.failover.test")
    for number in range(AT_ONCE):
        log.shop.do(AddApplication(f"app-{number}"))
        log.shop.install(f"app-{number}", issued)
        if number == AT_ONCE - 2:
            log.look()
            assert log.parts == 0
    log.look()
    assert log.parts == 1


@pytest.mark.parametrize(
    ("condition", "is_warned"),
    [
        (StoreCondition(reserve=Reserve.HELD, free=LOW_ROOM), False),
        (StoreCondition(), False),
        (StoreCondition(reserve=Reserve.USED, free=LOW_ROOM), True),
        (StoreCondition(reserve=Reserve.HELD, free=LOW_ROOM - 1), True),
    ],
)
def test_little_room_for_the_state_is_warned_of(
    log: Log, condition: StoreCondition, is_warned: bool
) -> None:
    """Once a day, before anything is refused."""
    log.condition = condition
    warned = [line for line in log.look() if line.endswith("state.db is almost full")]
    assert bool(warned) is is_warned
    assert log.look() == []
