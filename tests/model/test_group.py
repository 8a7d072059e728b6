"""Groups: their hostname, their sides and their applications."""

from __future__ import annotations

import pytest
import samples

from failoverdns.model.group import Side


def test_the_hostname_of_a_group_is_its_label_in_its_zone() -> None:
    assert samples.group().hostname == samples.name("414-262-781.failover.test")


def test_the_other_side_of_each_side() -> None:
    assert [side.other for side in Side] == [Side.BACKUP, Side.PRIMARY]


@pytest.mark.parametrize(
    ("primary", "backup", "attached"),
    [
        pytest.param(None, None, (), id="none"),
        pytest.param("eu", None, ("app-eu",), id="a primary"),
        pytest.param(None, "us", ("app-us",), id="a backup"),
        pytest.param("eu", "us", ("app-eu", "app-us"), id="both, the primary first"),
    ],
)
def test_a_group_has_no_one_or_two_applications(
    primary: str | None, backup: str | None, attached: tuple[str, ...]
) -> None:
    group = samples.group(primary=primary, backup=backup)
    assert group.applications == attached
    assert tuple(id_ for side in Side if (id_ := group.application(side))) == attached
