"""What repo2docker and BuildKit print when something fails, word for word, and what is made of it."""

from __future__ import annotations

import pytest

from environments.builders.repo2docker_errors import build_error

OLD = "ERROR: failed to solve: executor failed running [/bin/sh -c {command}]: exit code: {code}"
NEW = 'ERROR: failed to solve: process "/bin/sh -c {command}" did not complete successfully: exit code: {code}'
FRONTEND = (
    "ERROR: failed to solve: rpc error: code = Unknown desc = failed to solve with frontend dockerfile.v0: "
    "failed to create LLB definition: "
)
CRASH = (
    "Error during build: Command '['docker', 'buildx', 'build', '--progress', 'plain', '.']' returned non-zero "
    "exit status 1."
)


def step(command: str, *output: str, code: int = 1, verdict: str = OLD) -> str:
    """A build that fails at this step, having printed this."""
    return "\n".join(
        [
            "#4 [1/2] FROM docker.io/carrel-test/base",
            "#4 CACHED",
            f"#5 [2/2] RUN {command}",
            *(f"#5 0.733 {line}".rstrip() for line in output),
            f"#5 ERROR: executor failed running [/bin/sh -c {command}]: exit code: {code}",
            "------",
            f" > [2/2] RUN {command}:",
            *(f"0.733 {line}".rstrip() for line in output),
            "------",
            verdict.format(command=command, code=code),
            CRASH,
        ]
    )


def without_image(image: str, problem: str) -> str:
    """A build whose base image cannot be had."""
    return "\n".join(
        [
            f"#3 [internal] load metadata for {image}",
            f"#3 ERROR: {problem}",
            "------",
            f" > [internal] load metadata for {image}:",
            "------",
            f"{FRONTEND}{problem}",
            CRASH,
        ]
    )


NO_SUCH_HOST = (
    'failed to do request: Head "https://registry-1.docker.io/v2/carrel-test/nope/manifests/latest": '
    "dial tcp: lookup registry-1.docker.io on 192.0.2.53:53: no such host"
)
DENIED = (
    "failed to resolve source metadata for docker.io/school/secret:1: pull access denied, repository does not exist "
    "or may require authorization: server message: insufficient_scope: authorization failed"
)
CONDA = (
    "Could not solve for environment specs",
    "The following packages are incompatible",
    "├─ numpy 1.20**  is requested and can be installed;",
    "└─ python 3.12**  is not installable because it conflicts with any installable versions previously reported.",
)


@pytest.mark.parametrize(
    ("output", "code", "facts"),
    [
        (step("ls /nope", "ls: cannot access '/nope'", code=2), "dockerfile_failed", {"step": "RUN ls /nope"}),
        (step("ls /nope", code=2, verdict=NEW), "dockerfile_failed", {"step": "RUN ls /nope"}),
        (step("x" * 500), "dockerfile_failed", {"step": f"RUN {'x' * 195}…"}),
        (step("python train.py", "Killed", code=137), "build_out_of_memory", {}),
        (step("python train.py", code=137, verdict=NEW), "build_out_of_memory", {}),
        (step("python -c x", "MemoryError"), "build_out_of_memory", {}),
        (step("make", "c++: fatal error: Cannot allocate memory"), "build_out_of_memory", {}),
        (step("dd", "dd: error writing 'x': No space left on device"), "disk_full", {}),
        (
            "ERROR: failed to solve: ResourceExhausted: write /var/lib/docker/x: no space left on device",
            "disk_full",
            {},
        ),
        (
            without_image("docker.io/carrel-test/nope:latest", NO_SUCH_HOST),
            "base_image_unavailable",
            {"image": "carrel-test/nope:latest"},
        ),
        (
            without_image("docker.io/school/secret:1", DENIED),
            "base_image_unavailable",
            {"image": "school/secret:1"},
        ),
        (
            without_image("registry.invalid/nope:latest", "no such host"),
            "base_image_unavailable",
            {"image": "registry.invalid/nope:latest"},
        ),
        (
            "#3 resolve image config for docker.io/docker/dockerfile:1\n#3 ERROR: failed to do request\n------\n"
            " > resolve image config for docker.io/docker/dockerfile:1:\n------\n"
            f"{FRONTEND}failed to do request",
            "base_image_unavailable",
            {"image": "docker/dockerfile:1"},
        ),
        (
            f"{FRONTEND}dockerfile parse error line 2: unknown instruction: FOO\n{CRASH}",
            "dockerfile_invalid",
            {"problem": "dockerfile parse error line 2: unknown instruction: FOO"},
        ),
        (
            "Dockerfile:2\n--------------------\n   2 | >>> FOO bar\n--------------------\n"
            "ERROR: failed to solve: dockerfile parse error on line 2: unknown instruction: FOO",
            "dockerfile_invalid",
            {"problem": "dockerfile parse error on line 2: unknown instruction: FOO"},
        ),
        (
            f"{FRONTEND}the Dockerfile cannot be empty",
            "dockerfile_invalid",
            {"problem": "the Dockerfile cannot be empty"},
        ),
        (
            '#6 [2/2] COPY nothere /x\n#6 ERROR: "/nothere" not found: not found\n------\n > [2/2] COPY nothere /x:\n'
            '------\nERROR: failed to solve: failed to compute cache key: "/nothere" not found: not found',
            "dockerfile_failed",
            {"step": "COPY nothere /x"},
        ),
        (
            step(
                "pip install six==99",
                "ERROR: Could not find a version that satisfies the requirement six==99 (from versions: 0.9.0, 1.0)",
                "ERROR: No matching distribution found for six==99",
            ),
            "package_not_found",
            {"package": "six==99"},
        ),
        (
            step("apt-get install -y no-such", "E: Unable to locate package no-such", code=100),
            "package_not_found",
            {"package": "no-such"},
        ),
        (
            step(
                "mamba env update",
                "Could not solve for environment specs",
                "└─ no-such does not exist (perhaps a typo or a missing channel).",
            ),
            "package_not_found",
            {"package": "no-such"},
        ),
        (
            step("conda env update", "ResolvePackageNotFound:", "  - libgfortran=3.0.1"),
            "package_not_found",
            {"package": "libgfortran=3.0.1"},
        ),
        (
            step(
                "pip install a b",
                "The conflict is caused by:",
                "    The user requested jupyterlab<4",
                "    The user requested jupyterlab>4",
                "",
                "To fix this you could try to:",
                "ERROR: ResolutionImpossible: for help visit https://pip.pypa.io/",
            ),
            "requirements_unsatisfiable",
            {"problem": "The user requested jupyterlab<4 The user requested jupyterlab>4"},
        ),
        (
            step("mamba env update", *CONDA),
            "requirements_unsatisfiable",
            {"problem": " ".join(" ".join(CONDA[1:]).split())},
        ),
        (
            step("pip install x", "  ERROR: Failed building wheel for python-ldap"),
            "package_build_failed",
            {"package": "python-ldap"},
        ),
        (
            step("pip install x", "WARNING: Retrying after NewConnectionError: Temporary failure in name resolution"),
            "package_index_unreachable",
            {},
        ),
        (
            "Cannot connect to the Docker daemon at unix:///x.sock. Is the docker daemon running?",
            "runtime_unavailable",
            {},
        ),
        (
            "Error during build: The docker commandline client must be installed: Command '['docker', 'version']' ...",
            "runtime_unavailable",
            {},
        ),
        (
            "ERROR: failed to receive status: rpc error: code = Unavailable desc = closing transport due to: "
            f"connection error\n{CRASH}",
            "runtime_unavailable",
            {},
        ),
        (
            'ERROR: failed to solve: rpc error: code = Unknown desc = connection error: desc = "error reading from '
            'server: EOF"',
            "runtime_unavailable",
            {},
        ),
        (
            "No environment specification found. See https://repo2docker.readthedocs.io/ for supported files.",
            "no_environment_files",
            {},
        ),
        (
            "Error during build: Python version 9.9 on linux-64 is not supported!",
            "python_unavailable",
            {"version": "9.9"},
        ),
        (
            "Error during build: Found invalid package name _x in apt.txt",
            "environment_file_invalid",
            {"file": "apt.txt", "problem": "Found invalid package name _x in apt.txt"},
        ),
        (
            "Error during build: Invalid runtime.txt: python 3",
            "environment_file_invalid",
            {"file": "runtime.txt", "problem": "Invalid runtime.txt: python 3"},
        ),
        (
            "Error during build: Failed to fetch available Julia versions: HTTPSConnectionPool(host='example.org', "
            "port=443): Max retries exceeded with url: /bin/versions.json",
            "package_index_unreachable",
            {},
        ),
        ("Error during build: Expected '=' after a key in a key/value pair", "build_failed", {}),
        ("Killed", "build_failed", {}),
        ("", "build_failed", {}),
    ],
)
def test_build_error_names_the_cause(output: str, code: str, facts: dict[str, str]) -> None:
    error = build_error(output.splitlines(), has_dockerfile=True)

    assert (error.code, error.facts) == (code, facts)
    assert "?" not in error.explain().sentence


@pytest.mark.parametrize(
    ("output", "code"),
    [
        (step("./binder/postBuild", "boom"), "post_build_failed"),
        (step("TIMEFORMAT='time: %3R' bash -c x", "boom"), "build_failed"),
        (f"{FRONTEND}dockerfile parse error line 2", "build_failed"),
        (without_image("docker.io/library/buildpack-deps:24.04", "no such host"), "base_image_unavailable"),
    ],
)
def test_build_error_blames_no_dockerfile_where_there_is_none(output: str, code: str) -> None:
    assert build_error(output.splitlines(), has_dockerfile=False).code == code


def test_build_error_believes_no_step_that_speaks_as_the_engine() -> None:
    output = step("cat joke", "Cannot connect to the Docker daemon", "ERROR: failed to receive status")

    assert build_error(output.splitlines(), has_dockerfile=True).code == "dockerfile_failed"


def test_build_error_looks_only_at_what_the_failed_step_printed() -> None:
    output = "#3 0.1 MemoryError was caught\n#3 DONE 0.2s\n" + step("false")

    assert build_error(output.splitlines(), has_dockerfile=True).code == "dockerfile_failed"
