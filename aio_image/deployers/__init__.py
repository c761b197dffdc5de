"""OpenStack deployers: their packages, services, secrets and scenario words, as data."""

from aio_image.deployers.facts import (
    Api,
    DeployerFacts,
    Packages,
    Port,
    Probe,
    Recipe,
    Scenario,
    Secret,
    Service,
)
from aio_image.deployers.tables import folder, load, names, packages

__all__ = [
    "Api",
    "DeployerFacts",
    "Packages",
    "Port",
    "Probe",
    "Recipe",
    "Scenario",
    "Secret",
    "Service",
    "folder",
    "load",
    "names",
    "packages",
]
