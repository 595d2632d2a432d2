"""Whom a platform sends, and which account is theirs here."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from lti.models.platform import MAX_IDENTIFIER, Platform


class LtiPerson(models.Model):
    """Somebody as a platform knows them: `sub`, and nothing else, says who it is.

    Their name and address are the platform's word, which proves nothing: they are shown, and never looked up.
    """

    platform = models.ForeignKey(Platform, on_delete=models.CASCADE, related_name="people")
    sub = models.CharField(max_length=MAX_IDENTIFIER)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="lti_people")
    name = models.CharField(max_length=150, blank=True)
    email = models.CharField(max_length=254, blank=True)
    has_made_account = models.BooleanField(default=True)
    """Whether the account was made for them when they first came; not if they joined one they had."""
    first_seen_at = models.DateTimeField(default=timezone.now)
    last_seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["platform", "sub"], name="lti_person_once_per_platform")]

    def __str__(self) -> str:
        return f"{self.user} from {self.platform}"


class JoinOffer(models.Model):
    """Somebody from a platform says that an account is theirs already: until they have shown it, in this browser."""

    person = models.ForeignKey(LtiPerson, on_delete=models.CASCADE, related_name="join_offers")
    token_hash = models.CharField(max_length=64, unique=True)
    browser_hash = models.CharField(max_length=64)
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"an account for {self.person}"
