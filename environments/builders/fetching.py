"""Fetches exactly one commit of a repository with git, from the address the guard checked and no other."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from environments.builders.classification import fetch_error, refuses_commits
from environments.builders.commands import CommandFailed, Commands
from environments.errors import EnvironmentsError, UserError
from environments.references import fetch_source
from environments.references.addresses import is_local
from environments.references.credentials import git_variables, is_for
from environments.references.guard import git_environment, guarded_git_options
from environments.trees import tree_usage
from environments.values import Credential, ResolvedRepository

MAX_BYTES = 2 * 1024**3

_EXAMPLE = "example:"
_EVERYTHING = ("+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*")


@dataclass(frozen=True)
class Checkout:
    """One commit, to be checked out into `directory`, which does not exist yet. `home` is an empty folder.

    `credential` is shown to its host while git fetches: in git's environment, so that it is in no argument, and
    in no file of the checkout.
    """

    repository: ResolvedRepository
    directory: Path
    home: Path
    commands: Commands
    max_bytes: int = MAX_BYTES
    credential: Credential | None = field(default=None, repr=False)

    def make(self) -> Generator[str, None, None]:
        """Fetch and check out, yielding what git says.

        Keeps `.git`, with a remote that has no credentials. Raises `ref_unknown`, `repository_not_found`,
        `credential_refused`, `repository_unreachable`, `repository_too_large`, `disk_full`, `build_timeout`, or
        what the guard raises.
        """
        url = self.repository.url
        source = yield from self.commands.wait_for(partial(fetch_source, self.repository, self.credential))
        local = is_local(source)
        options = [] if local else guarded_git_options(source)
        environment = git_environment(self.home, local=local)
        self.directory.mkdir()
        try:
            yield from self._git(environment, "init", "--quiet", "--template=", ".")
            if not url.startswith(_EXAMPLE):
                yield from self._git(environment, "remote", "add", "origin", url)
            yield from self._fetch(source, options, environment | git_variables(self.credential))
            yield from self._git(environment, "checkout", "--quiet", "--detach", self.repository.commit)
            self._check_size()
        except CommandFailed as failure:
            is_shown = not local and is_for(source, self.credential)
            raise self._explain(failure, has_credential=is_shown) from failure

    def _fetch(self, source: str, options: list[str], environment: Mapping[str, str]) -> Generator[str, None, None]:
        fetch = (*options, "fetch", "--quiet", "--no-recurse-submodules", "--no-auto-maintenance")
        try:
            yield from self._git(environment, *fetch, "--no-tags", "--depth=1", "--", source, self.repository.commit)
        except CommandFailed as failure:
            if not refuses_commits(failure.lines):
                raise
            yield from self._git(environment, *fetch, "--", source, *_EVERYTHING)

    def _git(self, environment: Mapping[str, str], *arguments: str) -> Generator[str, None, None]:
        command = ["git", *arguments]
        return self.commands.run(command, directory=self.directory, environment=environment, check=self._check_size)

    def _check_size(self) -> None:
        if tree_usage(self.directory).bytes > self.max_bytes:
            raise UserError("repository_too_large", megabytes=self.max_bytes // 1_000_000)

    def _explain(self, failure: CommandFailed, *, has_credential: bool) -> EnvironmentsError:
        url, commit = self.repository.url, self.repository.commit
        host = urlsplit(url).hostname or url
        return fetch_error(failure.lines, repository=url, host=host, commit=commit, has_credential=has_credential)
