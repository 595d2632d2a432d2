"""What whoever gives out places to run in holds meanwhile."""

from __future__ import annotations

from django.db import models
from django.db.models import F


class Turnstile(models.Model):
    """One row. Changing it keeps all others who want to change it waiting until the transaction ends."""

    THE_ONE = 1

    passed = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="one_turnstile")]

    def __str__(self) -> str:
        return str(self.passed)

    @classmethod
    def hold(cls) -> None:
        """Be the only one who gives out places, from now to the end of the transaction."""
        while not cls.objects.filter(pk=cls.THE_ONE).update(passed=F("passed") + 1):
            cls.objects.get_or_create(pk=cls.THE_ONE)
