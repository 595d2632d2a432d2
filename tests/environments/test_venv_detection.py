"""What the venv builder reads in a repository, and what it refuses."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from environments.builders.detection import MAX_FILE_BYTES, detect
from environments.errors import UserError

Files = dict[str, str]


def lay_out(root: Path, files: Files) -> Path:
    root.mkdir(exist_ok=True)
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return tmp_path / "repository"


@pytest.mark.parametrize(
    ("files", "python", "requirements", "installs_project", "post_build"),
    [
        ({"requirements.txt": "six\n"}, "", ["requirements.txt"], False, None),
        ({"requirements.txt": "", "runtime.txt": "python-3.12\n"}, "3.12", ["requirements.txt"], False, None),
        ({"runtime.txt": "python-3.11.4"}, "3.11.4", [], False, None),
        ({"runtime.txt": "python-3"}, "", [], False, None),
        ({"postBuild": "#!/bin/sh\n"}, "", [], False, "postBuild"),
        ({"pyproject.toml": "[project]\nname = 'x'\n"}, "", [], True, None),
        ({"pyproject.toml": "[build-system]\nrequires = []\n"}, "", [], True, None),
        ({"pyproject.toml": "[tool.ruff]\n", "requirements.txt": ""}, "", ["requirements.txt"], False, None),
        ({"setup.py": ""}, "", [], True, None),
        ({"setup.py": "", "requirements.txt": ""}, "", ["requirements.txt"], True, None),
        ({"binder/requirements.txt": "", "requirements.txt": ""}, "", ["binder/requirements.txt"], False, None),
        ({".binder/requirements.txt": "", "setup.py": ""}, "", [".binder/requirements.txt"], False, None),
        ({"binder/requirements.txt": "", "apt.txt": "vim"}, "", ["binder/requirements.txt"], False, None),
        ({"binder/postBuild": "", "postBuild": ""}, "", [], False, "binder/postBuild"),
    ],
)
def test_detect_reads_pip_files(
    repository: Path,
    files: Files,
    python: str,
    requirements: list[str],
    installs_project: bool,
    post_build: str | None,
) -> None:
    lay_out(repository, files)

    recipe = detect(repository)

    assert recipe.python == python
    assert recipe.requirements == tuple(repository / name for name in requirements)
    assert recipe.installs_project is installs_project
    assert recipe.post_build == (repository / post_build if post_build else None)


@pytest.mark.parametrize(
    ("environment", "python", "packages"),
    [
        ("dependencies:\n- pip:\n  - six==1.16.0\n  - attrs\n", "", ("six==1.16.0", "attrs")),
        ("dependencies: [python=3.11, pip]\n", "3.11", ()),
        ("dependencies: ['python==3.12.1', 'conda-forge::pip']\n", "3.12.1", ()),
        ("dependencies: ['python 3.12.*']\n", "3.12", ()),
        ("dependencies: ['python >=3.10,<3.13']\n", ">=3.10,<3.13", ()),
        ("dependencies: [python]\n", "", ()),
        ("name: nothing\n", "", ()),
        ("", "", ()),
    ],
)
def test_detect_reads_pip_part_of_conda_environment(
    repository: Path, environment: str, python: str, packages: tuple[str, ...]
) -> None:
    lay_out(repository, {"environment.yml": environment, "requirements.txt": "ignored\n"})

    recipe = detect(repository)

    assert (recipe.python, recipe.packages, recipe.requirements) == (python, packages, ())


@pytest.mark.parametrize(
    ("files", "feature"),
    [
        ({"Dockerfile": "", "requirements.txt": ""}, "its Dockerfile"),
        ({"binder/Dockerfile": ""}, "its Dockerfile"),
        ({"apt.txt": "vim\n"}, "the system packages in apt.txt"),
        ({"Project.toml": ""}, "Julia"),
        ({"REQUIRE": ""}, "Julia"),
        ({"install.R": ""}, "R"),
        ({"DESCRIPTION": ""}, "R"),
        ({"runtime.txt": "r-4.3-2024-01-01"}, "R"),
        ({"default.nix": ""}, "Nix"),
        ({"Pipfile": ""}, "Pipenv"),
        ({"start": "#!/bin/sh\n", "requirements.txt": ""}, "its start script"),
        ({".gitmodules": "", "requirements.txt": ""}, "git submodules"),
        ({"environment.yml": "dependencies: [numpy=1.26, 'conda-forge::gdal']"}, "the conda packages numpy, gdal"),
        ({"environment.yaml": "variables: {A: b}"}, "the variables in environment.yaml"),
    ],
)
def test_detect_refuses_what_needs_docker(repository: Path, files: Files, feature: str) -> None:
    lay_out(repository, files)

    with pytest.raises(UserError) as caught:
        detect(repository)

    assert (caught.value.code, caught.value.facts) == ("needs_docker", {"feature": feature})


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({}, "no_environment_files"),
        ({"README.md": ""}, "no_environment_files"),
        ({"pyproject.toml": "[tool.ruff]\n"}, "no_environment_files"),
        ({"binder/README.md": "", "requirements.txt": ""}, "no_environment_files"),
        ({"binder/requirements.txt": "", ".binder/requirements.txt": ""}, "environment_files_ambiguous"),
        ({"pyproject.toml": "[project"}, "environment_file_invalid"),
        ({"runtime.txt": "3.11"}, "environment_file_invalid"),
        ({"runtime.txt": "python-3.11; rm -rf /"}, "environment_file_invalid"),
        ({"runtime.txt": "python-2.7"}, "python_unavailable"),
        ({"runtime.txt": "python-3.6"}, "python_unavailable"),
        ({"environment.yml": "dependencies: ['python=2.7']"}, "python_unavailable"),
        ({"environment.yml": "dependencies: ['python=--help']"}, "python_unavailable"),
        ({"environment.yml": "- a list"}, "environment_file_invalid"),
        ({"environment.yml": "dependencies: six"}, "environment_file_invalid"),
        ({"environment.yml": "dependencies: [{pip: six}]"}, "environment_file_invalid"),
        ({"environment.yml": "dependencies: [{conda: [six]}]"}, "environment_file_invalid"),
        ({"environment.yml": "dependencies: [[six]]"}, "environment_file_invalid"),
        ({"environment.yml": "a: [b"}, "environment_file_invalid"),
        ({"environment.yml": "!!python/object/apply:os.system [id]"}, "environment_file_invalid"),
        ({"environment.yml": "[" * 5000}, "environment_file_invalid"),
        ({"pyproject.toml": "# " + "x" * MAX_FILE_BYTES}, "environment_file_invalid"),
    ],
)
def test_detect_refuses_what_it_cannot_read(repository: Path, files: Files, code: str) -> None:
    lay_out(repository, files)

    with pytest.raises(UserError) as caught:
        detect(repository)

    assert caught.value.code == code


def test_detect_refuses_file_that_is_not_text(repository: Path) -> None:
    lay_out(repository, {})
    (repository / "runtime.txt").write_bytes(b"\xff\xfepython-3.11")

    with pytest.raises(UserError, match="environment_file_invalid"):
        detect(repository)


@pytest.mark.parametrize("name", ["requirements.txt", "environment.yml", "postBuild", "Dockerfile"])
def test_detect_refuses_link_that_leaves_the_repository(repository: Path, tmp_path: Path, name: str) -> None:
    lay_out(repository, {})
    (tmp_path / "secret").write_text("a secret")
    (repository / name).symlink_to("../secret")

    with pytest.raises(UserError) as caught:
        detect(repository)

    assert (caught.value.code, caught.value.facts["file"]) == ("environment_file_invalid", name)


def test_detect_refuses_folder_that_leaves_the_repository(repository: Path, tmp_path: Path) -> None:
    lay_out(repository, {})
    lay_out(tmp_path / "elsewhere", {"requirements.txt": "six\n"})
    (repository / "binder").symlink_to("../elsewhere")

    with pytest.raises(UserError, match="environment_file_invalid"):
        detect(repository)


def test_detect_follows_link_inside_the_repository(repository: Path) -> None:
    lay_out(repository, {"config/base.txt": "six\n"})
    (repository / "requirements.txt").symlink_to("config/base.txt")

    recipe = detect(repository)

    assert recipe.requirements == (repository / "requirements.txt",)


def test_detect_ignores_special_files(repository: Path) -> None:
    lay_out(repository, {"requirements.txt": ""})
    os.mkfifo(repository / "start")

    recipe = detect(repository)

    assert recipe.requirements == (repository / "requirements.txt",)
