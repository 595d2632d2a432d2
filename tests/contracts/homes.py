"""Homes and images of each runtime, in the hands of a contract test: made, worked in, and looked at."""

from __future__ import annotations

import io
import secrets
import shlex
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import Protocol

from docker.types import Mount as EngineMount

from environments.engine import client
from environments.spawners.base import Spawner
from environments.spawners.docker import DockerSpawner
from environments.spawners.fake import FakeSpawner
from environments.spawners.homes import prepare_home
from environments.spawners.process import ProcessSpawner
from environments.values import Handle, Image, Mount, ServerSpec
from environments.volumes.docker import DockerVolumeStore, volume_labels, volume_name
from environments.volumes.local import LocalVolumeStore, volume_directory
from tests.engine import clean_engine, image_from

HOME = f"server-{secrets.token_hex(16)}"
MOUNTS = (Mount(f"home-{secrets.token_hex(16)}", PurePosixPath("home")),)
_HALF = ".carrel-unfinished"
_OF_BASE_IMAGE = (".bash_logout", ".bashrc", ".profile")


class Homes(Protocol):
    """One home, and images it can be filled from."""

    @property
    def spawner(self) -> Spawner:
        """Whose homes they are."""

    def image(self, files: Mapping[str, str]) -> Image:
        """An image with these files."""

    def fill(self, image: Image) -> None:
        """Fill the home as the first start of a server does."""

    def work(self, *, change: Mapping[str, str], delete: tuple[str, ...] = ()) -> None:
        """Work in the home as a person does."""

    def files(self) -> dict[str, str]:
        """Every file in the home but those in mounts."""


def spec_of(image: Image) -> ServerSpec:
    """A start of the server whose home it is."""
    return ServerSpec(Handle("0b5a0f5e-6f0c-4a43-9f2b-4b7d1c6f8a11", "start1"), image, HOME, MOUNTS, token="t" * 64)


class FakeHomes:
    """Those of the fake."""

    def __init__(self) -> None:
        self.spawner = FakeSpawner()

    def image(self, files: Mapping[str, str]) -> Image:
        location = f"fake:{secrets.token_hex(4)}"
        self.spawner.image_files[location] = dict(files)
        return Image(location, location)

    def fill(self, image: Image) -> None:
        self.spawner.start(spec_of(image))

    def work(self, *, change: Mapping[str, str], delete: tuple[str, ...] = ()) -> None:
        home = self.spawner.homes[HOME]
        home |= change
        for path in delete:
            del home[path]

    def files(self) -> dict[str, str]:
        return {path: text for path, text in self.spawner.homes[HOME].items() if text and path != _HALF}


class ProcessHomes:
    """Folders of this machine."""

    def __init__(self, folder: Path) -> None:
        self.spawner = ProcessSpawner()
        self._folder = folder

    def image(self, files: Mapping[str, str]) -> Image:
        root = self._folder / secrets.token_hex(4)
        _write(root / "repo", files)
        return Image(root.name, str(root))

    def fill(self, image: Image) -> None:
        prepare_home(spec_of(image))

    def work(self, *, change: Mapping[str, str], delete: tuple[str, ...] = ()) -> None:
        home = volume_directory(HOME)
        _write(home, change)
        for path in delete:
            (home / path).unlink()

    def files(self) -> dict[str, str]:
        return _in_tar(LocalVolumeStore().read(HOME))


class DockerHomes:
    """Volumes of the engine."""

    def __init__(self, images: ExitStack) -> None:
        self.spawner = DockerSpawner()
        self._images = images

    def image(self, files: Mapping[str, str]) -> Image:
        lines = [
            f"mkdir -p ./{PurePosixPath(path).parent} && printf %s {shlex.quote(text)} > {path}"
            for path, text in files.items()
        ]
        return self._images.enter_context(image_from(f"RUN {' && '.join(lines)}"))

    def fill(self, image: Image) -> None:
        client().api.create_volume(volume_name(HOME), labels=volume_labels(HOME))
        self._run(image.location, "true", EngineMount("/home/jovyan", volume_name(HOME), type="volume"))

    def work(self, *, change: Mapping[str, str], delete: tuple[str, ...] = ()) -> None:
        commands = [f"printf %s {shlex.quote(text)} > {path}" for path, text in change.items()]
        commands += [f"rm {path}" for path in delete]
        place = EngineMount("/volume", volume_name(HOME), type="volume", no_copy=True)
        self._run("carrel-test/base", " && ".join(["cd /volume", *commands]), place)

    def files(self) -> dict[str, str]:
        files = _in_tar(DockerVolumeStore().read(HOME))
        return {path: text for path, text in files.items() if path not in _OF_BASE_IMAGE}

    def _run(self, image: str, command: str, mount: EngineMount) -> None:
        client().containers.run(image, ["sh", "-ec", command], mounts=[mount], user="1000", remove=True)


@contextmanager
def homes_of(runtime: str, folder: Path) -> Iterator[Homes]:
    """The homes of this runtime; nothing of them is left afterwards."""
    if runtime == "docker":
        with clean_engine(), ExitStack() as images:
            yield DockerHomes(images)
    elif runtime == "process":
        yield ProcessHomes(folder)
        shutil.rmtree(folder)
    else:
        fake = FakeHomes()
        yield fake
        fake.spawner.close()


def _write(root: Path, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def _in_tar(stream: Iterator[bytes]) -> dict[str, str]:
    found = {}
    with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
        for member in archive:
            content = archive.extractfile(member)
            if content and PurePosixPath(member.name).parts[0] != "home":
                found[member.name] = content.read().decode()
    return found
