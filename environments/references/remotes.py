"""What a git repository elsewhere answers without being fetched: where it is now, and what its refs mean."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import tempfile
import threading
from pathlib import Path

from django.conf import settings

from environments.errors import SystemFailure, UserError
from environments.references.addresses import host_and_port, is_local, read_url, shown
from environments.references.base import NEWEST, is_commit
from environments.references.credentials import git_variables, headers_for, is_for
from environments.references.guard import git_environment, guarded_git_options
from environments.references.http import Answer, get
from environments.values import Credential

MAX_OUTPUT_BYTES = 1_000_000
_SERVICE = "/info/refs?service=git-upload-pack"
_ADVERTISEMENT = "application/x-git-upload-pack-advertisement"
_REF_LINE = re.compile(rb"([0-9a-f]{40})\t(\S+)")
_ABSENT = (200, 401, 403, 404, 410, 451)
"""Answers that mean there is no repository for us here: 200 too, when a page is served in its place."""
_REFUSED = (401, 403)
"""Those of them that, to somebody who shows a credential, mean that it is no good."""


def fetch_url(url: str, credential: Credential | None = None) -> str:
    """Where git finds this repository now, redirects followed and each hop checked.

    A host may know a repository with `.git` at its end, without, or both. The credential is shown to its own
    host only, wherever a redirect leads. Raises `repository_not_found` (also for a private one),
    `credential_refused`, `repository_unreachable`, `repository_rate_limited`, or what the guard raises.
    """
    is_refused = False
    for candidate in (url,) if url.endswith(".git") else (url, f"{url}.git"):
        answer = get(
            candidate + _SERVICE,
            headers={"Git-Protocol": "version=2"},
            secrets=headers_for(candidate, credential),
            max_bytes=0,
        )
        if _is_repository(answer):
            return answer.url.removesuffix(_SERVICE)
        _check_absent(answer)
        is_refused |= answer.status in _REFUSED and is_for(answer.url, credential)
    if is_refused:
        raise UserError("credential_refused", host=_host(url))
    raise UserError("repository_not_found", repository=shown(url))


def find_commit(source: str, ref: str, *, repository: str, credential: Credential | None = None) -> str:
    """The commit a branch, a tag or (for an empty ref) HEAD means; a full commit is taken at its word.

    `source` is what `fetch_url` returned, or a directory; `repository` is what errors call it. Raises
    `ref_unknown`, `repository_not_found` (for a directory), `repository_unreachable`, or what the guard raises.
    """
    if is_commit(ref):
        return ref
    names = _names_for(ref)
    refs = _list_refs(source, names, repository, credential)
    for name in names:
        if name in refs:
            return refs[name]
    raise UserError("ref_unknown", repository=shown(repository), ref=ref or NEWEST)


def _names_for(ref: str) -> list[str]:
    """The full names a ref may have, likeliest first; a tag that is an object of its own is peeled."""
    if not ref:
        return [NEWEST]
    if ref.startswith("refs/"):
        return [f"{ref}^{{}}", ref]
    return [f"refs/heads/{ref}", f"refs/tags/{ref}^{{}}", f"refs/tags/{ref}"]


def _list_refs(source: str, names: list[str], repository: str, credential: Credential | None) -> dict[str, str]:
    local = is_local(source)
    options = [] if local else guarded_git_options(source)
    with tempfile.TemporaryDirectory(prefix="carrel-git-") as home:
        command = ["git", *options, "ls-remote", "--", source, *names]
        status, output = _run(command, git_environment(Path(home), local=local) | git_variables(credential))
    if status and local:
        raise UserError("repository_not_found", repository=shown(repository), detail=_tail(output))
    if status:
        raise SystemFailure("repository_unreachable", host=_host(source), detail=_tail(output))
    lines = (_REF_LINE.fullmatch(line) for line in output.splitlines())
    return {line[2].decode(errors="replace"): line[1].decode() for line in lines if line}


def _run(command: list[str], environment: dict[str, str]) -> tuple[int, bytes]:
    """Exit status and output. What takes too long or says too much is killed, with all it started."""
    process = subprocess.Popen(
        command,
        env=environment,
        cwd=environment["HOME"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    watchdog = threading.Timer(settings.REPOSITORY_TIMEOUT_SECONDS, _kill, [process])
    watchdog.start()
    try:
        assert process.stdout is not None, "it was asked for"  # noqa: S101
        with process.stdout:
            output = process.stdout.read(MAX_OUTPUT_BYTES)
        return process.wait(), output
    finally:
        watchdog.cancel()
        _kill(process)
        process.wait()


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


def _tail(output: bytes) -> str:
    return output[-2000:].decode(errors="replace").strip()


def _is_repository(answer: Answer) -> bool:
    content_type = answer.headers.get("content-type", "")
    return answer.status == 200 and content_type == _ADVERTISEMENT and answer.url.endswith(_SERVICE)


def _check_absent(answer: Answer) -> None:
    if answer.status not in _ABSENT:
        raise answer.refusal()


def _host(url: str) -> str:
    return host_and_port(read_url(url))[0]
