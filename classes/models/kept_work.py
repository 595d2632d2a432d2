"""Work that came with an archive, kept until it can be given to whose it is."""

from __future__ import annotations

import uuid

from django.db import models

from classes.models.course import Course
from classes.models.membership import Membership


class KeptWork(models.Model):
    """One member's files, or the receipts of what they handed in. Gone once they have them."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="kept_work")
    who = models.CharField(max_length=254, db_index=True)
    """As in `ExpectedMember`: an e-mail address, or else a username, in lower case."""
    membership = models.ForeignKey(Membership, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    """Whose it is, once they are in the class."""
    of_teachers = models.BooleanField(default=False)
    """Whether it is from what teachers work in."""
    folder = models.CharField(max_length=300, blank=True)
    """Where it is in the archive; empty for receipts."""
    is_unpacked = models.BooleanField(default=False)
    """Whether its volume has all of it."""
    bytes = models.BigIntegerField(default=0)
    hand_ins = models.JSONField(default=list, blank=True)
    """What is needed to write the receipts."""

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["course", "who", "of_teachers"], condition=~models.Q(folder=""), name="kept_work_once_a_member"
            ),
        ]

    def __str__(self) -> str:
        return f"work of {self.who} for {self.course}"

    @property
    def volume_key(self) -> str:
        """Where its files are kept."""
        return f"work-{self.id.hex}"
