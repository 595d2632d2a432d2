"""What the catalog holds: named recipes, what they were made into last, and the words they are found by."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from environments import naming
from environments.errors import Explanation, explain
from environments.models.build import Build
from environments.models.target import LaunchFields
from environments.querysets import EnvironmentQuerySet
from environments.values import ResolvedRepository

MAX_DESCRIPTION = 2000
MAX_MOUNTS_TEXT = 2000
SLUG_TRIES = 5


class Visibility(models.TextChoices):
    """Who finds an environment in the catalog, and who may open its page."""

    PRIVATE = "private", _("Only me")
    GROUP = "group", _("A class or group")
    UNLISTED = "unlisted", _("People who have its link")
    EVERYONE = "everyone", _("Everyone")


class Rebuild(models.TextChoices):
    """How often a newer version is looked for and prepared."""

    NEVER = "never", _("Only when I ask for it")
    DAILY = "daily", _("Every day")
    WEEKLY = "weekly", _("Every week")


class Outcome(models.TextChoices):
    """What came of it when its image was last asked for."""

    NONE = "none", _("Not asked for yet")
    PREPARING = "preparing", _("Being prepared")
    UNCHANGED = "unchanged", _("Nothing new")
    MADE = "made", _("New version prepared")
    FAILED = "failed", _("Failed")


class Environment(LaunchFields):
    """A named, described repository reference that people can launch with one click."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.SlugField(max_length=naming.MAX_SLUG, unique=True, blank=True)
    """Its address, for good: made from the first title, and not to be guessed unless everyone may see it."""
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="environments"
    )
    title = models.CharField(max_length=120)
    description = models.TextField(max_length=MAX_DESCRIPTION, blank=True)
    search_text = models.TextField(blank=True, editable=False)
    """Title, description and repository as they are searched."""
    mounts = models.TextField(max_length=MAX_MOUNTS_TEXT, blank=True)
    """Shared files it is launched with, one a line, written as in a link; for whoever may use them."""
    visibility = models.CharField(max_length=16, choices=Visibility, default=Visibility.PRIVATE)
    group = models.ForeignKey(
        "auth.Group", null=True, blank=True, on_delete=models.SET_NULL, related_name="environments"
    )
    """The class or group whose members find it, where its visibility says so. Servers made from it are run for that."""
    is_featured = models.BooleanField(default=False)
    """Whether whoever runs this Carrel recommends it."""
    forked_from = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="forks")
    launch_count = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(default=timezone.now)
    """When it was last launched, published or edited. What nobody uses is not rebuilt."""

    repository_url = models.CharField(max_length=1000, blank=True)
    commit = models.CharField(max_length=64, blank=True)
    """The last version that could be prepared, which people are given; empty while there is none."""
    is_private = models.BooleanField(default=False)
    """Whether that version was found with its owner's credential, so that its image is theirs, and their group's."""
    image_key = models.CharField(max_length=64, blank=True, db_index=True)
    has_image = models.BooleanField(default=False)
    """Whether that image was there when somebody last looked."""
    made_at = models.DateTimeField(null=True, blank=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    builder = models.CharField(max_length=64, blank=True)
    builder_version = models.CharField(max_length=64, blank=True)

    is_held = models.BooleanField(default=False)
    """Whether people get the version that was put in use (`versions`), and not each newer one once it is prepared."""
    keeps_images = models.BooleanField(default=True)
    """Whether the images of one that is held are kept however long nobody uses them."""
    rebuild = models.CharField(max_length=16, choices=Rebuild, default=Rebuild.DAILY)
    newest_commit = models.CharField(max_length=64, blank=True)
    """What its reference meant when somebody last asked."""
    looked_at = models.DateTimeField(null=True, blank=True)
    build = models.ForeignKey(Build, null=True, blank=True, on_delete=models.SET_NULL, related_name="environments")
    """The one that was last asked for."""
    outcome = models.CharField(max_length=16, choices=Outcome, default=Outcome.NONE)
    outcome_at = models.DateTimeField(null=True, blank=True)
    failure_code = models.CharField(max_length=64, blank=True)
    failure_facts = models.JSONField(default=dict, blank=True)

    objects: ClassVar[EnvironmentQuerySet] = EnvironmentQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ["-is_featured", "-launch_count", "created_at"]
        constraints = [
            models.CheckConstraint(condition=models.Q(visibility__in=Visibility.values), name="visibility_known"),
            models.CheckConstraint(condition=models.Q(rebuild__in=Rebuild.values), name="rebuild_known"),
            models.CheckConstraint(condition=models.Q(outcome__in=Outcome.values), name="rebuild_outcome_known"),
        ]

    def __str__(self) -> str:
        return self.title

    def save(self, *args: Any, **kwargs: Any) -> None:
        """What it is searched by follows from its words; an address it gets with the first save."""
        self.search_text = naming.folded(f"{self.title}\n{self.description}\n{self.repository}")
        if kwargs.get("update_fields") is not None:
            kwargs["update_fields"] = {*kwargs["update_fields"], "search_text"}
        if self.slug:
            super().save(*args, **kwargs)
            return
        for attempt in range(SLUG_TRIES):
            self.slug = self._new_slug()
            try:
                with transaction.atomic():
                    super().save(*args, **kwargs)
            except IntegrityError:  # Somebody took that address in this very moment.
                if attempt == SLUG_TRIES - 1:
                    raise
            else:
                return

    def clean(self) -> None:
        """What is for a class or group names one."""
        if self.visibility == Visibility.GROUP and self.group_id is None:
            raise ValidationError({"group": _("Choose the class or group.")})

    @property
    def resolved(self) -> ResolvedRepository:
        """The last version that could be prepared."""
        return ResolvedRepository(self.repository_url, self.commit, self.ref, self.is_private)

    @property
    def has_newer(self) -> bool:
        """Whether its reference meant another commit than the one people get when somebody last asked."""
        return bool(self.commit and self.newest_commit) and self.newest_commit != self.commit

    @property
    def failure(self) -> Explanation | None:
        """Why its newest version could not be prepared, in words, or None."""
        return explain(self.failure_code, self.failure_facts) if self.failure_code else None

    def _new_slug(self) -> str:
        stem = naming.slug_stem(self.title)
        if self.visibility != Visibility.EVERYONE:
            return naming.secret_slug(stem)
        alike = Environment.objects.filter(slug__startswith=stem)
        return naming.free_slug(stem, set(alike.values_list("slug", flat=True)))


class EnvironmentTag(models.Model):
    """One word an environment is found by, as its owner writes it; `folded` is what makes two of them the same."""

    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="tags")
    name = models.CharField(max_length=naming.MAX_TAG)
    folded = models.CharField(max_length=4 * naming.MAX_TAG, db_index=True, editable=False)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["environment", "folded"], name="environment_tagged_once"),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """What it is found by follows from how it is written."""
        self.folded = naming.folded(self.name)
        super().save(*args, **kwargs)
