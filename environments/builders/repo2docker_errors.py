"""Turns what repo2docker and BuildKit print into the error a person gets. Pure.

They say why they failed in words only, and engines of different age in different ones. What does not change is
the shape: output of a step follows its number, and at the end come the step that failed (` > [2/3] RUN …:`) and
one verdict (`ERROR: failed to solve: …`), neither of which a repository can write itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from environments.builders.classification import MAX_PROBLEM
from environments.errors import EnvironmentsError, SystemFailure, UserError

MAX_STEP = 200

_NO_ENGINE = re.compile(
    r"Cannot connect to the Docker daemon|The \w+ commandline client must be installed"
    r"|The buildx plugin must be installed|error during connect:|failed to receive status"
    r"|code = (?:Unavailable|Canceled)|context canceled|error reading from server: |no builder \S+ found"
)
_VERDICT = re.compile(
    r"(?:ERROR: |error: |Cannot connect to |No environment specification found|Error during build: (?!Command )).*"
)
_FAILED_STEP = re.compile(r" > (?:\[(?P<stage>[^\]]*)\] )?(?P<step>.+):")
_BASE_IMAGE = re.compile(r"(?:load metadata for|resolve image config for|FROM) (?:docker\.io/)?(?P<image>\S+)")
_FAILED_NUMBER = re.compile(r"#(\d+) ERROR\b")
_SIGNALLED = re.compile(r"exit code: 137\b")
_SOLVING = re.compile(
    r".*failed to solve: |rpc error: code = \w+ desc = |failed to solve with frontend \S+: "
    r"|failed to create LLB definition: "
)
_OWN_PROBLEM = re.compile(r"Error during build: (?P<problem>.+)")
_FILE = re.compile(r"environment\.ya?ml|apt\.txt|runtime\.txt|Pipfile|pyproject\.toml|Project\.toml|DESCRIPTION")
_PYTHON = re.compile(r"Python version (?P<version>\S+) on \S+ is not supported")

_FULL = re.compile(r"no space left on device|disk quota exceeded", re.IGNORECASE)
_MEMORY = re.compile(r"Cannot allocate memory|MemoryError|std::bad_alloc|JavaScript heap out of memory")
_MISSING = tuple(
    re.compile(pattern)
    for pattern in (
        r"ERROR: No matching distribution found for (?P<package>[^\s;]+)",
        r"E: Unable to locate package (?P<package>\S+)",
        r"E: Package '(?P<package>[^']+)' has no installation candidate",
        r"nothing provides (?:requested )?(?P<package>[\w.-]+)",
        r"(?P<package>[A-Za-z0-9][\w.-]*)[^\n]* does not exist \(perhaps a typo or a missing channel\)",
        r"(?:PackagesNotFoundError|ResolvePackageNotFound):[^\n]*\n(?:[^\n]*\n)?\s*- (?P<package>\S+)",
        r"packages? [‘'](?P<package>[\w.]+)[’'] (?:is|are) not available",
        r"could not be resolved:\s*\* (?P<package>\w+)",
    )
)
_CONFLICT = re.compile(
    r"ResolutionImpossible|Could not solve for environment specs|LibMambaUnsatisfiableError"
    r"|Unsatisfiable requirements detected"
)
_CAUSE = re.compile(
    r"The conflict is caused by:\s*(?P<pip>.+?)(?:\n\s*\n|\nTo fix|$)"
    r"|(?:Could not solve for environment specs|Unsatisfiable requirements detected)(?P<solver>.+?)(?:\n\s*\n|$)",
    re.DOTALL,
)
_UNBUILT = tuple(
    re.compile(pattern)
    for pattern in (
        r"Failed building wheel for (?P<package>\S+)",
        r"installation of package [‘'](?P<package>[\w.]+)[’'] had non-zero exit status",
        r"error: (?:metadata-generation-failed|subprocess-exited-with-error).*?╰─> (?P<package>[\w.-]+)",
    )
)
_UNREACHABLE = re.compile(
    r"Temporary failure (?:resolving|in name resolution)|NewConnectionError|CondaHTTPError|Could not resolve host"
    r"|Max retries exceeded with url|Read timed out"
)


def build_error(lines: Sequence[str], *, has_dockerfile: bool) -> EnvironmentsError:
    """Why repo2docker could not build, from the last lines it printed; `unwrapped`, and not cleaned yet."""
    verdict = _last(_VERDICT, lines)
    if _NO_ENGINE.search(verdict):
        return SystemFailure("runtime_unavailable", detail=verdict)
    if verdict.startswith("No environment"):
        return UserError("no_environment_files")
    if own := _OWN_PROBLEM.match(verdict):
        return _file_error(own["problem"])
    failed = _FAILED_STEP.fullmatch(_last(_FAILED_STEP, lines))
    if failed is None:
        return _unsolved_error(verdict, has_dockerfile=has_dockerfile)
    if base := _BASE_IMAGE.fullmatch(failed["step"]):
        kind = UserError if has_dockerfile else SystemFailure
        return kind("base_image_unavailable", image=base["image"][:MAX_STEP], detail=verdict)
    return _step_error(failed["step"], verdict, _output_of_failed(lines), has_dockerfile=has_dockerfile)


def _file_error(problem: str) -> EnvironmentsError:
    """What repo2docker itself found wrong before anything was built."""
    if _UNREACHABLE.search(problem):
        return SystemFailure("package_index_unreachable", detail=problem)
    if python := _PYTHON.search(problem):
        return UserError("python_unavailable", version=python["version"])
    if file := _FILE.search(problem):
        return UserError("environment_file_invalid", file=file[0], problem=_short(problem, MAX_PROBLEM))
    return UserError("build_failed", detail=problem)


def _unsolved_error(verdict: str, *, has_dockerfile: bool) -> EnvironmentsError:
    """What BuildKit found wrong before any step."""
    if _FULL.search(verdict):
        return SystemFailure("disk_full", detail=verdict)
    if has_dockerfile and "failed to solve" in verdict:
        return UserError("dockerfile_invalid", problem=_short(_SOLVING.sub("", verdict), MAX_PROBLEM))
    return UserError("build_failed", detail=verdict)


def _step_error(step: str, verdict: str, output: str, *, has_dockerfile: bool) -> EnvironmentsError:
    if _FULL.search(output) or _FULL.search(verdict):
        return SystemFailure("disk_full", detail=verdict)
    if _SIGNALLED.search(verdict) or _MEMORY.search(output):
        return UserError("build_out_of_memory", detail=verdict)
    if error := _package_error(output):
        return error
    if has_dockerfile:
        return UserError("dockerfile_failed", step=_short(step, MAX_STEP), detail=verdict)
    return UserError("post_build_failed" if "postBuild" in step else "build_failed", detail=verdict)


def _package_error(output: str) -> EnvironmentsError | None:
    """What pip, conda, apt, R or Julia could not install."""
    if _UNREACHABLE.search(output):
        return SystemFailure("package_index_unreachable", detail=output[-MAX_PROBLEM:])
    if package := _package(_MISSING, output):
        return UserError("package_not_found", package=package)
    if conflict := _CONFLICT.search(output):
        cause = _CAUSE.search(output)
        problem = (cause["pip"] or cause["solver"]) if cause else conflict[0]
        return UserError("requirements_unsatisfiable", problem=_short(problem, MAX_PROBLEM))
    if package := _package(_UNBUILT, output):
        return UserError("package_build_failed", package=package)
    return None


def _package(patterns: Iterable[re.Pattern[str]], output: str) -> str:
    found = (match["package"] for pattern in patterns if (match := pattern.search(output)))
    return next(found, "")[:MAX_STEP]


def _output_of_failed(lines: Sequence[str]) -> str:
    """What the step printed that failed, without its number and the time before each line."""
    number = next((match[1] for line in reversed(lines) if (match := _FAILED_NUMBER.match(line))), "")
    output = re.compile(rf"#{number} \d+\.\d+ ?(.*)")
    return "\n".join(match[1] for line in lines if (match := output.fullmatch(line)))


def _last(pattern: re.Pattern[str], lines: Sequence[str]) -> str:
    """The last line of this shape, or nothing."""
    return next((line for line in reversed(lines) if pattern.fullmatch(line)), "")


def _short(text: str, length: int) -> str:
    """In one paragraph, and not too long."""
    text = " ".join(text.split())
    return text if len(text) <= length else f"{text[: length - 1]}…"
