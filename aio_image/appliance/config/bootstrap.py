"""``bootstrap_opts``: OpenStack-Ansible's BOOTSTRAP_OPTS, translated to keys of our own.

The words are those of openstack-ansible 33 (2026.1), tests/roles/bootstrap-host/defaults/main.yml.
They tell a host what it shall become; an appliance is that already, so most mean nothing here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from . import kinds
from .words import did_you_mean

_P = "bootstrap_host_"


def _kind(kind: str) -> Callable[[str], Any]:
    return lambda text: kinds.read_as(kind, text)


def _gigabytes(text: str) -> int:
    if not re.fullmatch("[0-9]{1,6}", text):
        raise ValueError(f"{text[:20]!r} is not a whole number of gigabytes")
    return int(kinds.read_as("size", f"{text}G"))


# Word of theirs: key of ours, and how its value is read.
_TRANSLATED: dict[str, tuple[str, Callable[[str], Any]]] = {
    f"{_P}public_interface": ("public_interface", _kind("interface")),
    f"{_P}public_address": ("public_address", _kind("address")),
    f"{_P}data_disk_device": ("data_disk.device", _kind("device")),
    f"{_P}data_disk_fs_type": ("data_disk.filesystem", _kind("filesystem")),
    f"{_P}data_disk_device_force": ("data_disk.wipe", kinds.yes_or_no),
    f"{_P}loopback_cinder_size": ("storage.cinder", _gigabytes),
    f"{_P}loopback_nova_size": ("storage.nova", _gigabytes),
    f"{_P}loopback_swift_size": ("storage.swift", _gigabytes),
}

_BUILT = "that was decided when the image was built"
_FIXED = "the networks inside the appliance are fixed"
_FILES = "the appliance has no such file"
_ALWAYS = "the appliance has this file wherever it has the service"
_OPTIONS = "the appliance formats and mounts in its own way"
_HOST = "it is about the host of a deployment, which this is not"
_WITHOUT_MEANING: dict[str, str] = {
    **dict.fromkeys(
        (
            f"{_P}scenario", f"{_P}action", f"{_P}install_method", f"{_P}aio_config",
            f"{_P}ceph", f"{_P}nfs", "ceph_osd_images", "bootstrap_user_variables_template",
            f"{_P}user_variables_filename", f"{_P}user_secrets_filename",
        ),
        _BUILT,
    ),
    **dict.fromkeys(
        (
            "mgmt_network", "vxlan_network", "storage_network", "vlan_network", "bmaas_network",
            "dbaas_network", "lbaas_network", "squid_network", f"{_P}management_address",
            f"{_P}internal_address",
        ),
        _FIXED,
    ),
    **dict.fromkeys(
        (
            f"{_P}loopback_{name}"
            for each in ("swap", "manila", "btrfs", "zfs", "nfs", "ceph")
            for name in (each, f"{each}_size")
        ),
        _FILES,
    ),
    **dict.fromkeys((f"{_P}loopback_{each}" for each in ("cinder", "nova", "swift")), _ALWAYS),
    **dict.fromkeys(
        (
            f"{_P}format_options", f"{_P}data_mount_options", f"{_P}data_disk_min_size",
            f"{_P}data_disk2_formats", f"{_P}data_disk2_fs", f"{_P}data_disk2_path",
            f"{_P}data_disk2_fs_mount_options",
        ),
        _OPTIONS,
    ),
    **dict.fromkeys(
        (
            f"{_P}aio_config_path", f"{_P}aio_script_path", f"{_P}target_config_paths",
            f"{_P}network_utils", f"{_P}iptables_path", f"{_P}ethtool_path", f"{_P}ip_path",
        ),
        _HOST,
    ),
}  # fmt: skip
_DETECT = f"{_P}data_disk_device_detect"


def words() -> list[str]:
    """Every word that is known."""
    return [*_TRANSLATED, _DETECT, *_WITHOUT_MEANING]


def translate(text: str) -> tuple[dict[str, Any], list[str], list[str]]:
    """``{our dotted key: value}``, what is wrong, and a note for each word that means nothing."""
    found: dict[str, Any] = {}
    wrong: list[str] = []
    notes: list[str] = []
    said: dict[str, str] = {}
    for word in text.split():
        name, equals, value = word.partition("=")
        if not equals or not re.fullmatch("[A-Za-z0-9_]{1,60}", name):
            # Not repeated: what is no word of theirs may be anything.
            wrong.append("has a word that is not NAME=VALUE; values have no blanks")
            continue
        if said.setdefault(name, value) != value:
            wrong.append(f"{name} is there twice, with two values")
            continue
        if name in _WITHOUT_MEANING:
            notes.append(f"{name} means nothing here: {_WITHOUT_MEANING[name]}")
        elif name == _DETECT:
            _detected(value, wrong, notes)
        elif name in _TRANSLATED:
            key, read = _TRANSLATED[name]
            try:
                found[key] = read(value)
            except ValueError as error:
                wrong.append(f"{name}: {error}")
        else:
            wrong.append(f"{name} is not a word of BOOTSTRAP_OPTS{did_you_mean(name, words())}")
    return found, wrong, list(dict.fromkeys(notes))


def _detected(value: str, wrong: list[str], notes: list[str]) -> None:
    try:
        asked = kinds.yes_or_no(value)
    except ValueError as error:
        wrong.append(f"{_DETECT}: {error}")
        return
    if asked:
        wrong.append(f"{_DETECT}: a disk is never guessed; name it: {_P}data_disk_device=sdb")
    else:
        notes.append(f"{_DETECT} means nothing here: a disk is never guessed")
