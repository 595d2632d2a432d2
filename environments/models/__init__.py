"""What is stored: recipes, builds, servers, volumes, admissions, credentials, company, quotas."""

from environments.models.admission import Admission
from environments.models.build import Build, BuildLogLine
from environments.models.collaborator import Collaborator, Invitation, Visit
from environments.models.environment import Environment, EnvironmentTag, Outcome, Rebuild, Visibility
from environments.models.git_credential import GitCredential
from environments.models.given import GivenFiles
from environments.models.image import ImageRecord
from environments.models.material import ServerMaterial, SourceTree
from environments.models.mount import ServerMount
from environments.models.quota import Quota
from environments.models.reservation import Reservation
from environments.models.server import NotebookServer
from environments.models.shared_volume import Access, SharedVolume, VolumeMember
from environments.models.trust import RepositoryTrust
from environments.models.turnstile import Turnstile
from environments.models.update import Update
from environments.models.usage import MonthlyUse, Run, ServerUsage, SiteReport, SiteSample, StorageClock
from environments.models.version import EnvironmentVersion
from environments.models.volume import Volume

__all__ = [
    "Access",
    "Admission",
    "Build",
    "BuildLogLine",
    "Collaborator",
    "Environment",
    "EnvironmentTag",
    "EnvironmentVersion",
    "GitCredential",
    "GivenFiles",
    "ImageRecord",
    "Invitation",
    "MonthlyUse",
    "NotebookServer",
    "Outcome",
    "Quota",
    "Rebuild",
    "RepositoryTrust",
    "Reservation",
    "Run",
    "ServerMaterial",
    "ServerMount",
    "ServerUsage",
    "SharedVolume",
    "SiteReport",
    "SiteSample",
    "SourceTree",
    "StorageClock",
    "Turnstile",
    "Update",
    "Visibility",
    "Visit",
    "Volume",
    "VolumeMember",
]
