"""``/etc/aio/config.yaml``: what the appliance's owner asks for, its schema and its errors."""

from .model import Chosen, Config, DataDisk, Network, Proxy, Storage
from .read import KEYS, ConfigProblem, did_you_mean, load, parse, wrong_with

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
