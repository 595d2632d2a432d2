"""People and the tokens they give to programs."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models
from django.utils.translation import gettext_lazy as _
from knox.models import AbstractAuthToken


class Role(models.TextChoices):
    """What a person is to the whole site; their roles in classes are another matter."""

    MEMBER = "member", _("Member")
    TEACHER = "teacher", _("Teacher")
    ADMINISTRATOR = "administrator", _("Administrator")


class Scope(models.TextChoices):
    """What an API token may be used for."""

    SERVERS_READ = "servers:read", _("See your servers and their logs")
    SERVERS_WRITE = "servers:write", _("Start, stop and delete your servers")
    SERVERS_USE = "servers:use", _("Work inside your servers: run code, read and write files")
    CLASSES_READ = "classes:read", _("See your classes, their lessons and members")
    CLASSES_WRITE = "classes:write", _("Change the classes you teach")
    EXCHANGE = "exchange", _("Fetch your assignments, submit them, and read your feedback")


class CarrelUserManager(UserManager["User"]):
    """Makes users; a superuser is an administrator of the site."""

    def create_superuser(
        self, username: str, email: str | None = None, password: str | None = None, **extra_fields: Any
    ) -> User:
        """As Django's, with the role that goes with it."""
        return super().create_superuser(username, email, password, **extra_fields | {"role": Role.ADMINISTRATOR})


class User(AbstractUser):  # type: ignore[django-manager-missing]  # of tokens: knox is untyped
    """A person. `display_name` is how others see them; the username is how they sign in."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    display_name = models.CharField(_("name"), max_length=150, blank=True)
    role = models.CharField(_("role"), max_length=16, choices=Role, default=Role.MEMBER)
    language = models.CharField(_("language"), max_length=8, blank=True)
    time_zone = models.CharField(_("time zone"), max_length=64, blank=True)

    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]

    objects: ClassVar[CarrelUserManager] = CarrelUserManager()

    class Meta(AbstractUser.Meta):
        constraints = [
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="user_role_known"),
        ]

    def __str__(self) -> str:
        return self.get_full_name()

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Django's own flags follow from the role, so that there is one fact to change."""
        self.is_staff = self.is_superuser = self.role == Role.ADMINISTRATOR
        super().save(*args, **kwargs)

    def get_full_name(self) -> str:
        """The name others see."""
        return self.display_name or self.username

    def get_short_name(self) -> str:
        """The same: we do not cut people's names."""
        return self.get_full_name()


class ApiToken(AbstractAuthToken):  # type: ignore[misc]  # knox is untyped
    """A hashed, expiring key that lets a program act for a person within its scopes."""

    if TYPE_CHECKING:
        user: models.ForeignKey[User, User]

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=100)
    scopes = models.JSONField(default=list)
    group = models.ForeignKey("auth.Group", null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    """The class or group to whose assignments it is held; None for all of its person's."""
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created"]

    def __str__(self) -> str:
        return f"{self.name} ({self.user})"

    @property
    def scopes_in_words(self) -> list[str]:
        """What it may do, for its holder to read."""
        return [str(scope.label) for scope in Scope if scope in self.scopes]
