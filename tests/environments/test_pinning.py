"""People get the version that was put in use, and only what somebody does changes that."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
from pytest_django import Settings

from accounts.models import User
from environments import images
from environments.catalog import edit, publish
from environments.errors import UserError
from environments.launching import launch_environment
from environments.models import Environment, Rebuild
from environments.pinning import go_back, has_ready, hold, left_by, put_in_use, version_before, version_in_use
from environments.rebuilding import rebuild
from tests.environments.recipes import fresh, recipe, work
from tests.fakes.backends import FailingBuilder
from tests.fakes.git_host import GitHost

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]


@pytest.fixture
def host(settings: Settings) -> Iterator[GitHost]:
    """A git host with two repositories."""
    with GitHost() as host:
        settings.REPOSITORY_ALLOWED_HOSTS = [host.address]
        host.add("statistics", {"requirements.txt": "numpy\n"})
        host.add("physics", {"requirements.txt": "scipy\n"})
        yield host


@pytest.fixture
def environment(host: GitHost, teacher: User, now: datetime) -> Environment:
    """A teacher's environment, held, with its first version prepared."""
    environment = publish(teacher, recipe(host.url("statistics"), rebuild=Rebuild.NEVER), now=now)
    hold(environment, now=now)
    work(now)
    return fresh(environment)


def prepare_next(environment: Environment, host: GitHost, now: datetime) -> Environment:
    """Another commit, prepared; the environment as it is then."""
    host.commit("statistics", {"requirements.txt": f"numpy\n# after {environment.commit}\n"})
    rebuild(environment, now=now)
    work(now)
    return fresh(environment)


def in_use(environment: Environment) -> str:
    version = version_in_use(environment)
    assert version is not None
    return version.commit


def test_hold_puts_the_first_version_in_use_once_it_is_prepared(environment: Environment, now: datetime) -> None:
    version = version_in_use(environment)

    assert version is not None
    assert (version.commit, version.in_use_since, version.put_in_use_by) == (environment.commit, now, None)


def test_hold_keeps_what_people_had_before(host: GitHost, teacher: User, now: datetime) -> None:
    environment = publish(teacher, recipe(host.url("statistics")), now=now)
    work(now)

    hold(fresh(environment), now=now)

    assert in_use(environment) == fresh(environment).commit


def test_rebuild_prepares_a_version_beside_the_one_in_use(
    environment: Environment, host: GitHost, now: datetime
) -> None:
    newer = prepare_next(environment, host, now)

    assert (in_use(newer), has_ready(newer)) == (environment.commit, True)
    assert newer.commit != environment.commit


def test_put_in_use_gives_people_what_was_prepared(
    environment: Environment, host: GitHost, teacher: User, now: datetime
) -> None:
    newer = prepare_next(environment, host, now)

    put_in_use(newer, image_key=newer.image_key, by=teacher, now=now)

    before = version_before(newer)
    assert (in_use(newer), has_ready(newer)) == (newer.commit, False)
    assert before is not None
    assert before.commit == environment.commit


def test_put_in_use_twice_is_done_once(environment: Environment, host: GitHost, teacher: User, now: datetime) -> None:
    newer = prepare_next(environment, host, now)

    for _click in range(2):
        put_in_use(newer, image_key=newer.image_key, by=teacher, now=now)

    assert newer.versions.count() == 2


def test_put_in_use_of_what_nobody_saw_changes_nothing(
    environment: Environment, host: GitHost, teacher: User, now: datetime
) -> None:
    seen = prepare_next(environment, host, now)
    prepare_next(seen, host, now)

    with pytest.raises(UserError) as caught:
        put_in_use(environment, image_key=seen.image_key, by=teacher, now=now)

    assert caught.value.code == "version_changed"
    assert in_use(environment) == environment.commit


def test_go_back_gives_people_the_version_before(
    environment: Environment, host: GitHost, teacher: User, now: datetime
) -> None:
    newer = prepare_next(environment, host, now)
    put_in_use(newer, image_key=newer.image_key, by=teacher, now=now)

    version = go_back(newer, image_key=environment.image_key, by=teacher, now=now)

    assert (in_use(newer), has_ready(newer)) == (environment.commit, True)
    assert left_by(version) == newer.image_key


def test_go_back_twice_does_not_go_forward_again(
    environment: Environment, host: GitHost, teacher: User, now: datetime
) -> None:
    newer = prepare_next(environment, host, now)
    put_in_use(newer, image_key=newer.image_key, by=teacher, now=now)

    for _click in range(2):
        go_back(newer, image_key=environment.image_key, by=teacher, now=now)

    assert in_use(newer) == environment.commit


def test_go_back_without_a_version_before_is_refused(environment: Environment, teacher: User, now: datetime) -> None:
    with pytest.raises(UserError) as caught:
        go_back(environment, image_key="0" * 64, by=teacher, now=now)

    assert caught.value.code == "version_changed"


def test_rebuild_that_fails_leaves_what_is_in_use(
    environment: Environment, host: GitHost, now: datetime, use_backends: Callable[..., None]
) -> None:
    use_backends(builder=FailingBuilder)

    failed = prepare_next(environment, host, now)

    assert failed.failure is not None
    assert (in_use(failed), has_ready(failed)) == (environment.commit, False)


def test_edit_to_another_repository_leaves_what_is_in_use(
    environment: Environment, host: GitHost, now: datetime
) -> None:
    before = environment.commit, environment.reference

    edit(environment, recipe(host.url("physics"), rebuild=Rebuild.NEVER), now=now)
    work(now)

    version = version_in_use(fresh(environment))
    assert version is not None
    assert (version.commit, version.reference) == before


def test_images_in_use_before_and_ready_are_kept_however_long_nobody_used_them(
    environment: Environment, host: GitHost, teacher: User, now: datetime
) -> None:
    second = prepare_next(environment, host, now)
    put_in_use(second, image_key=second.image_key, by=teacher, now=now)
    third = prepare_next(second, host, now)

    needed = images.needed_keys(now=now + timedelta(days=365))

    assert needed == {environment.image_key, second.image_key, third.image_key}


def test_images_of_versions_long_past_are_not_kept(
    environment: Environment, host: GitHost, teacher: User, now: datetime
) -> None:
    newest = environment
    for _version in range(2):
        newest = prepare_next(newest, host, now)
        put_in_use(newest, image_key=newest.image_key, by=teacher, now=now)

    assert environment.image_key not in images.needed_keys(now=now + timedelta(days=365))


# --- Launched from the catalog -----------------------------------------------------------------------------


def test_launch_gives_what_is_in_use_and_not_what_was_prepared_after_it(
    environment: Environment, host: GitHost, teacher: User, now: datetime
) -> None:
    newer = prepare_next(environment, host, now)

    server = launch_environment(teacher, newer, now=now)

    assert (server.commit, server.image_key) == (environment.commit, environment.image_key)


def test_launch_gives_what_is_in_use_while_another_repository_is_prepared(
    environment: Environment, host: GitHost, teacher: User, now: datetime
) -> None:
    before = environment.commit, environment.reference
    edit(environment, recipe(host.url("physics"), rebuild=Rebuild.NEVER), now=now)

    server = launch_environment(teacher, fresh(environment), now=now)

    assert (server.commit, server.reference) == before


def test_launch_gives_what_somebody_went_back_to(
    environment: Environment, host: GitHost, teacher: User, now: datetime
) -> None:
    newer = prepare_next(environment, host, now)
    put_in_use(newer, image_key=newer.image_key, by=teacher, now=now)
    go_back(newer, image_key=environment.image_key, by=teacher, now=now)

    assert launch_environment(teacher, fresh(newer), now=now).commit == environment.commit
