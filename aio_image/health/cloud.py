"""The checks of a cloud, in the order in which a failure explains the ones after it."""

from __future__ import annotations

from aio_image.health import (
    compute,
    horizon,
    identity,
    image,
    key_manager,
    network,
    orchestration,
    status,
    volume,
)
from aio_image.health.check import Check
from aio_image.health.target import Target


def checks_for(target: Target) -> tuple[Check, ...]:
    """What is to be checked of ``target``: only services it is expected to have."""
    checks = [Check("status", status.healthy)] if target.appliance else []
    checks += [
        Check("tls", identity.trusted),
        Check("keystone-token", identity.token, ("tls",)),
        Check("catalogue", identity.catalogue, ("keystone-token",)),
        Check("endpoints", identity.endpoints, ("keystone-token",)),
    ]
    if target.expects("image"):
        checks.append(Check("image-upload", image.upload, ("keystone-token",)))
    if target.expects("compute"):
        checks.append(Check("compute-services", compute.services, ("keystone-token",)))
    if target.expects("network"):
        checks.append(Check("network-services", network.services, ("keystone-token",)))
        checks.append(Check("network-lifecycle", network.lifecycle, ("keystone-token",)))
    if target.expects("block-storage"):
        checks.append(Check("volume-services", volume.services, ("keystone-token",)))
        checks.append(Check("volume-lifecycle", volume.lifecycle, ("volume-services",)))
    if target.expects("compute"):
        needs = ("compute-services", "network-lifecycle")
        checks.append(Check("instance", compute.instance, needs))
    if target.expects("key-manager"):
        checks.append(Check("secret", key_manager.secret, ("keystone-token",)))
    if target.expects("orchestration"):
        checks.append(Check("stack", orchestration.stack, ("keystone-token",)))
    if target.dashboard:
        checks.append(Check("horizon-login", horizon.login, ("tls",)))
    return tuple(checks)
