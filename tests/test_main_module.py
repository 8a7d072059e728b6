"""The command runs without code from the folder in which it is started."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from failoverdns.__main__ import safe_path


@pytest.mark.parametrize(
    ("named", "kept"),
    [("", False), (":", False), (":/other", False), ("/here", True), ("/other:/here", True)],
)
def test_the_current_folder_is_on_the_path_only_if_it_is_named(named: str, kept: bool) -> None:
    """An empty entry of PYTHONPATH, which means it too, is a slip."""
    path = ["/here", "", "relative", "/usr/lib/python3"]
    expected = ["/here", "/usr/lib/python3"] if kept else ["/usr/lib/python3"]
    assert safe_path(path, named, "/here") == expected


@pytest.mark.parametrize("words", [["-m", "failoverdns"], ["-P", "-m", "failoverdns"]])
def test_python_m_imports_no_library_from_the_current_folder(
    tmp_path: Path, words: list[str]
) -> None:
    for name in ("click", "pydantic", "yaml"):
        tmp_path.joinpath(f"{name}.py").write_text("raise SystemExit('from the current folder')")
    package = Path(sys.modules["failoverdns"].__path__[0]).parent
    done = subprocess.run(
        [sys.executable, *words, "check-config", "missing.yaml"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "from the current folder" not in done.stderr
    assert "missing.yaml" in done.stdout
