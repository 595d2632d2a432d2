"""Images on this machine's disk: measured, removed when nobody needs them, never while somebody begins to use one."""

from __future__ import annotations

import secrets
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import uv
from pytest_django import Settings

from config.env import BASE_DIR
from environments.builders.venv import VenvBuilder
from environments.errors import SystemFailure
from environments.local_images import held, remove_unless_held
from environments.sandboxes.base import SandboxLimits
from environments.sandboxes.process import ProcessSandbox
from environments.spawners.process import ProcessSpawner
from environments.values import Handle, Image, ServerSpec
from tests.contracts.images import built_image, copy_of

LIMITS = SandboxLimits(memory_mb=400, disk_mb=32, wall_seconds=60)
REMOVE = """#!/bin/sh
exec {python} -c "
import sys
sys.path.insert(0, '{base}')
from pathlib import Path
from environments.local_images import remove_unless_held
print('was removed:', remove_unless_held(Path('{place}')), file=open('{said}', 'w'))
"
"""
"""What stands in for an image's Python: it tries to remove the image it is in."""


@pytest.fixture
def images(settings: Settings, tmp_path: Path) -> Path:
    settings.CARREL_DATA = tmp_path / "data"
    images = tmp_path / "data" / "images"
    images.mkdir(parents=True)
    return images


def made(images: Path, key: str, *, size: int = 1000, is_finished: bool = True) -> Path:
    """An image that is as large as this beside its marker of two bytes."""
    place = images / key
    (place / "venv" / "bin").mkdir(parents=True)
    (place / "venv" / "bin" / "python").write_bytes(bytes(size))
    if is_finished:
        (place / "image.json").write_text("{}")
    return place


def remove_unused(*, days_later: int = 0, needed: tuple[str, ...] = ()) -> list[str]:
    now = datetime.now(UTC) + timedelta(days=days_later)
    return [*VenvBuilder().remove_unused(needed=needed, last_used={}, now=now)]


def test_stored_measures_images_and_cache(images: Path) -> None:
    made(images, "one", size=1000)
    made(images, "half-made", is_finished=False)
    (images.parent / "cache" / "uv").mkdir(parents=True)
    (images.parent / "cache" / "uv" / "wheel").write_bytes(bytes(500))

    stored = VenvBuilder().stored()

    assert [(image.key, image.own_bytes) for image in stored.images] == [("one", 1002)]
    assert stored.cache_bytes == 500


def test_stored_is_empty_at_first(images: Path) -> None:
    images.rmdir()

    assert VenvBuilder().stored().images == ()


def test_remove_unused_goes_by_the_budget(images: Path, settings: Settings) -> None:
    settings.IMAGE_DISK_BUDGET_GB = 0
    for key in ("one", "needed"):
        made(images, key)

    assert remove_unused(needed=("needed",)) == ["one"]
    assert [place.name for place in images.iterdir()] == ["needed"]


def test_remove_unused_spares_what_somebody_is_starting_from(images: Path) -> None:
    place = made(images, "one")

    with held(Image("one", str(place))):
        removed = remove_unused(days_later=31)

    assert removed == []
    assert place.is_dir()


def test_remove_unused_takes_what_a_killed_build_left(images: Path) -> None:
    for key in ("left", "needed"):
        made(images, key, is_finished=False)
    (images / ".other.removed-0123abcd").mkdir()

    remove_unused()
    soon = sorted(place.name for place in images.iterdir())
    remove_unused(days_later=1, needed=("needed",))

    assert soon == ["left", "needed"]
    assert [place.name for place in images.iterdir()] == ["needed"]


def test_remove_unused_spares_what_is_no_image(images: Path) -> None:
    (images / "README.txt").write_text("mine")

    remove_unused(days_later=400)

    assert (images / "README.txt").read_text() == "mine"


@pytest.fixture
def cache(images: Path) -> Path:
    """As uv leaves it behind."""
    cache = images.parent / "cache" / "uv"
    arguments = [uv.find_uv_bin(), "venv", "--quiet", "--cache-dir", str(cache), "--python", sys.executable]
    subprocess.run([*arguments, str(images.parent / "venv")], check=True, timeout=60)
    return cache


def test_remove_unused_takes_from_the_cache_what_nothing_leads_to(cache: Path) -> None:
    dangling = cache / "archive-v0" / "dangling"
    dangling.mkdir(parents=True)

    remove_unused()

    assert not dangling.exists()
    assert list(cache.rglob("*.msgpack"))


def test_remove_unused_empties_a_cache_that_takes_too_much(cache: Path, settings: Settings) -> None:
    settings.IMAGE_DISK_BUDGET_GB = 0

    remove_unused()

    assert not list(cache.rglob("*.msgpack"))


def test_start_holds_its_image(images: Path, tmp_path: Path) -> None:
    place, said = made(images, "one"), tmp_path / "said"
    python = place / "venv" / "bin" / "python"
    python.write_text(REMOVE.format(python=sys.executable, base=BASE_DIR, place=place, said=said))
    python.chmod(0o755)
    handle = Handle(f"server-{secrets.token_hex(4)}", "start")
    spec = ServerSpec(handle, Image("one", str(place)), f"server-{secrets.token_hex(16)}", (), "token")

    with pytest.raises(SystemFailure, match="start_failed"):
        ProcessSpawner().start(spec)

    assert said.read_text() == "was removed: False\n"


def test_kernel_holds_its_image(images: Path) -> None:
    image = copy_of(built_image(), images / "copy")

    with ProcessSandbox().kernel(image, LIMITS):
        assert not remove_unless_held(Path(image.location))
