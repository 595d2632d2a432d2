"""Room in the engine for the images of one test: names of its own, and nothing left under them afterwards."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from django.test import override_settings

from environments.builders.images import remove_name, remove_names
from environments.engine import client, having, installation_labels
from environments.values import BuildRequest, Credential, ResolvedRepository
from tests.engine import why_not
from tests.fakes.archive_host import ArchiveHost
from tests.fakes.git_host import GitHost

FROM_BASE = "FROM carrel-test/base\n"


@contextmanager
def own_images(data: Path, host: GitHost | ArchiveHost, **settings: object) -> Iterator[None]:
    """Skip where there is no engine; otherwise build below `data`, from `host`, under a prefix of one's own."""
    if reason := why_not():
        pytest.skip(reason)
    prefix = f"carrel-test-{secrets.token_hex(6)}/"
    chosen = {
        "CARREL_DATA": data,
        "IMAGE_PREFIX": prefix,
        "REPOSITORY_ALLOWED_HOSTS": [host.address],
        "REGISTRY_URL": "",
        **settings,
    }
    with override_settings(**chosen):
        try:
            yield
        finally:
            for image in client().images.list(filters=having(installation_labels())):
                remove_names(image)
            for name in names_left():
                remove_name(name)


def names_left() -> list[str]:
    """The names of this installation's images in the engine, and of those that have none."""
    found = client().images.list(filters=having(installation_labels()))
    return sorted(name for image in found for name in image.tags or [str(image.id)])


def request_for(
    host: GitHost,
    name: str,
    files: Mapping[str, str | bytes],
    *,
    seconds: int = 60,
    credential: Credential | None = None,
) -> BuildRequest:
    """A build of a new repository of this name and with these files; its key is the name."""
    repository = ResolvedRepository(host.url(name), host.add(name, files), "")
    return BuildRequest(f"build-{name}", name, repository, seconds, credential)


def is_running(words: str) -> bool:
    """Whether a process of this machine has these words among its arguments."""
    return any(words in " ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"]))
