"""The tables of this app."""

from lti.models.audit import AuditEntry
from lti.models.context import Context, Enrolment, ResourceLink
from lti.models.login import LoginAttempt
from lti.models.person import JoinOffer, LtiPerson
from lti.models.picking import Handover, Picking
from lti.models.platform import MAX_IDENTIFIER, Deployment, KeyPair, Platform, UnknownDeployment
from lti.models.roster import Roster
from lti.models.score import LineItem, Outlet, Score

__all__ = [
    "MAX_IDENTIFIER",
    "AuditEntry",
    "Context",
    "Deployment",
    "Enrolment",
    "Handover",
    "JoinOffer",
    "KeyPair",
    "LineItem",
    "LoginAttempt",
    "LtiPerson",
    "Outlet",
    "Picking",
    "Platform",
    "ResourceLink",
    "Roster",
    "Score",
    "UnknownDeployment",
]
