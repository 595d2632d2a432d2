"""Turns what git, uv and a repository's own scripts print into the error a person gets. Pure.

The programs say why they failed in words only, so the words are what is looked at; whatever is not
recognised stays `build_failed`, with the log beside it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.utils.translation import gettext as _

from environments.errors import EnvironmentsError, SystemFailure, UserError

MAX_PROBLEM = 600

_DISK_FULL = re.compile(r"No space left on device|Disk quota exceeded|\(os error (?:28|122)\)")
_BUILD_OUTPUT = re.compile(r"^\s*\[(?:stdout|stderr)\]\s*$", re.MULTILINE)
_UNREACHABLE = re.compile(
    r"error sending request|dns error|tcp connect error|operation timed out|network timeout"
    r"|error decoding response body"
    r"|connection (?:error|closed|reset)|HTTP status server error|network was disabled"
    r"|HTTP status client error \((?:401|403|407|429)",
    re.IGNORECASE,
)
_NOT_THERE = re.compile(
    r"Because (?P<package>\S+) was not found in (?:the package registry|the provided package locations|the cache)"
)
_ONLY_WISH = r"you require (?P<package>\S+), we can conclude that your requirements are unsatisfiable\."
_NO_SUCH_VERSION = re.compile(
    rf"Because (?:there (?:is no version|are no versions) of \S+|only \S+ (?:is|are) available) and {_ONLY_WISH}"
)
_MISSING_DOWNLOAD = re.compile(r"Failed to download `(?P<package>[^`@]+?)(?:\s*@[^`]*)?`.*\((?:404|410) ", re.DOTALL)
_FILE_PROBLEM = re.compile(
    r"Couldn't parse requirement in `(?P<file>[^`]+)`|Error (?:parsing|reading) included file in `(?P<including>[^`]+)`"
    r"|[Ff]ile not found: `(?P<missing>[^`]+)`|Unsupported requirement in `(?P<odd>[^`]+)`"
    r"|failed to read from file `(?P<unreadable>[^`]+)`|Invalid `(?P<project>pyproject\.toml)`"
    r"|(?P<toml>TOML parse error)"
)
_PACKAGE = re.compile(
    r"Failed to (?:download and )?(?:build|install|prepare|unzip|extract)[^`]*`(?P<package>[^`@]+?)(?:\s*@[^`]*)?`"
)
_BACKEND = re.compile(r"The build backend returned an error|Call to `[^`]+` failed|Failed to parse metadata")

_COMMIT_UNKNOWN = re.compile(
    r"not our ref|unadvertised object|no such remote ref|couldn't find remote ref|reference is not a tree"
    r"|unable to read tree|bad object",
    re.IGNORECASE,
)
_REPOSITORY_GONE = re.compile(
    r"repository .*not found|not found: did you run|could not read Username|terminal prompts disabled"
    r"|Authentication failed|error: (?:401|403|404|410)|does not appear to be a git repository|does not exist",
    re.IGNORECASE,
)
_CREDENTIAL_REFUSED = re.compile(r"could not read Username|Authentication failed|error: (?:401|403)", re.IGNORECASE)


def refuses_commits(lines: Sequence[str]) -> bool:
    """Whether a git server refused to give a commit by its name; older ones give branches and tags only."""
    return _COMMIT_UNKNOWN.search("\n".join(lines)) is not None


def fetch_error(
    lines: Sequence[str], *, repository: str, host: str, commit: str, has_credential: bool = False
) -> EnvironmentsError:
    """Why git could not fetch or check out a commit. `has_credential` says that one was shown to the host."""
    text = "\n".join(lines)
    if _DISK_FULL.search(text):
        return SystemFailure("disk_full", detail=text)
    if refuses_commits(lines):
        return UserError("ref_unknown", repository=repository, ref=commit, detail=text)
    if has_credential and _CREDENTIAL_REFUSED.search(text):
        return UserError("credential_refused", host=host, detail=text)
    if _REPOSITORY_GONE.search(text):
        return UserError("repository_not_found", repository=repository, detail=text)
    return SystemFailure("repository_unreachable", host=host, detail=text)


def python_error(lines: Sequence[str], *, version: str) -> EnvironmentsError:
    """Why there is no virtual environment with this version of Python."""
    text = "\n".join(lines)
    if _DISK_FULL.search(text):
        return SystemFailure("disk_full", detail=text)
    if version:
        return UserError("python_unavailable", version=version, detail=text)
    return SystemFailure("build_failed", detail=text)


def install_error(lines: Sequence[str]) -> EnvironmentsError:
    """Why uv could not install what a repository asks for."""
    text = "\n".join(lines)
    if _DISK_FULL.search(text):
        return SystemFailure("disk_full", detail=text)
    said = _BUILD_OUTPUT.split(text)[0]
    error = said[said.rfind("error: ") :] if "error: " in said else said
    return _resolution_error(error) or _file_error(error) or _package_error(error) or UserError("build_failed")


def script_error(lines: Sequence[str]) -> EnvironmentsError:
    """Why postBuild failed."""
    text = "\n".join(lines)
    return SystemFailure("disk_full") if _DISK_FULL.search(text) else UserError("post_build_failed")


def _resolution_error(error: str) -> EnvironmentsError | None:
    if "No solution found" in error:
        problem = _problem(error)
        if match := _NOT_THERE.search(problem) or _NO_SUCH_VERSION.fullmatch(problem):
            return UserError("package_not_found", package=match["package"])
        return UserError("requirements_unsatisfiable", problem=problem)
    if match := _MISSING_DOWNLOAD.search(error):
        return UserError("package_not_found", package=match["package"])
    return SystemFailure("package_index_unreachable", detail=error) if _UNREACHABLE.search(error) else None


def _file_error(error: str) -> EnvironmentsError | None:
    match = _FILE_PROBLEM.search(error)
    if match is None:
        return None
    file = next((name for key, name in match.groupdict().items() if name and key != "toml"), "pyproject.toml")
    return UserError("environment_file_invalid", file=file, problem=_problem(error))


def _package_error(error: str) -> EnvironmentsError | None:
    if match := _PACKAGE.search(error):
        return UserError("package_build_failed", package=match["package"].removeprefix("file://"))
    if _BACKEND.search(error):
        return UserError("package_build_failed", package=_("of the repository itself"))
    return None


def _problem(error: str) -> str:
    """What follows the headline, in one paragraph: uv gives the causes one below the other."""
    causes = error.partition("cause: ")[2].split("hint: ")[0] or error
    text = " ".join(causes.replace("cause: ", "").split())
    return text if len(text) <= MAX_PROBLEM else f"{text[: MAX_PROBLEM - 1]}…"
