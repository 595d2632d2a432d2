"""What every builder has to do, asked of the fake and of the real ones."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.test import override_settings

from environments.builders.base import Builder
from environments.builders.fake import FakeBuilder
from environments.builders.repo2docker import Repo2DockerBuilder
from environments.builders.venv import VenvBuilder
from environments.errors import EnvironmentsError
from environments.processes import installation_label, labelled
from environments.values import BuildEvent, BuildPhase, BuildRequest, ResolvedRepository
from tests.contracts import images
from tests.engine_images import FROM_BASE, names_left, own_images, request_for
from tests.fakes.backends import FailingBuilder, NeverBuilder
from tests.fakes.git_host import GitHost


@dataclass
class Subject:
    """A builder with one finished image, and its variants that fail and never end."""

    builder: Builder
    built: BuildRequest
    events: Sequence[BuildEvent]
    """What was said while the image was made."""
    failing: tuple[Builder, BuildRequest]
    never: tuple[Builder, BuildRequest]

    def is_quiet(self) -> bool:
        """Whether no process of any build runs, and no image is half made."""
        half_made = []
        if isinstance(self.builder, Repo2DockerBuilder):
            half_made = [name for name in names_left() if "unchecked" in name or name.startswith("sha256:")]
        return labelled(installation_label(settings.CARREL_DATA)) == [] and half_made == []


@pytest.fixture(scope="module", params=["fake", "venv", pytest.param("repo2docker", marks=pytest.mark.docker)])
def subject(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Subject]:
    with GitHost() as host, _room(request.param, host, tmp_path_factory):
        yield _subject(request.param, host)


def _room(
    kind: str, host: GitHost, tmp_path_factory: pytest.TempPathFactory
) -> AbstractContextManager[None] | override_settings:
    data = images.built().data if kind == "venv" else tmp_path_factory.mktemp("data")
    if kind == "repo2docker":
        return own_images(data, host)
    return override_settings(CARREL_DATA=data, REPOSITORY_ALLOWED_HOSTS=[host.address])


def _subject(kind: str, host: GitHost) -> Subject:
    empty, silent = (
        BuildRequest(f"build-{name}", name, ResolvedRepository(host.url(name), host.add(name, files), ""), 300)
        for name, files in {"empty": {"README.md": ""}, "silent": images.REPOSITORY}.items()
    )
    host.hang("silent")
    if kind == "repo2docker":
        return _repo2docker(host, empty, silent)
    return _fake(empty, silent) if kind == "fake" else _venv(empty, silent)


def _fake(empty: BuildRequest, silent: BuildRequest) -> Subject:
    builder, good = FakeBuilder(), replace(empty, image_key="good")
    events = list(builder.build(good))
    return Subject(builder, good, events, (FailingBuilder(), empty), (NeverBuilder(), silent))


def _venv(empty: BuildRequest, silent: BuildRequest) -> Subject:
    built = images.built()
    return Subject(VenvBuilder(), built.request, built.events, (VenvBuilder(), empty), (VenvBuilder(), silent))


def _repo2docker(host: GitHost, empty: BuildRequest, silent: BuildRequest) -> Subject:
    builder, good = Repo2DockerBuilder(), request_for(host, "good", {"Dockerfile": f"{FROM_BASE}RUN true\n"})
    events = list(builder.build(good))
    return Subject(builder, good, events, (builder, empty), (builder, silent))


def test_build_makes_image_that_find_returns(subject: Subject) -> None:
    image = subject.builder.find(subject.built.image_key)

    assert image is not None
    assert image.key == subject.built.image_key


def test_build_names_its_phases_in_order(subject: Subject) -> None:
    phases = [event.phase for event in subject.events]

    assert set(phases) == {BuildPhase.FETCHING, BuildPhase.BUILDING}
    assert phases == sorted(phases, key=list(BuildPhase).index)


def test_build_does_nothing_when_image_is_finished(subject: Subject) -> None:
    assert list(subject.builder.build(subject.built)) == []


def test_build_leaves_no_process(subject: Subject) -> None:
    assert subject.is_quiet()


def test_find_knows_nothing_of_other_keys(subject: Subject) -> None:
    assert subject.builder.find("other") is None


def test_find_knows_nothing_of_half_made_image(subject: Subject) -> None:
    builder, request = subject.never

    with closing(builder.build(request)) as events:
        next(events)

        assert builder.find(request.image_key) is None


def test_closing_leaves_nothing(subject: Subject) -> None:
    builder, request = subject.never
    events = builder.build(request)
    for _number in range(3):
        next(events)

    events.close()

    assert subject.is_quiet()
    assert builder.find(request.image_key) is None


def test_failing_build_raises_and_leaves_nothing(subject: Subject) -> None:
    builder, request = subject.failing

    with pytest.raises(EnvironmentsError):
        list(builder.build(request))

    assert subject.is_quiet()
    assert builder.find(request.image_key) is None


def test_build_gives_up_at_its_time_limit(subject: Subject) -> None:
    builder, request = subject.never

    with pytest.raises(EnvironmentsError) as caught:
        list(builder.build(replace(request, time_limit_seconds=1)))

    assert (caught.value.code, caught.value.facts) == ("build_timeout", {"minutes": 1})
    assert subject.is_quiet()


def test_build_gives_sign_of_life_every_second(subject: Subject) -> None:
    builder, request = subject.never
    gaps = list[float]()

    with closing(builder.build(request)) as events:
        since = begun = time.monotonic()
        while time.monotonic() - begun < 2:
            next(events)
            gaps.append(time.monotonic() - since)
            since = time.monotonic()

    assert max(gaps) < 1


def test_discard_removes_image(subject: Subject) -> None:
    _copy_image(subject, "doomed")

    subject.builder.discard("doomed")

    assert subject.builder.find("doomed") is None
    assert subject.builder.find(subject.built.image_key) is not None


def test_discard_does_nothing_when_there_is_nothing(subject: Subject) -> None:
    subject.builder.discard("nothing")

    assert subject.builder.find("nothing") is None


def test_stored_names_every_image_and_its_size(subject: Subject) -> None:
    stored = subject.builder.stored()

    sizes = {image.key: image.own_bytes + image.shared_bytes for image in stored.images}
    assert sizes[subject.built.image_key] > 0
    assert stored.cache_bytes >= 0


def test_stored_knows_nothing_of_half_made_image(subject: Subject) -> None:
    builder, request = subject.never

    with closing(builder.build(request)) as events:
        next(events)

        assert request.image_key not in {image.key for image in builder.stored().images}


def test_remove_unused_takes_what_was_not_used_for_long(subject: Subject) -> None:
    _copy_image(subject, "doomed")
    now = datetime.now(UTC)

    removed = subject.builder.remove_unused(
        needed={subject.built.image_key}, last_used={"doomed": now - timedelta(days=31)}, now=now
    )

    assert list(removed) == ["doomed"]
    assert subject.builder.find("doomed") is None
    assert subject.builder.find(subject.built.image_key) is not None


def test_remove_unused_takes_what_was_made_long_ago_and_never_used(subject: Subject) -> None:
    _copy_image(subject, "doomed")

    removed = subject.builder.remove_unused(
        needed={subject.built.image_key}, last_used={}, now=datetime.now(UTC) + timedelta(days=31)
    )

    assert list(removed) == ["doomed"]


def test_remove_unused_spares_what_is_needed_or_was_used_lately(subject: Subject) -> None:
    _copy_image(subject, "recent")
    now = datetime.now(UTC) + timedelta(days=400)

    removed = subject.builder.remove_unused(
        needed={subject.built.image_key}, last_used={"recent": now - timedelta(days=29)}, now=now
    )

    found = subject.builder.find("recent")
    subject.builder.discard("recent")
    assert list(removed) == []
    assert found is not None


def test_builder_says_what_image_keys_are_made_of(subject: Subject) -> None:
    assert subject.builder.name
    assert subject.builder.version
    assert subject.builder.platform


def _copy_image(subject: Subject, key: str) -> None:
    """Another finished image, quicker than by building it."""
    image = subject.builder.find(subject.built.image_key)
    assert image is not None
    if isinstance(subject.builder, FakeBuilder):
        subject.builder.images[key] = replace(image, key=key)
    elif isinstance(subject.builder, Repo2DockerBuilder):
        list(subject.builder.build(replace(subject.built, image_key=key)))
    else:
        images.copy_of(image, Path(image.location).with_name(key))
    assert subject.builder.find(key) is not None
