"""Images of the engine that nobody needs are removed, and nothing else."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings as current
from django.test import override_settings

from environments.builders.image_cleanup import remove_unused_images
from environments.builders.images import image_labels, local_image, user_id
from environments.builders.repo2docker import Repo2DockerBuilder
from environments.engine import client, installation_labels
from environments.registry import location_of
from environments.values import BuildRequest
from tests.engine_images import names_left, own_images, request_for
from tests.fakes.git_host import GitHost

PLENTY = 10**6
SMALL = "FROM scratch\nCOPY passwd /etc/passwd\nUSER 1000\n"


@pytest.mark.parametrize(
    ("user", "uid"),
    [
        ("jovyan", 1000),
        ("1000", 1000),
        ("root", 0),
        ("0", 0),
        ("toor", 0),
        ("4711", 0),
        ("4712", 4712),
        ("unknown", None),
        ("broken", None),
        ("-1", None),
        ("１０００", None),
        ("", None),
    ],
)
def test_user_id_reads_as_the_engine_does(user: str, uid: int | None) -> None:
    passwd = "toor:x:0:0::/:/bin/sh\njovyan:x:1000:1000::/home/jovyan:/bin/bash\n4711:x:0:0::/:/bin/sh\nbroken:x\n\n"

    assert user_id(user, passwd) == uid


def test_user_id_of_root_needs_no_file() -> None:
    assert user_id("root", "") == 0


# --- In an engine ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def host() -> Iterator[GitHost]:
    with GitHost() as host:
        yield host


@pytest.fixture
def _room(host: GitHost, tmp_path: Path) -> Iterator[None]:
    with own_images(tmp_path, host, IMAGE_DISK_BUDGET_GB=PLENTY):
        yield


def built(host: GitHost) -> BuildRequest:
    """A small image, like no other."""
    name = f"small-{secrets.token_hex(4)}"
    request = request_for(host, name, {"Dockerfile": SMALL, "passwd": f"jovyan:x:1000:1000::/:/bin/sh\n# {name}\n"})
    list(Repo2DockerBuilder().build(request))
    return request


@pytest.mark.docker
@pytest.mark.usefixtures("_room")
def test_remove_unused_images_takes_what_was_not_used_for_long(host: GitHost) -> None:
    old, recent = built(host).image_key, built(host).image_key
    now = datetime.now(UTC)

    removed = remove_unused_images(needed=set(), last_used={old: now - timedelta(days=31)}, now=now)

    assert removed == [old]
    assert Repo2DockerBuilder().find(old) is None
    assert Repo2DockerBuilder().find(recent) is not None


@pytest.mark.docker
@pytest.mark.usefixtures("_room")
def test_remove_unused_images_spares_what_is_needed(host: GitHost) -> None:
    key = built(host).image_key
    long_ago = datetime.now(UTC) - timedelta(days=400)

    removed = remove_unused_images(needed={key}, last_used={key: long_ago}, now=datetime.now(UTC))

    assert removed == []


@pytest.mark.docker
@pytest.mark.usefixtures("_room")
def test_remove_unused_images_spares_what_a_container_uses(host: GitHost) -> None:
    key = built(host).image_key
    container = client().containers.create(location_of(key), command=["-"], labels=installation_labels())

    removed = remove_unused_images(needed=set(), last_used={}, now=datetime.now(UTC) + timedelta(days=400))

    container.remove()
    assert removed == []
    assert local_image(location_of(key)) is not None


@pytest.mark.docker
@pytest.mark.usefixtures("_room")
def test_remove_unused_images_takes_what_a_killed_build_left(host: GitHost) -> None:
    key = built(host).image_key
    image = local_image(location_of(key))
    assert image is not None
    image.tag(*f"{current.IMAGE_PREFIX}environment:unchecked-gone".rsplit(":", 1))
    client().images.remove(location_of(key))

    soon = remove_unused_images(needed=set(), last_used={}, now=datetime.now(UTC))
    before = names_left()
    remove_unused_images(needed=set(), last_used={}, now=datetime.now(UTC) + timedelta(days=1))

    assert (soon, len(before), names_left()) == ([], 1, [])


@pytest.mark.docker
@pytest.mark.usefixtures("_room")
def test_remove_unused_images_spares_images_of_others(host: GitHost) -> None:
    key = built(host).image_key
    with override_settings(IMAGE_PREFIX=f"carrel-test-{secrets.token_hex(6)}/", CARREL_DATA=Path("/elsewhere")):
        removed = remove_unused_images(needed=set(), last_used={}, now=datetime.now(UTC) + timedelta(days=400))

    assert removed == []
    assert Repo2DockerBuilder().find(key) is not None


@pytest.mark.docker
@pytest.mark.usefixtures("_room")
def test_image_labels_name_installation_and_key(host: GitHost) -> None:
    key = built(host).image_key
    image = local_image(location_of(key))

    assert image is not None
    assert image_labels(key).items() <= image.labels.items()
