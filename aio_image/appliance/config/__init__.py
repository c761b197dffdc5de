"""``/etc/aio/config.yaml``: what the appliance's owner asks for, its schema and its errors.

Data flows: ``nodes`` (YAML with lines) → ``document`` (flat, by dotted key; with ``kinds``,
``secrets``, ``variables``, ``bootstrap``) → ``build`` (the Config of ``model``).
"""

from .keys import KEYS
from .model import Chosen, Config, DataDisk, Network, Proxy, Storage
from .read import ConfigProblem, load, parse
from .words import did_you_mean, wrong_with

__all__ = [
    "KEYS",
    "Chosen",
    "Config",
    "ConfigProblem",
    "DataDisk",
    "Network",
    "Proxy",
    "Storage",
    "did_you_mean",
    "load",
    "parse",
    "wrong_with",
]
