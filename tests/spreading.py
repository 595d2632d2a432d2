"""How `--dist loadfile` shares tests among processes: which files stay together, and which of them begin first.

What starts the whole stack shares it with all of its process. So the files that need the stack on Docker, which few do,
stay with one process. And what takes long begins first: at the end the others would wait for it.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

ON_DOCKER = "on Docker"
TOGETHER = {
    "tests/e2e/test_journey.py": ON_DOCKER,
    "tests/faults/test_docker_engine.py": ON_DOCKER,
    "tests/faults/test_docker_environments.py": ON_DOCKER,
    "tests/faults/test_docker_kills.py": ON_DOCKER,
}
LONGEST_FIRST = (
    "tests/e2e/test_accessibility.py",
    ON_DOCKER,
    "tests/faults/test_hostile_links.py",
    "tests/e2e/test_class_pages.py",
    "tests/e2e/test_marking.py",
    "tests/faults/test_bad_input.py",
    "tests/config/test_up.py",
    "tests/faults/test_killed_processes.py",
    "tests/assignments/test_exchange_in_servers.py",
    "tests/faults/test_grading_of_a_class.py",
    "tests/faults/test_notebook_pages.py",
    "tests/assignments/test_exchange_in_containers.py",
    "tests/e2e/test_assignment.py",
    "tests/e2e/test_live_page.py",
    "tests/e2e/test_lms_journey.py",
    "tests/e2e/test_changes.py",
    "tests/faults/test_other_applications.py",
    "tests/e2e/test_single_sign_on.py",
    "tests/e2e/test_live_class.py",
    "tests/e2e/test_class.py",
    "tests/e2e/test_container.py",
    "tests/e2e/test_links.py",
)
"""What takes more than half a minute on two cores. All else comes after it."""


class Spreading(LoadFileScheduling):
    """Gives out whole files, or what stays together, in the order in which they were collected."""

    def __init__(self, config: pytest.Config, log: Producer | None = None) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Spreading | None:
    """Share tests like this where whole files are asked for."""
    return Spreading(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes long comes first; otherwise all stays in its random order, which is the same in every process."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: place_of(unit_of(item.nodeid)))


def unit_of(nodeid: str) -> str:
    """What a test is given out with."""
    file = nodeid.partition("::")[0]
    return TOGETHER.get(file, file)


def place_of(unit: str, longest_first: Sequence[str] = LONGEST_FIRST) -> int:
    """Where it comes."""
    return longest_first.index(unit) if unit in longest_first else len(longest_first)
