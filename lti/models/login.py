"""A login that has begun: the one thing that makes the launch after it ours to believe."""

from __future__ import annotations

from django.db import models

from lti.models.platform import Platform


class LoginAttempt(models.Model):
    """Binds a launch to the platform and the browser it began with. Used once, and gone soon after.

    `used_at` changes from None to a time by one conditional update, whose count says who was first.
    """

    platform = models.ForeignKey(Platform, on_delete=models.CASCADE, related_name="login_attempts")
    state_hash = models.CharField(max_length=64, unique=True)
    nonce_hash = models.CharField(max_length=64)
    browser_hash = models.CharField(max_length=64)
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"a login from {self.platform}"
