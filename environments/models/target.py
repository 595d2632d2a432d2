"""The columns that say what is launched, and what a server is or is to become: a commit, what it may use."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models

from environments.values import Limits, MountWish, Reference, ResolvedRepository, Target


class LaunchFields(models.Model):
    """What is launched and how, before anybody has asked which commit that means. Environments share them too."""

    provider = models.CharField(max_length=32)
    repository = models.CharField(max_length=500)
    ref = models.CharField(max_length=250, blank=True)
    urlpath = models.CharField(max_length=500, blank=True)
    memory_mb = models.PositiveIntegerField(null=True, blank=True)
    cpus = models.FloatField(null=True, blank=True)
    idle_minutes = models.PositiveIntegerField(null=True, blank=True)
    lifetime_minutes = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        abstract = True

    @property
    def reference(self) -> Reference:
        """What it is launched from."""
        return Reference(self.provider, self.repository, self.ref)

    @property
    def limits(self) -> Limits:
        """What it may use."""
        return Limits(self.memory_mb, self.cpus)


class TargetFields(LaunchFields):
    """Shared by servers and by the updates that are on their way to them."""

    with_credentials = models.BooleanField(default=False)
    """Whether it carries a key of its owner's to Carrel itself."""

    repository_url = models.CharField(max_length=1000)
    commit = models.CharField(max_length=64)
    is_private = models.BooleanField(default=False)
    """Whether its repository was found with somebody's credential: its owner's, or that of `image_owner`."""
    image_owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    """Whose a private image is, and whose credential it is made with, where that is not the server's owner: who
    answers for the group that the server is run for."""
    image_key = models.CharField(max_length=64, db_index=True)

    class Meta:
        abstract = True

    @property
    def resolved(self) -> ResolvedRepository:
        """Where its commit is fetched from."""
        return ResolvedRepository(self.repository_url, self.commit, self.ref, self.is_private)

    @property
    def wishes(self) -> tuple[MountWish, ...]:
        """The shared files it should have, by path: kept where each kind of row keeps them."""
        raise NotImplementedError

    @property
    def target(self) -> Target:
        """All of it but the image as one value, to be compared with another."""
        return Target(
            reference=self.reference,
            url=self.repository_url,
            commit=self.commit,
            is_private=self.is_private,
            image_owner_id=self.image_owner_id,
            urlpath=self.urlpath,
            limits=self.limits,
            idle_minutes=self.idle_minutes,
            lifetime_minutes=self.lifetime_minutes,
            with_credentials=self.with_credentials,
            mounts=self.wishes,
        )


def columns_of(target: Target) -> dict[str, Any]:
    """The inverse of `target`: what the columns have to hold. Mounts are in no column that both kinds of row have."""
    return {
        "provider": target.reference.provider,
        "repository": target.reference.repository,
        "ref": target.reference.ref,
        "repository_url": target.url,
        "commit": target.commit,
        "is_private": target.is_private,
        "image_owner_id": target.image_owner_id,
        "urlpath": target.urlpath,
        "memory_mb": target.limits.memory_mb,
        "cpus": target.limits.cpus,
        "idle_minutes": target.idle_minutes,
        "lifetime_minutes": target.lifetime_minutes,
        "with_credentials": target.with_credentials,
    }
