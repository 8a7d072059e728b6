"""Commands that do something without changing the state."""

from __future__ import annotations

import pytest
from control_effects import quiet_effects
from corridors import Corridor
from driving import run

from failoverdns.control.acting import act
from failoverdns.model.change import Json
from failoverdns.model.commands.certificates import RotateKey
from failoverdns.model.commands.health import ReportHealth
from failoverdns.model.commands.server import LogCommand, QueryLogOff, QueryLogOn
from failoverdns.model.errors import Rejected
from failoverdns.model.health import Health
from failoverdns.store.interface import OutcomeUnknown, Unavailable
from failoverdns.store.memory import MemoryStore


class Stuck(MemoryStore):
    """A store whose key cannot be rotated."""

    def __init__(self, fault: Exception) -> None:
        super().__init__()
        self.fault = fault

    async def rotate_key(self) -> int:
        """Fail."""
        raise self.fault


@pytest.mark.parametrize("fault", [Unavailable("disk full"), OutcomeUnknown("disk full")])
def test_a_failed_rotation_is_refused_and_says_that_the_old_key_still_works(
    corridor: Corridor, fault: Exception
) -> None:
    with pytest.raises(Rejected) as refusal:
        run(act(Stuck(fault), quiet_effects(corridor), RotateKey()))
    assert refusal.value.code == "unavailable"
    assert "the old one still works: disk full" in refusal.value.message


def test_a_rotation_reports_the_number_of_private_keys(corridor: Corridor) -> None:
    assert run(act(corridor.store, quiet_effects(corridor), RotateKey())) == {"rotated": 0}


def test_a_health_report_is_passed_to_the_probes(corridor: Corridor) -> None:
    with pytest.raises(Rejected, match="nothing is probed here"):
        run(act(corridor.store, quiet_effects(corridor), ReportHealth("eu", None, Health.UP)))


@pytest.mark.parametrize("command", [QueryLogOn(5), QueryLogOff()])
def test_the_query_log_is_turned_on_and_off(corridor: Corridor, command: LogCommand) -> None:
    taken: list[LogCommand] = []

    async def take(command: LogCommand) -> dict[str, Json]:
        taken.append(command)
        return {"on": True}

    effects = quiet_effects(corridor, query_log=take)
    assert run(act(corridor.store, effects, command)) == {"on": True}
    assert taken == [command]
