"""Real output of git and uv, and the errors people get for it."""

from __future__ import annotations

import pytest

from environments.builders.classification import fetch_error, install_error, python_error, script_error

NO_SOLUTION = "error: No solution found when resolving dependencies\n  cause: "
UNSATISFIABLE = ", we can conclude that your requirements are unsatisfiable."


@pytest.mark.parametrize(
    ("output", "code", "facts"),
    [
        (
            f"{NO_SOLUTION}Because nope was not found in the package registry and you require nope{UNSATISFIABLE}",
            "package_not_found",
            {"package": "nope"},
        ),
        (
            f"{NO_SOLUTION}Because there is no version of numpy==99.9 and you require numpy==99.9{UNSATISFIABLE}",
            "package_not_found",
            {"package": "numpy==99.9"},
        ),
        (
            f"{NO_SOLUTION}Because only six>=0.9.0 is available and you require six<0.1{UNSATISFIABLE}",
            "package_not_found",
            {"package": "six<0.1"},
        ),
        (
            f"{NO_SOLUTION}Because you require django>=5 and django<4{UNSATISFIABLE}",
            "requirements_unsatisfiable",
            {"problem": f"Because you require django>=5 and django<4{UNSATISFIABLE}"},
        ),
        (
            f"{NO_SOLUTION}Because x==1 depends on Python>=3.14, we can conclude that x==1 cannot be used.\n"
            f"         And because only x==1 is available and you require x{UNSATISFIABLE}\n\nhint: none",
            "requirements_unsatisfiable",
            {
                "problem": "Because x==1 depends on Python>=3.14, we can conclude that x==1 cannot be used."
                f" And because only x==1 is available and you require x{UNSATISFIABLE}"
            },
        ),
        (
            "Using Python 3.11.7\nerror: Failed to fetch: https://127.0.0.1:1/simple/flask/\n"
            "  cause: error sending request for url\n  cause: tcp connect error\n  cause: Connection refused",
            "package_index_unreachable",
            {},
        ),
        (
            "error: Failed to download and build `x==1`\n  cause: Failed to install requirements\n  cause: dns error",
            "package_index_unreachable",
            {},
        ),
        (
            "error: Failed to download `six @ https://example.org/six-1-py3-none-any.whl`\n"
            "  cause: HTTP status client error (404 Not Found) for url (https://example.org/six-1-py3-none-any.whl)",
            "package_not_found",
            {"package": "six"},
        ),
        (
            "error: Failed to build `python-ldap==3.4.0`\n  cause: The build backend returned an error\n\n"
            "         [stderr]\n         urllib.error: error sending request: dns error",
            "package_build_failed",
            {"package": "python-ldap==3.4.0"},
        ),
        (
            "error: Failed to download and build `six @ git+https://example.org/six`\n  cause: Git operation failed",
            "package_build_failed",
            {"package": "six"},
        ),
        (
            "error: The build backend returned an error\n  cause: Call to `setuptools.build_meta.build_wheel` failed",
            "package_build_failed",
            {"package": "of the repository itself"},
        ),
        (
            "error: Couldn't parse requirement in `requirements.txt` at position 0\n  cause: Expected one of `@`",
            "environment_file_invalid",
            {"file": "requirements.txt", "problem": "Expected one of `@`"},
        ),
        (
            "error: Error parsing included file in `requirements.txt` at position 0\n"
            "  cause: failed to read from file `more.txt`: No such file or directory (os error 2)",
            "environment_file_invalid",
            {
                "file": "requirements.txt",
                "problem": "failed to read from file `more.txt`: No such file or directory (os error 2)",
            },
        ),
        ("error: Failed to write\n  cause: No space left on device (os error 28)", "disk_full", {}),
        ("Killed", "build_failed", {}),
        ("", "build_failed", {}),
    ],
)
def test_install_error_names_the_cause(output: str, code: str, facts: dict[str, str]) -> None:
    error = install_error(output.splitlines())

    assert (error.code, error.facts) == (code, facts)


@pytest.mark.parametrize(
    ("output", "code"),
    [
        ("fatal: remote error: upload-pack: not our ref 0123", "ref_unknown"),
        ("fatal: unable to read tree (0123)", "ref_unknown"),
        ("fatal: repository 'https://example.org/x.git/' not found", "repository_not_found"),
        ("fatal: could not read Username for 'https://example.org': terminal prompts disabled", "repository_not_found"),
        ("fatal: unable to access 'https://e/': The requested URL returned error: 403", "repository_not_found"),
        ("fatal: unable to access 'https://e/': Could not resolve host: e", "repository_unreachable"),
        ("fatal: unable to access 'https://e/': Operation too slow", "repository_unreachable"),
        ("error: file write error: No space left on device", "disk_full"),
    ],
)
def test_fetch_error_names_the_cause(output: str, code: str) -> None:
    error = fetch_error([output], repository="https://example.org/x", host="example.org", commit="0" * 40)

    assert error.code == code
    assert "?" not in error.explain().sentence


@pytest.mark.parametrize(
    ("output", "code"),
    [
        ("fatal: Authentication failed for 'https://example.org/x/'", "credential_refused"),
        ("fatal: could not read Username for 'https://example.org': terminal prompts disabled", "credential_refused"),
        ("fatal: unable to access 'https://e/': The requested URL returned error: 403", "credential_refused"),
        ("fatal: repository 'https://example.org/x.git/' not found", "repository_not_found"),
        ("fatal: unable to access 'https://e/': The requested URL returned error: 404", "repository_not_found"),
        ("fatal: remote error: upload-pack: not our ref 0123", "ref_unknown"),
    ],
)
def test_fetch_error_blames_a_credential_the_host_refused(output: str, code: str) -> None:
    error = fetch_error(
        [output], repository="https://example.org/x", host="example.org", commit="0" * 40, has_credential=True
    )

    assert error.code == code


@pytest.mark.parametrize(("version", "code"), [("3.42", "python_unavailable"), ("", "build_failed")])
def test_python_error_blames_version_that_was_asked_for(version: str, code: str) -> None:
    error = python_error(["error: No interpreter found"], version=version)

    assert error.code == code


@pytest.mark.parametrize(
    ("output", "code"),
    [("cp: write error: No space left on device", "disk_full"), ("command not found", "post_build_failed")],
)
def test_script_error_names_the_cause(output: str, code: str) -> None:
    assert script_error([output]).code == code
