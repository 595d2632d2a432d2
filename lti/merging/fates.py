"""What becomes of each thing that belongs to an account when the account is put together with another.

Every key to a person, and every key to a membership, has to be decided on here: a new one that is not stops the merge,
and a test, before anything of anybody's is left behind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any

from django.db.models import Model

from accounts.models import User
from classes.models import Membership

if TYPE_CHECKING:
    from django.db.models import Field


class Fate(Enum):
    """What becomes of the rows of one key."""

    MOVES = "from now on it is the other's"
    STEP = "a step of the merge looks at what the other has"
    STAYS = "it is of the closed account for good: it says what happened, or opens nothing any more"
    ENDS = "it is over with the account"


OF_PEOPLE: Mapping[str, Fate] = {
    "account.EmailAddress.user": Fate.STEP,
    "accounts.ApiToken.user": Fate.STAYS,  # Tokens of a closed account open nothing.
    "accounts.User_groups.user": Fate.STEP,
    "accounts.User_user_permissions.user": Fate.STAYS,
    "admin.LogEntry.user": Fate.STAYS,
    "assignments.Autograding.asked_by": Fate.MOVES,
    "assignments.CellComment.by": Fate.MOVES,
    "assignments.CellGrade.graded_by": Fate.MOVES,
    "assignments.CellLease.holder": Fate.ENDS,
    "assignments.Collection.asked_by": Fate.MOVES,
    "assignments.CourseDirectory.asked_by": Fate.MOVES,
    "assignments.CourseDirectoryExport.asked_by": Fate.MOVES,
    "assignments.Extension.given_by": Fate.MOVES,
    "assignments.Feedback.published_by": Fate.MOVES,
    "assignments.GateRun.asked_by": Fate.MOVES,
    "assignments.Grade.published_by": Fate.MOVES,
    "assignments.GradeChange.by": Fate.MOVES,
    "assignments.RegradeMessage.by": Fate.MOVES,
    "assignments.RegradeRequest.closed_by": Fate.MOVES,
    "assignments.Release.released_by": Fate.MOVES,
    "assignments.SavedComment.kept_by": Fate.MOVES,
    "assignments.Source.brought_by": Fate.MOVES,
    "assignments.Submission.submitted_by": Fate.MOVES,
    "classes.Announcement.author": Fate.MOVES,
    "classes.BroughtArchive.owner": Fate.MOVES,
    "classes.Course.owner": Fate.MOVES,
    "classes.CourseExport.asked_by": Fate.MOVES,
    "classes.CourseMaterial.put_by": Fate.MOVES,
    "classes.Invitation.made_by": Fate.MOVES,
    "classes.Knock.by": Fate.MOVES,  # Once the open ones have ended.
    "classes.Look.by": Fate.MOVES,
    "classes.Membership.person": Fate.STEP,
    "classes.RosterDraft.made_by": Fate.MOVES,
    "environments.Admission.user": Fate.ENDS,
    "environments.Build.requested_by": Fate.MOVES,
    "environments.Collaborator.invited_by": Fate.MOVES,
    "environments.Collaborator.person": Fate.STEP,
    "environments.Environment.made_by": Fate.MOVES,
    "environments.Environment.owner": Fate.MOVES,
    "environments.EnvironmentVersion.put_in_use_by": Fate.MOVES,
    "environments.GitCredential.owner": Fate.STAYS,  # Sealed for the one account; to be entered again.
    "environments.GivenFiles.owner": Fate.MOVES,
    "environments.Invitation.made_by": Fate.MOVES,
    "environments.MonthlyUse.person": Fate.STAYS,  # Accounts say what was used by whom then.
    "environments.NotebookServer.image_owner": Fate.MOVES,
    "environments.NotebookServer.owner": Fate.STEP,
    "environments.NotebookServer.previous_image_owner": Fate.MOVES,
    "environments.Quota.person": Fate.STEP,
    "environments.RepositoryTrust.owner": Fate.STEP,
    "environments.Reservation.image_owner": Fate.MOVES,
    "environments.Reservation.owner": Fate.MOVES,
    "environments.SharedVolume.owner": Fate.MOVES,
    "environments.SourceTree.owner": Fate.MOVES,
    "environments.Update.image_owner": Fate.MOVES,
    "environments.Visit.person": Fate.MOVES,
    "environments.Volume.owner": Fate.STEP,
    "environments.VolumeMember.person": Fate.STEP,
    "lti.AuditEntry.actor": Fate.STAYS,
    "lti.Context.connected_by": Fate.MOVES,
    "lti.Handover.user": Fate.ENDS,
    "lti.LtiPerson.user": Fate.STEP,
    "socialaccount.SocialAccount.user": Fate.MOVES,
}

OF_MEMBERSHIPS: Mapping[str, Fate] = {
    "assignments.Collection.membership": Fate.MOVES,
    "assignments.Extension.membership": Fate.STEP,
    "assignments.Fetch.membership": Fate.STEP,
    "assignments.Grade.membership": Fate.STEP,
    "assignments.Submission.membership": Fate.STEP,
    "classes.HandIn.membership": Fate.MOVES,
    "classes.KeptWork.membership": Fate.MOVES,
    "classes.Knock.membership": Fate.MOVES,  # Once the open ones have ended.
    "classes.LessonVisit.membership": Fate.STEP,
    "classes.Look.membership": Fate.MOVES,
}
"""Of somebody who is in one class with both accounts; else the membership itself moves, with all that is its."""


def keys_to(model: type[Model]) -> Iterator[tuple[str, Field[Any, Any]]]:
    """Every key to rows of this model, with its name here."""
    for relation in model._meta.get_fields(include_hidden=True):
        if relation.auto_created and not relation.concrete and relation.related_model not in (None, model):
            key = relation.field  # type: ignore[union-attr]
            if not key.many_to_many:
                yield f"{key.model._meta.label}.{key.name}", key


def give_over(former: User | Membership, kept: User | Membership) -> None:
    """Let all rows that move, and that no step has moved, be the other's, and end those that end.

    Raises KeyError for a key that is not decided on: then nothing has moved once the transaction is undone.
    """
    fates = OF_PEOPLE if isinstance(former, User) else OF_MEMBERSHIPS
    for name, key in keys_to(type(former)):
        fate, rows = fates[name], key.model._base_manager.filter(**{key.name: former})
        if fate is Fate.MOVES:
            rows.update(**{key.name: kept})
        elif fate is Fate.ENDS:
            rows.delete()
