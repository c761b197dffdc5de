"""Operating systems that an appliance may have: what differs between them, as data."""

from aio_image.systems.facts import Release, System, load, names

__all__ = ["Release", "System", "load", "names"]
