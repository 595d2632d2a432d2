"""What is stored: recipes, builds, servers, volumes, admissions, credentials."""

from environments.models.admission import Admission
from environments.models.build import Build, BuildLogLine
from environments.models.environment import Environment, Visibility
from environments.models.git_credential import GitCredential
from environments.models.image import ImageRecord
from environments.models.mount import ServerMount
from environments.models.server import NotebookServer
from environments.models.shared_volume import Access, SharedVolume, VolumeMember
from environments.models.trust import RepositoryTrust
from environments.models.update import Update
from environments.models.usage import ServerUsage, SiteReport, SiteSample
from environments.models.volume import Volume

__all__ = [
    "Access",
    "Admission",
    "Build",
    "BuildLogLine",
    "Environment",
    "GitCredential",
    "ImageRecord",
    "NotebookServer",
    "RepositoryTrust",
    "ServerMount",
    "ServerUsage",
    "SharedVolume",
    "SiteReport",
    "SiteSample",
    "Update",
    "Visibility",
    "Volume",
    "VolumeMember",
]
