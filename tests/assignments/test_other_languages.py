"""A notebook that is not in Python runs in the kernel it names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import override_settings
from pytest_django import Settings

from assignments.running.executing import Budget, Ending, execute, grading_kernel
from environments.builders.venv import VenvBuilder
from environments.errors import UserError
from environments.sandboxes.base import Sandbox, SandboxLimits
from environments.sandboxes.docker import DockerSandbox
from environments.sandboxes.process import ProcessSandbox
from environments.values import BuildRequest, Image, ResolvedRepository
from tests.assignments.notebooks import answer, checks, errors, notebook, printed
from tests.contracts.images import share_package_cache
from tests.engine import base_image, image_from, leftovers
from tests.fakes.git_host import GitHost

FILES = {
    "requirements.txt": "bash_kernel==0.10.0\n",
    "postBuild": "#!/bin/sh\npython -m bash_kernel.install --sys-prefix\n",
}
BUDGET = Budget(cell_seconds=3, total_seconds=60)
LIMITS = SandboxLimits(memory_mb=400, pids=64, disk_mb=32)


@pytest.fixture
def image(tmp_path: Path) -> Iterator[Image]:
    """With a kernel for the shell."""
    share_package_cache(tmp_path)
    with GitHost() as host, override_settings(CARREL_DATA=tmp_path, REPOSITORY_ALLOWED_HOSTS=[host.address]):
        repository = ResolvedRepository(host.url("bash"), host.add("bash", FILES), "")
        list(VenvBuilder().build(BuildRequest("build-bash", "bash", repository, time_limit_seconds=150)))
        image = VenvBuilder().find("bash")
        assert image is not None
        yield image


CELLS = (
    answer("double() { echo $(( $1 * 2 )); }"),
    checks('test "$(double 4)" = 8 && echo fine', "right"),
    checks('test "$(double 4)" = 9', "wrong"),
    answer("sleep 60", "slow"),
    checks('echo "$NBGRADER_EXECUTION"', "graded"),
)


def test_notebook_in_the_language_of_the_shell_is_executed(image: Image) -> None:
    assert_executed_in(ProcessSandbox(), image)


@pytest.mark.docker
def test_notebook_in_the_language_of_the_shell_is_executed_in_a_sealed_container(sealed: DockerSandbox) -> None:
    commands = "python3 -m pip install -q bash_kernel==0.10.0 && python3 -m bash_kernel.install --sys-prefix"

    with image_from("USER root", f"RUN {commands}") as image:
        assert_executed_in(sealed, image)


@pytest.mark.docker
def test_kernel_that_the_image_does_not_have_is_said(sealed: DockerSandbox) -> None:
    given = notebook(*CELLS, kernel="ir", language="R")

    with (
        pytest.raises(UserError) as raised,
        grading_kernel(sealed, base_image(), given, budget=BUDGET, limits=LIMITS),
    ):
        pytest.fail("it started")

    assert raised.value.code == "kernel_start_failed"
    assert "no kernel called ir" in raised.value.detail
    assert leftovers() == []


@pytest.fixture
def sealed(docker_engine: None, settings: Settings, tmp_path: Path) -> DockerSandbox:
    """Kernels are containers without a network."""
    settings.CARREL_DATA = tmp_path / "data"
    return DockerSandbox()


def assert_executed_in(sandbox: Sandbox, image: Image) -> None:
    """With the points, errors and limits of any notebook."""
    given = notebook(*CELLS, kernel="bash", language="bash")

    with grading_kernel(sandbox, image, given, budget=BUDGET, limits=LIMITS) as kernel:
        executed = execute(given, kernel=kernel, budget=BUDGET)

    assert executed.ending is Ending.COMPLETED
    assert printed(executed.notebook, 1) == "fine\n"
    assert errors(executed.notebook, 2) != []
    assert "CellTimeoutError" in errors(executed.notebook, 3)
    assert printed(executed.notebook, 4) == "autograde\n"
