"""Reactions to changes: warnings, and configurations that are accepted as a whole or rejected."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from authority import DAY, Authority, make_authority
from driving import run
from shops import Shop
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs

from failoverdns.config import load_config
from failoverdns.delivery.warnings import WARNING_INTERVAL
from failoverdns.model.commands import Mutation
from failoverdns.model.commands.applications import RenameApplication
from failoverdns.model.delivery import Fetch
from failoverdns.model.settings import Config
from failoverdns.net.sockets import CannotListen
from failoverdns.reactions import TICK, CannotReact, Reactions

CONFIG = """\
zones:
  failover.test:
    nameservers: {ns1: [127.0.0.1]}
listen: ["127.0.0.1:0"]
control: {socket: control.sock}
state: {sqlite: state.db}
delivery:
  listen: ["127.0.0.1:0"]
  certificate: endpoint.pem
  key: endpoint.key
  client_ca: heads.pem
  clients:
    web1.internal: [eu]
hooks:
  tell: {run: tell, events: [role], applications: [eu]}
"""
ROOT = Authority("Endpoint")


class House(Shop):
    """A shop and the reactions to its changes, with a clock in memory."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.file = folder / "failoverdns.yaml"
        self.file.write_text(CONFIG)
        ROOT.issue("endpoint.internal").save(folder, "endpoint")
        (folder / "heads.pem").write_text(Authority("Heads").pem)
        self.clock = MemoryReactorClock()
        self.reactions = Reactions(
            self.config(),
            self.corridor.ledger,
            self.store,
            self.submit,
            self.clock,
            lambda: self.corridor.now,
        )
        self.announce = self.reactions.announce

    async def submit(self, command: Mutation, word: str) -> None:
        """Carry out an internal command."""
        self.corridor.do(command)

    def config(self) -> Config:
        """Load the configuration file."""
        return load_config(self.file)

    def pass_time(self, seconds: float) -> list[str]:
        """Advance the clock; return the logged warnings."""
        self.corridor.now += seconds
        with capturedLogs() as logs:
            self.clock.advance(TICK)
            self.clock.pump([0.0] * 20)
        return [event["text"] for event in logs if event["log_format"] == "{text}"]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Return a house whose reactions have started."""
    made = House(tmp_path)
    run(made.reactions.start())
    made.pass_time(0)
    yield made
    made.reactions.stop()
    made.clock.advance(0)  # closes the socket of the delivery


def test_the_log_warns_of_an_unknown_application_in_the_configuration(
    house: House,
) -> None:
    """Once a day, so that an operator sees which settings have the old name of an application."""
    house.do(RenameApplication("eu", "europe"))
    warned = house.pass_time(TICK)
    assert warned == [
        "hooks.tell: there is no application 'eu'; was it renamed?",
        "delivery.clients.web1.internal: there is no application 'eu'; was it renamed?",
    ]
    assert house.pass_time(TICK) == []
    assert house.pass_time(WARNING_INTERVAL) == warned


def test_the_log_warns_of_a_certificate_that_will_expire(house: House) -> None:
    house.install("eu", make_authority().issue("shop.failover.test", lasts=2 * DAY))
    (warning,) = house.pass_time(TICK)
    assert warning.startswith("application ")
    assert "expire" in warning


def test_web_heads_that_fetched_before_the_start_are_known(tmp_path: Path) -> None:
    """So a restart during a flood does not put them on a level with it."""
    made = House(tmp_path)
    made.install("eu", make_authority().issue("shop.failover.test"))
    application = made.state.application_named("eu")
    assert application is not None
    fetch = Fetch(made.corridor.now - 60, application.id, "web1", "192.0.2.9", "f" * 64, "pem")
    run(made.store.record_fetch(fetch))
    run(made.reactions.start())
    assert made.reactions._delivery is not None
    assert made.reactions._delivery.door.known.has(bytes([192, 0, 2, 9]), made.clock.seconds())
    made.reactions.stop()
    made.clock.advance(0)


def test_an_unusable_configuration_changes_nothing(house: House) -> None:
    """After a file is rejected, the endpoint still uses the certificate from before."""
    assert house.reactions._delivery is not None
    before = house.reactions._delivery.context
    context = before.getContext()
    (house.folder / "endpoint.key").write_text("rubbish")
    with pytest.raises(CannotListen, match=r"delivery\.key"):
        house.reactions.prepare(house.config())
    assert before.getContext() is context


def test_a_reload_applies_renewed_files_and_changed_hooks_and_clients(house: House) -> None:
    """A certificate file is read again even if its path has not changed."""
    assert house.reactions._delivery is not None
    used = house.reactions._delivery.context
    context = used.getContext()
    house.file.write_text(CONFIG.replace("  tell:", "  other:").replace("[eu]", "[us]"))
    ROOT.issue("endpoint.internal").save(house.folder, "endpoint")
    run(house.reactions.reload(house.reactions.prepare(house.config())))
    assert used.getContext() is not context
    assert [hook["name"] for hook in house.reactions.report()] == ["other"]
    assert house.pass_time(TICK) == []


def test_a_start_error_names_the_folder_that_cannot_be_created(tmp_path: Path) -> None:
    """The server does not start without a place for private folders."""
    made = House(tmp_path)
    (tmp_path / "hooks").write_text("a file")
    with pytest.raises(CannotReact, match=r"hooks: .*/hooks: "):
        run(made.reactions.start())
    made.reactions.stop()
