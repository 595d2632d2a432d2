"""A learning platform: where it is, who vouches for it, and the keys that we sign with towards it."""

from __future__ import annotations

import uuid
from typing import ClassVar
from urllib.parse import urlsplit

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from lti.querysets import KeyPairQuerySet, PlatformQuerySet

MAX_ADDRESS = 1000
MAX_IDENTIFIER = 255


class Platform(models.Model):
    """One registration with a learning platform. Hosted ones share an issuer; the client ID tells them apart."""

    class State(models.TextChoices):
        """Whether anything it says is believed."""

        PENDING = "pending", _("Waiting for approval")
        ACTIVE = "active", _("In use")
        DISABLED = "disabled", _("Switched off")

    MOVES: ClassVar[dict[str, set[str]]] = {
        State.PENDING: {State.ACTIVE},
        State.ACTIVE: {State.DISABLED},
        State.DISABLED: {State.ACTIVE},
    }

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=120)
    """What people here know it by."""
    issuer = models.CharField(_("issuer"), max_length=MAX_IDENTIFIER)
    client_id = models.CharField(_("client ID"), max_length=MAX_IDENTIFIER)
    auth_login_url = models.URLField(_("authentication request URL"), max_length=MAX_ADDRESS)
    token_url = models.URLField(_("access token URL"), max_length=MAX_ADDRESS)
    jwks_url = models.URLField(_("public keyset URL"), max_length=MAX_ADDRESS)
    audience = models.CharField(_("audience of access tokens"), max_length=MAX_ADDRESS, blank=True)
    """Whom we address when we ask for a token; empty is the token URL."""
    state = models.CharField(_("state"), max_length=16, choices=State, default=State.PENDING)
    are_classes_made = models.BooleanField(_("its teachers may make classes"), default=True)
    product = models.CharField(_("product"), max_length=80, blank=True)
    """What it says it is, such as "moodle 5.1"; shown, and nothing depends on it."""
    has_registered_itself = models.BooleanField(_("has registered itself"), default=False, editable=False)
    """Whether what stands here is its own word, and not that of whoever runs this Carrel."""
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[PlatformQuerySet] = PlatformQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("learning platform")
        verbose_name_plural = _("learning platforms")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["issuer", "client_id"], name="platform_once_per_client"),
            models.CheckConstraint(
                condition=models.Q(state__in=["pending", "active", "disabled"]), name="platform_state_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_active(self) -> bool:
        """Whether anything it says is believed."""
        return self.state == self.State.ACTIVE

    @property
    def origins(self) -> list[str]:
        """Where its own pages are: those that may show ours in a frame."""
        found = [urlsplit(url) for url in (self.issuer, self.auth_login_url)]
        web = [f"{parts.scheme}://{parts.netloc}" for parts in found if parts.scheme in ("https", "http")]
        return list(dict.fromkeys(web))


class Deployment(models.Model):
    """A place of a platform where an administrator has put us: one registration may have many."""

    platform = models.ForeignKey(Platform, on_delete=models.CASCADE, related_name="deployments")
    deployment_id = models.CharField(_("deployment ID"), max_length=MAX_IDENTIFIER)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("deployment")
        verbose_name_plural = _("deployments")
        ordering = ["deployment_id"]
        constraints = [
            models.UniqueConstraint(fields=["platform", "deployment_id"], name="deployment_once_per_platform")
        ]

    def __str__(self) -> str:
        return f"{self.deployment_id} ({self.platform})"


class UnknownDeployment(models.Model):
    """A place that a launch came from which nobody has approved. The platform signed it, so it is not made up."""

    platform = models.ForeignKey(Platform, on_delete=models.CASCADE, related_name="unknown_deployments")
    deployment_id = models.CharField(max_length=MAX_IDENTIFIER)
    last_tried_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-last_tried_at"]
        constraints = [
            models.UniqueConstraint(fields=["platform", "deployment_id"], name="unknown_deployment_once_per_platform")
        ]

    def __str__(self) -> str:
        return f"{self.deployment_id} ({self.platform})"


class KeyPair(models.Model):
    """A key of ours towards one platform. The private half is sealed, and opened only to sign."""

    platform = models.ForeignKey(Platform, on_delete=models.CASCADE, related_name="key_pairs")
    kid = models.CharField(max_length=64, unique=True)
    public_jwk = models.JSONField()
    sealed_private_key = models.TextField()
    signs_from = models.DateTimeField()
    """It is published before, so that the platform knows it when it meets the first signature."""
    published_until = models.DateTimeField(null=True, blank=True)
    """None while no other takes its place."""

    objects: ClassVar[KeyPairQuerySet] = KeyPairQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ["-signs_from"]

    def __str__(self) -> str:
        return self.kid
