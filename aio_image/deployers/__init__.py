"""OpenStack deployers: their packages, services, secrets and scenario words, as data."""

from aio_image.deployers.facts import (
    Api,
    DeployerFacts,
    Packages,
    Port,
    Probe,
    Scenario,
    Secret,
    Service,
    load,
    names,
    packages,
)

__all__ = [
    "Api",
    "DeployerFacts",
    "Packages",
    "Port",
    "Probe",
    "Scenario",
    "Secret",
    "Service",
    "load",
    "names",
    "packages",
]
