"""`make help` names every target people are told of."""

from __future__ import annotations

import subprocess

import pytest

from config.env import BASE_DIR


@pytest.mark.parametrize(
    "target", ["setup", "run", "test", "check", "fmt", "e2e", "bench", "vendor", "docs", "requirements"]
)
def test_explains_itself(target: str) -> None:
    done = subprocess.run(["make", "help"], cwd=BASE_DIR, capture_output=True, text=True, check=True, timeout=10)

    assert f"make {target} " in done.stdout
