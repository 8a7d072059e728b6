"""Each study can be drawn as a picture."""

from __future__ import annotations

from pathlib import Path

import pytest
from simulation.command import main


@pytest.mark.parametrize("study", ["drain", "delays", "rates", "frontier", "flaps"])
def test_a_study_is_drawn_as_a_png(
    study: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--quick", "--study", study, "--out", str(tmp_path / "new")])
    (picture,) = (tmp_path / "new").iterdir()
    assert picture.name == f"{study}.png"
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert f"pictures are in {tmp_path / 'new'}" in capsys.readouterr().out
