"""OpenStack deployers: their packages, services, secrets and scenario words, as data."""

from aio_image.deployers.facts import (
    Api,
    DeployerFacts,
    HostNeeds,
    Packages,
    Port,
    Probe,
    Recipe,
    Scenario,
    Secret,
    Service,
)
from aio_image.deployers.tables import folder, host_needs, load, names, packages

__all__ = [
    "Api",
    "DeployerFacts",
    "HostNeeds",
    "Packages",
    "Port",
    "Probe",
    "Recipe",
    "Scenario",
    "Secret",
    "Service",
    "folder",
    "host_needs",
    "load",
    "names",
    "packages",
]
