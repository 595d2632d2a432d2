"""How tests are shared among processes: what stays together, and what begins first."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from config.env import BASE_DIR
from tests.spreading import LONGEST_FIRST, TOGETHER, unit_of

NOTE = """
import os
import pytest

@pytest.mark.parametrize("number", range({count}))
def test_notes(number):
    with open({log!r}, "a") as log:
        log.write(os.environ["PYTEST_XDIST_WORKER"] + " " + {name!r} + "\\n")
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    """Which process ran tests of which file, in their order, of a suite that has some files of ours by their names."""
    place = tmp_path_factory.mktemp("suite")
    log = place / "log"
    for name in ("tests/a/test_a.py", "tests/a/test_b.py", *LONGEST_FIRST[:1], *TOGETHER):
        file = place / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(NOTE.format(log=str(log), name=name, count=3 if name in (*TOGETHER, *LONGEST_FIRST) else 20))
    subprocess.run(
        [sys.executable, "-m", "pytest", "-n2", "--dist", "loadfile", "-p", "xdist", "-p", "tests.spreading", "tests"],
        env={**os.environ, "PYTHONPATH": str(BASE_DIR), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""},
        cwd=place,
        check=True,
        timeout=60,
    )
    return [(words[0], words[1]) for words in map(str.split, log.read_text().splitlines())]


def test_files_that_share_a_stack_stay_with_one_process(ran: list[tuple[str, str]]) -> None:
    assert len({process for process, file in ran if file in TOGETHER}) == 1
    assert {process for process, _file in ran} == {"gw0", "gw1"}


def test_what_takes_long_begins_first(ran: list[tuple[str, str]]) -> None:
    first = {process: next(file for who, file in ran if who == process) for process in ("gw0", "gw1")}

    assert {unit_of(file) for file in first.values()} == {*LONGEST_FIRST[:2]}


@pytest.mark.parametrize("name", sorted({*TOGETHER, *LONGEST_FIRST} - {*TOGETHER.values()}))
def test_file_is_there(name: str) -> None:
    assert (BASE_DIR / name).is_file()
