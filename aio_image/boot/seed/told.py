"""What an appliance will do with its seed, in sentences for the person who makes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aio_image.appliance.config import Config
from aio_image.boot.seed import ssh_keys
from aio_image.boot.seed.request import ADMIN, Answer


def sentences(answer: Answer) -> list[str]:
    """In the order things happen. Names secrets, never what they are."""
    config = answer.config
    return [
        *_network(answer.seed.hostname, config, own_network=answer.own_network),
        *_storage(config),
        *_secrets(config),
        *_access(answer),
        *_rest(config),
    ]


def _network(hostname: str, config: Config, *, own_network: bool) -> Iterator[str]:
    yield f"The appliance calls itself {hostname}."
    interface, network = config.public_interface or "the public interface", config.network
    if own_network:
        yield "cloud-init sets up the network as your network-config says."
    if network is None:
        if not own_network:
            yield "It asks for an address by DHCP."
    else:
        yield from _interface(interface, config)
    name, address = config.fqdn, config.public_address
    source = (
        f"the address of {config.public_interface}"
        if config.public_interface
        else ("the address of the default route's interface")
    )
    if name:
        yield f"Its endpoints are at https://{name}; clients must resolve that name to it."
        yield f"Its certificate covers {name} and {address or source}."
    else:
        yield f"Its endpoints and its certificate carry {address or source}."
    if config.proxy is not None:
        ways = {"http": config.proxy.http, "https": config.proxy.https}
        said = ", ".join(f"{kind} by {url}" for kind, url in ways.items() if url)
        direct = ", ".join(config.proxy.without)
        yield f"It reaches the web: {said}; directly: itself" + (f", {direct}." if direct else ".")


def _interface(interface: str, config: Config) -> Iterator[str]:
    network = config.network
    assert network is not None
    router = f", its router is {network.gateway}" if network.gateway else ""
    if network.address is None:
        yield f"{_first_up(interface)} asks for its address by DHCP."
    else:
        yield f"{_first_up(interface)} has the address {network.address}{router}."
    if not network.default_route:
        yield "It has no default route: it reaches the networks it is in, and no others."
    if network.nameservers:
        yield f"It asks {_and(network.nameservers)} for names."
    if network.search:
        yield f"It looks short names up in {_and(network.search)}."
    if config.public_interface is None and network.address is not None:
        yield (
            "No public_interface is named: until cloud-init has read the seed, it waits for DHCP; "
            "name it, and it has its address at once."
        )


def _storage(config: Config) -> Iterator[str]:
    disk, sizes = config.data_disk, config.storage
    if disk is None:
        yield "The cloud's data is on the root disk, in /openstack."
    else:
        yield f"The cloud's data is on {disk.device}, which is mounted at /openstack."
        if disk.wipe:
            yield (
                f"WHATEVER IS ON {disk.device} IS LOST: it is formatted as {disk.filesystem} at "
                "the first boot."
            )
        else:
            yield (
                f"{disk.device} is formatted as {disk.filesystem} if it is empty; if anything is "
                "on it, it is left as it is and the cloud does not start."
            )
    wanted = {"cinder": sizes.cinder, "nova": sizes.nova, "each disk of swift": sizes.swift}
    said = [f"{name} {size >> 30} GiB" for name, size in wanted.items() if size]
    if said:
        yield f"Room for data: {_and(said)}."


def _secrets(config: Config) -> Iterator[str]:
    if ADMIN in config.secrets:
        yield "The password of admin is the one you chose."
    else:
        yield "The password of admin is drawn: `aio credentials` on the appliance tells it."
    others = [name for name in config.secrets if name != ADMIN]
    if others:
        yield f"Chosen as well: {_and(others)}."
    yield "Every other secret, key and certificate is made anew at the first boot."
    files = [one.file for one in config.secrets.values() if one.file]
    if files:
        yield f"{_and(files)} on the appliance: read for secrets, then removed."


def _access(answer: Answer) -> Iterator[str]:
    for key in answer.ssh_keys:
        yield f"The user debian may log in by ssh with {ssh_keys.told(key)}."
    if answer.ssh_keys:
        return
    if answer.seed.user_data:
        yield "Who may log in by ssh, your user-data says."
    else:
        yield "Nobody can log in by ssh: there is no key."
        if ADMIN not in answer.config.secrets:
            yield (
                "NOBODY CAN USE THIS CLOUD: there is neither a key to ask for the password with, "
                "nor one that you chose. (A cloud's metadata service may bring a key.)"
            )


def _rest(config: Config) -> Iterator[str]:
    if config.user_variables:
        names = _and(sorted(config.user_variables))
        yield f"Variables of OpenStack-Ansible's that are set: {names}."
    if config.force:
        yield "It begins although it may have less memory, processors or disk than it needs."
    for note in config.notes:
        yield f"{note}."


def _and(words: Sequence[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def _first_up(text: str) -> str:
    return f"T{text[1:]}" if text.startswith("the ") else text
