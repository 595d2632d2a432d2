"""Files that several people share: a volume with a name, and who may use it how."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from environments.models.volume import Volume
from environments.querysets import SharedVolumeQuerySet


class Access(models.TextChoices):
    """What somebody may do with shared files."""

    READ = "read", _("read")
    WRITE = "write", _("read and change")


class SharedVolume(models.Model):
    """Files its owner lets others place in their servers.

    The name is the only one of its kind on the whole site: launch links say it, and have to mean the same files
    whoever follows them. It is given to nobody else until the files are gone, so that a link to deleted files never
    leads to somebody else's.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="shared_volumes")
    volume = models.OneToOneField(Volume, on_delete=models.PROTECT, related_name="shared")
    name = models.CharField(max_length=40, unique=True)
    title = models.CharField(max_length=120)
    created_at = models.DateTimeField(default=timezone.now)
    deleted_at = models.DateTimeField(null=True, blank=True)
    """When its deletion was asked for. No server gets it from then on; those that have it keep it until they stop."""

    objects: ClassVar[SharedVolumeQuerySet] = SharedVolumeQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ["title", "name"]

    def __str__(self) -> str:
        return self.name


class VolumeMember(models.Model):
    """A person, or a group, whom the owner of shared files lets use them."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    volume = models.ForeignKey(SharedVolume, on_delete=models.CASCADE, related_name="members")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="volume_memberships"
    )
    group = models.ForeignKey(Group, null=True, blank=True, on_delete=models.CASCADE, related_name="volume_memberships")
    access = models.CharField(max_length=8, choices=Access, default=Access.READ)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["created_at"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(person=None, group__isnull=False) | models.Q(person__isnull=False, group=None),
                name="volume_member_is_person_or_group",
            ),
            models.UniqueConstraint(fields=["volume", "person"], name="person_once_per_shared_volume"),
            models.UniqueConstraint(fields=["volume", "group"], name="group_once_per_shared_volume"),
        ]

    def __str__(self) -> str:
        return f"{self.who} in {self.volume}"

    @property
    def who(self) -> User | Group:
        """The person or the group."""
        who = self.person or self.group
        assert who is not None, "a constraint says so"  # noqa: S101
        return who

    @property
    def can_write(self) -> bool:
        """Whether they may change the files."""
        return self.access == Access.WRITE
