"""What is stored: recipes, builds, servers, volumes, admissions."""

from environments.models.admission import Admission
from environments.models.build import Build, BuildLogLine
from environments.models.environment import Environment, Visibility
from environments.models.server import NotebookServer
from environments.models.update import Update
from environments.models.usage import ServerUsage, SiteSample
from environments.models.volume import Volume

__all__ = [
    "Admission",
    "Build",
    "BuildLogLine",
    "Environment",
    "NotebookServer",
    "ServerUsage",
    "SiteSample",
    "Update",
    "Visibility",
    "Volume",
]
