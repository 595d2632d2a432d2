"""The end of a class: archived and opened again, deleted, brought back, and in the end gone.

What belongs to the class goes with it: its groups, environments and shared files. What is its members' stays theirs:
their servers, which are no longer those of a class then, and every file in them.
"""

from __future__ import annotations

import logging
from datetime import datetime

from django.db import transaction

from classes.extensions import removal_extensions
from classes.kept_work import forget_kept_work
from classes.models import Course
from environments import catalog
from environments.errors import EnvironmentsError
from environments.models import Environment, SharedVolume
from environments.mounts import grace_period
from environments.pinning import keep_images, let_images_go, version_in_use
from environments.rebuilding import prepare
from environments.shared_volumes import delete_shared_volume, undelete_shared_volume

logger = logging.getLogger(__name__)


@transaction.atomic
def archive(course: Course, *, now: datetime) -> None:
    """Let the class be over: it can be looked at, and nothing in it changes. Nobody loses access to their work.

    Hands that are up are lowered, since nobody is there to see them, and images are let go. Nothing for a class that
    is over already.
    """
    if not Course.objects.filter(pk=course.pk, archived_at=None).update(archived_at=now):
        return
    course.archived_at = now
    for environment in _environments(course):
        let_images_go(environment)
    course.memberships.exclude(hand_raised_at=None).update(hand_raised_at=None)


def reopen(course: Course, *, now: datetime) -> None:
    """Let a class that was over go on as it was. What its members work in is made again, if it is gone by now."""
    Course.objects.filter(pk=course.pk).update(archived_at=None)
    course.archived_at = None
    for environment in _environments(course):
        keep_images(environment)
        _make_again(environment, now=now)


@transaction.atomic
def delete(course: Course, *, now: datetime) -> None:
    """Take the class away from everybody in it, and its shared files with it. Servers of its members stay theirs.

    For `DELETED_FILES_DAYS` everything can be brought back; then it is purged.
    """
    if not Course.objects.present().filter(pk=course.pk).update(deleted_at=now):
        return
    course.deleted_at = now
    for shared in _shared_files(course):
        delete_shared_volume(shared, now=now)
    logger.info("the class %s was deleted", course.slug)


@transaction.atomic
def undelete(course: Course) -> None:
    """Bring a deleted class back, with everybody in it and its shared files."""
    for shared in _shared_files(course):
        if shared.deleted_at == course.deleted_at:  # Files that were deleted by themselves, before, stay deleted.
            undelete_shared_volume(shared)
    Course.objects.filter(pk=course.pk).update(deleted_at=None)
    course.deleted_at = None


def purge_deleted(*, now: datetime) -> None:
    """Remove for good those classes that can no longer be brought back. Safe to repeat."""
    for course in Course.objects.gone_for_good(deleted_before=now - grace_period()):
        try:
            purge(course, now=now)
        except Exception:  # It is tried again; those after it do not wait for it.
            logger.exception("the class %s could not be removed", course.slug)


@transaction.atomic
def purge(course: Course, *, now: datetime) -> None:
    """Remove a class with everything that is its own. Its shared files are removed by the rule for all shared files.

    Nothing for one that can still be brought back.
    """
    gone = Course.objects.gone_for_good(deleted_before=now - grace_period()).select_for_update()
    found = gone.filter(pk=course.pk).first()
    if found is None:
        return
    environments = _environments(found)
    groups = [found.everybody, found.teachers]
    forget_kept_work(found)
    for extension in removal_extensions():
        extension.remove(found)
    found.delete()
    for environment in environments:
        catalog.remove(environment, now=now)
    for group in groups:
        group.delete()
    logger.info("the class %s is gone", found.slug)


def _environments(course: Course) -> list[Environment]:
    return [each for each in (course.environment, course.teacher_environment) if each is not None]


def _make_again(environment: Environment, *, now: datetime) -> None:
    """Have the image of the version in use made, where it is known to be gone."""
    version = version_in_use(environment)
    if version is None or environment.has_image or version.image_key != environment.image_key:
        return
    try:
        with transaction.atomic():
            prepare(environment, version.resolved, now=now)
    except EnvironmentsError as error:  # Then it is made for whoever opens the class first.
        logger.info("%s could not be prepared again: %s", environment, error)


def _shared_files(course: Course) -> list[SharedVolume]:
    columns = [field.attname for field in Course._meta.concrete_fields if field.related_model is SharedVolume]
    keys = [getattr(course, column) for column in columns]
    return list(SharedVolume.objects.filter(pk__in=[key for key in keys if key is not None]))
