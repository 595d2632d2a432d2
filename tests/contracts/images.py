"""What contract tests of the real backends share: a cache of packages, and one image built once per process."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.test import override_settings

from environments.builders.venv import VenvBuilder
from environments.scratch import scratch_of_process
from environments.values import BuildEvent, BuildRequest, Image, ResolvedRepository
from tests.fakes.git_host import GitHost

NOTEBOOK = '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}\n'
REPOSITORY = {
    "requirements.txt": "six==1.16.0\n",
    "first.ipynb": NOTEBOOK,
    "data/numbers.csv": "1,2\n",
    "home/left-behind.txt": "",
}


def share_package_cache(data: Path) -> None:
    """Let uv keep what it downloads from one test run to the next."""
    default = Path.home() / ".cache" / "carrel-tests" / "uv"
    shared = Path(os.environ.get("CARREL_TEST_UV_CACHE") or default)
    shared.mkdir(parents=True, exist_ok=True)
    (data / "cache").mkdir(parents=True)
    (data / "cache" / "uv").symlink_to(shared)


@dataclass(frozen=True)
class Built:
    """A finished image, where it is, and what was said while it was made."""

    data: Path
    request: BuildRequest
    image: Image
    events: tuple[BuildEvent, ...]


@cache
def built() -> Built:
    """A real image of a small repository. It is removed when the process ends; do not change it."""
    data = scratch_of_process("image")
    share_package_cache(data)
    with GitHost() as host, override_settings(CARREL_DATA=data, REPOSITORY_ALLOWED_HOSTS=[host.address]):
        repository = ResolvedRepository(host.url("small"), host.add("small", REPOSITORY), "")
        request = BuildRequest("build-small", "small", repository, time_limit_seconds=300)
        events = tuple(VenvBuilder().build(request))
        image = VenvBuilder().find(request.image_key)
    assert image is not None
    return Built(data, request, image, events)


def copy_of(image: Image, place: Path) -> Image:
    """The same image in another folder, sharing its files; this one may be changed."""
    shutil.copytree(image.location, place, symlinks=True, copy_function=os.link)
    return Image(place.name, str(place))


def built_image() -> Image:
    """The image alone."""
    return built().image
