"""The causes that `/mesh why` names, as troubles that can be made: what is changed in the cluster
for each, as data in the files beside this one, by subject.
"""

from sandbox.troubles.causes.loading import SUBJECTS, load_causes, load_requirements
from sandbox.troubles.causes.model import (
    Cause,
    Change,
    Create,
    Delete,
    Patch,
    Pause,
    Replace,
    Requirement,
    Target,
)

__all__ = [
    "SUBJECTS",
    "Cause",
    "Change",
    "Create",
    "Delete",
    "Patch",
    "Pause",
    "Replace",
    "Requirement",
    "Target",
    "load_causes",
    "load_requirements",
]
