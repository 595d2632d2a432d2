"""A teacher who is choosing what to add to a course, and somebody on the way out of a frame."""

from __future__ import annotations

import secrets

from django.conf import settings
from django.db import models

from lti.models.context import Context
from lti.models.person import LtiPerson


def new_nonce() -> str:
    """What a platform may know an answer again by."""
    return secrets.token_urlsafe(24)


class Picking(models.Model):
    """One picker that was opened, in one browser. It is answered once.

    `answered_at` changes from None to a time by one conditional update. The same choice once more, soon after, is an
    impatient click and gets the same answer, to the letter.
    """

    context = models.ForeignKey(Context, on_delete=models.CASCADE, related_name="pickings")
    person = models.ForeignKey(LtiPerson, on_delete=models.CASCADE, related_name="pickings")
    token_hash = models.CharField(max_length=64, unique=True)
    browser_hash = models.CharField(max_length=64)
    return_url = models.TextField()
    data = models.TextField(blank=True)
    """The platform's own note, which goes back as it came."""
    takes_many = models.BooleanField(default=False)
    takes_columns = models.BooleanField(default=True)
    """Whether what is chosen may bring a column of the gradebook with it."""
    nonce = models.CharField(max_length=64, default=new_nonce)
    expires_at = models.DateTimeField(db_index=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    chosen = models.JSONField(default=list, blank=True)
    """The keys of what was chosen."""

    def __str__(self) -> str:
        return f"{self.person} chooses for {self.context}"


class Handover(models.Model):
    """Somebody who is known in a frame, and is to be signed in in a window of its own. Used once, within a minute."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    token_hash = models.CharField(max_length=64, unique=True)
    path = models.CharField(max_length=2000)
    """Where they go then."""
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.user} on the way to {self.path}"
