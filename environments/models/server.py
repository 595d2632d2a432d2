"""One notebook server of one person: what it should be, and what state it is in."""

from __future__ import annotations

import uuid
from datetime import datetime
from functools import cached_property
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import ApiToken, User
from environments.errors import Explanation, explain
from environments.models.build import Build
from environments.models.target import TargetFields
from environments.models.update import Update
from environments.models.volume import Volume
from environments.querysets import NotebookServerQuerySet
from environments.values import Endpoint, Handle, MountWish

MOUNTS = "mounts__volume"
"""What to prefetch with servers whose mounts are asked for."""


class NotebookServer(TargetFields):
    """A person's server. The row is what is wanted and last known; the engine is the truth."""

    class State(models.TextChoices):
        QUEUED = "queued", _("Waiting")
        BUILDING = "building", _("Preparing")
        STARTING = "starting", _("Starting")
        RUNNING = "running", _("Running")
        STOPPING = "stopping", _("Stopping")
        STOPPED = "stopped", _("Stopped")
        FAILED = "failed", _("Failed")

    MOVES = {
        State.QUEUED: {State.BUILDING, State.STARTING, State.STOPPED, State.FAILED},
        State.BUILDING: {State.QUEUED, State.STOPPED, State.FAILED},
        State.STARTING: {State.QUEUED, State.RUNNING, State.STOPPING, State.FAILED},
        State.RUNNING: {State.STOPPING, State.FAILED},
        State.STOPPING: {State.STOPPED, State.FAILED},
        State.STOPPED: {State.QUEUED},
        State.FAILED: {State.QUEUED, State.STOPPING, State.STOPPED},
    }
    """The only moves a state may make."""
    ON_THE_WAY = (State.QUEUED, State.BUILDING, State.STARTING)
    STARTABLE = (State.STOPPED, State.FAILED)
    STOPPABLE = (State.QUEUED, State.BUILDING, State.STARTING, State.RUNNING)
    UPDATABLE = (State.STOPPED, State.FAILED, State.RUNNING)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="servers")
    group = models.ForeignKey("auth.Group", null=True, blank=True, on_delete=models.SET_NULL, related_name="servers")
    """The class or group it is run for, whose quota it counts to beside its owner's; None for somebody's own."""
    name = models.CharField(max_length=40)
    subdomain = models.CharField(max_length=63, unique=True)
    """The first label of its origin; random enough never to be given to anybody else."""

    is_throwaway = models.BooleanField(default=False)
    """Whether it is a copy to try: without the person's own files, and gone with its files when it stops."""
    keep_until = models.DateTimeField(null=True, blank=True)
    prewarmed_until = models.DateTimeField(null=True, blank=True, db_index=True)
    """Until when it waits for its owner, if it was started for a time that comes and they have not come yet. Until they
    do, it is nobody's use, and gets what others leave."""

    build = models.ForeignKey(Build, null=True, blank=True, on_delete=models.SET_NULL, related_name="servers")
    volume = models.OneToOneField(Volume, on_delete=models.PROTECT, related_name="server")

    version_since = models.DateTimeField(default=timezone.now)
    """Since when it is made from its present commit."""
    files_image_key = models.CharField(max_length=64, blank=True)
    """The image its files were filled from, or brought up to last; empty before the first start."""
    files_commit = models.CharField(max_length=64, blank=True)
    merge_report = models.JSONField(default=dict, blank=True)
    """What became of the files when they were brought up to the present version, or why they could not be."""
    is_rolled_back = models.BooleanField(default=False)
    """Whether it went back to an earlier image, so that its files are of a later version and stay so."""
    previous_provider = models.CharField(max_length=32, blank=True)
    previous_repository = models.CharField(max_length=500, blank=True)
    previous_ref = models.CharField(max_length=250, blank=True)
    previous_repository_url = models.CharField(max_length=1000, blank=True)
    previous_commit = models.CharField(max_length=64, blank=True)
    previous_is_private = models.BooleanField(default=False)
    previous_image_owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    previous_image_key = models.CharField(max_length=64, blank=True)
    """What it ran before, and can go back to; empty if there is nothing."""
    newest_commit = models.CharField(max_length=64, blank=True)
    """What its reference meant when somebody last asked."""
    looked_at = models.DateTimeField(null=True, blank=True)
    pending_update = models.OneToOneField(
        Update, null=True, blank=True, on_delete=models.SET_NULL, related_name="server"
    )

    credential = models.OneToOneField(
        ApiToken, null=True, blank=True, on_delete=models.SET_NULL, related_name="server", editable=False
    )
    """The key that its present start carries."""
    credentials_dropped_at = models.DateTimeField(null=True, blank=True)
    """When it lost its owner's key because somebody else was let in; None while that need not be said."""

    state = models.CharField(max_length=16, choices=State, default=State.QUEUED)
    state_changed_at = models.DateTimeField()
    failure_code = models.CharField(max_length=64, blank=True)
    failure_facts = models.JSONField(default=dict, blank=True)
    failure_log = models.TextField(blank=True)
    start_id = models.CharField(max_length=32, blank=True)
    """Names the present start; the server's token is derived from it and from the secret key."""
    start_attempts = models.PositiveSmallIntegerField(default=0)
    endpoint = models.CharField(max_length=255, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    """Until when the worker that starts or stops it has promised to be alive."""
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    last_activity_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    """When its deletion was asked for; it is gone from every page then, and from the engine soon after."""

    objects: ClassVar[NotebookServerQuerySet] = NotebookServerQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["state", "owner"], name="server_state_and_owner")]
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "name"],
                condition=models.Q(deleted_at__isnull=True),
                name="server_name_unique_per_person",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def wishes(self) -> tuple[MountWish, ...]:
        """The shared files it should have, by path; asked for once if they were prefetched with it."""
        models.prefetch_related_objects([self], MOUNTS)
        return tuple(sorted((mount.wish for mount in self.mounts.all()), key=lambda wish: wish.path))

    @property
    def image_for(self) -> User:
        """Whose its image is if its repository is private, and whose credential that is fetched with."""
        return self.image_owner or self.owner

    @property
    def follows_group(self) -> bool:
        """Whether which version it has is for whoever answers for its group to say: nobody else finds another."""
        return self.is_private and self.image_owner_id is not None

    @property
    def handle(self) -> Handle:
        """Its present start, as the spawner knows it."""
        return Handle(str(self.id), self.start_id)

    @property
    def origin(self) -> str:
        """Where the browser meets it: an origin no other server has or will have."""
        scheme = "https" if settings.HTTPS else "http"
        return f"{scheme}://{self.subdomain}.{settings.NOTEBOOK_DOMAIN}"

    @property
    def upstream(self) -> Endpoint | None:
        """Where the gateway meets it while it runs."""
        return Endpoint.parse(self.endpoint) if self.endpoint else None

    @property
    def failure(self) -> Explanation | None:
        """Why it failed, in words, or None."""
        return explain(self.failure_code, self.failure_facts) if self.failure_code else None

    @property
    def is_on_the_way(self) -> bool:
        """Whether something is being done to make it run."""
        return self.state in self.ON_THE_WAY

    @property
    def can_start(self) -> bool:
        """Whether starting it is a legal move."""
        return self.state in self.STARTABLE

    @property
    def can_stop(self) -> bool:
        """Whether stopping it is a legal move."""
        return self.state in self.STOPPABLE

    @property
    def can_update(self) -> bool:
        """Whether it may be told to become something else now, or to stay what it is."""
        is_switching = self.pending_update is not None and self.pending_update.was_running
        return self.state in self.UPDATABLE and not is_switching and not self.is_throwaway

    @property
    def has_newer(self) -> bool:
        """Whether its reference meant another commit when somebody last asked."""
        return bool(self.newest_commit) and self.newest_commit != self.commit

    @property
    def followed_build(self) -> Build | None:
        """The build whose log tells what is being done: that of the update, if there is one."""
        return self.pending_update.build if self.pending_update is not None else self.build

    @cached_property
    def collaborator_ids(self) -> frozenset[uuid.UUID]:
        """Who may enter it beside its owner, as it was loaded."""
        return frozenset(collaborator.person_id for collaborator in self.collaborators.all())

    def idle_since(self) -> datetime | None:
        """The last sign that somebody or something was at work in it."""
        return self.last_activity_at or self.started_at
