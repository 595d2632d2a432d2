"""The Dockerfiles repo2docker writes for repositories that have none, with the options Carrel gives it.

Nothing is built: an engine would have to fetch repo2docker's base image first. Julia's Project.toml and R's
runtime.txt are missing here, since repo2docker asks Julia's and R's own hosts for versions while it writes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_django import Settings

from environments.builders.images import USER_ID
from environments.builders.repo2docker import USER_NAME, repo2docker_options


def dockerfile(repository: Path, files: dict[str, str]) -> str:
    """What repo2docker would build for a repository of these files."""
    for name, content in files.items():
        path = repository / "repo" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    (repository / "empty").mkdir()
    done = subprocess.run(
        [
            *(sys.executable, "-I", "-m", "repo2docker", "--no-build", "--debug"),
            *repo2docker_options("carrel/environment:key", {"carrel.image-key": "key"}, "linux/amd64"),
            str(repository / "repo"),
        ],
        cwd=repository / "empty",
        env={"PATH": os.environ["PATH"], "HOME": str(repository)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("files", "parts"),
    [
        ({"requirements.txt": "six==1.16.0\n"}, ["requirements.txt", "pip install"]),
        ({"environment.yml": "dependencies:\n- numpy\n"}, ["environment.yml", "env update -p"]),
        ({"binder/environment.yml": "dependencies: [numpy]\n"}, ["binder/environment.yml"]),
        ({"requirements.txt": "", "runtime.txt": "python-3.12\n"}, ["pip install"]),
        ({"environment.yml": "dependencies: [r-base]\n"}, ["r-base r-irkernel", "rstudio"]),
        ({"apt.txt": "graphviz\n", "requirements.txt": ""}, ["apt-get install --yes --no-install-recommends graphviz"]),
        ({"requirements.txt": "", "postBuild": "#!/bin/sh\n"}, ["./postBuild"]),
        ({"requirements.txt": "", "start": "#!/bin/sh\n"}, ["R2D_ENTRYPOINT"]),
        ({"pyproject.toml": "[build-system]\n[project]\n"}, ["pip install --no-cache-dir ."]),
    ],
)
def test_repo2docker_writes_dockerfile_for(files: dict[str, str], parts: list[str], tmp_path: Path) -> None:
    written = dockerfile(tmp_path, files)

    assert [part for part in parts if part not in written] == []


def test_repo2docker_gives_image_our_label_and_user(tmp_path: Path) -> None:
    written = dockerfile(tmp_path, {"requirements.txt": ""})

    assert 'carrel.image-key="key"' in written
    assert "USER ${NB_USER}" in written
    assert (USER_NAME, USER_ID) == ("jovyan", 1000)


def test_repo2docker_begins_with_base_image_of_the_settings(tmp_path: Path, settings: Settings) -> None:
    settings.REPO2DOCKER_BASE_IMAGE = "registry.example/base:24.04"

    written = dockerfile(tmp_path, {"requirements.txt": ""})

    assert written.lstrip().startswith("FROM registry.example/base:24.04")
