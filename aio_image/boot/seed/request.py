"""From what a person asked for to a seed that holds: everything is checked before it is made."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aio_image.appliance.config import Config, ConfigProblem
from aio_image.boot.seed import network, ssh_keys, user_data
from aio_image.boot.seed.files import Seed, dump
from aio_image.boot.seed.known import Known
from aio_image.errors import UsageError

ADMIN = "keystone_auth_admin_password"
_HOSTNAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_DETAIL = re.compile(r"(?:line \d+: )?([a-z_.]+): (.*)", re.DOTALL)


@dataclass(frozen=True)
class Request:
    """``settings`` are values of config.yaml by dotted key; the files are whole ones instead.

    ``origins`` says where each setting came from (an option's name), for errors.
    """

    hostname: str = "aio"
    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)
    origins: Mapping[str, str] = field(default_factory=dict)
    config: Path | None = None
    user_data: Path | None = None
    network_config: Path | None = None
    ssh_keys: tuple[Path, ...] = ()
    instance_id: str | None = None


@dataclass(frozen=True)
class Answer:
    """A seed that was found right, and what it asks for.

    ``own_network``: its network-config is the owner's, not made of ``config``.
    """

    seed: Seed
    config: Config
    ssh_keys: tuple[str, ...]
    own_network: bool


def settle(request: Request, known: Known) -> Answer:
    """Check all of ``request``; ``known`` is what the image's appliance knows.

    Raises UsageError with every problem.
    """
    _exclusive(request)
    wrong: list[str] = []
    if not _HOSTNAME.fullmatch(request.hostname):
        wrong.append("--hostname: is not one label of letters, digits and dashes; see --fqdn")
    if request.instance_id is not None and not re.fullmatch(r"\S{1,200}", request.instance_id):
        wrong.append("--instance-id: must be one word")
    keys: tuple[str, ...] = ()
    for path in request.ssh_keys:
        try:
            keys += ssh_keys.read_keys(path)
        except UsageError as error:
            wrong.append(f"{error.message}; {error.hint}" if error.hint else error.message)
    text, whole = "", ""
    if request.user_data is not None:
        whole = _read(request.user_data, "--user-data", wrong)
        told, problems = user_data.read(whole, str(request.user_data), known)
        config, keys = told.config, told.ssh_keys
        wrong += problems if whole else []
    elif request.config is not None:
        text = _read(request.config, "--config", wrong)
        config = _config(text, known, wrong, lambda line: f"{request.config}: {line}")
    else:
        text = config_text(request.settings)
        config = _config(text, known, wrong, lambda line: _by_option(line, request.origins))
    told_network = network.network_of(config) if not wrong else ""
    if request.network_config is not None:
        told_network = _read(request.network_config, "--network-config", wrong)
        if told_network:
            wrong += network.wrong_with(told_network, str(request.network_config))
    if wrong:
        count = len(wrong)
        raise UsageError(
            f"no seed was made: {count} problem{'s' if count > 1 else ''}",
            details=wrong,
            hint="docs/config.md says what each key may hold",
        )
    more = {} if request.instance_id is None else {"instance_id": request.instance_id}
    seed = Seed(
        hostname=request.hostname,
        config=text,
        network=told_network,
        ssh_keys=keys,
        user_data=whole,
        **more,
    )
    return Answer(seed, config, keys, request.network_config is not None)


def config_text(settings: Mapping[str, Any]) -> str:
    """config.yaml of ``settings``, by dotted key."""
    nested: dict[str, Any] = {}
    for key, value in settings.items():
        *sections, last = key.split(".")
        place = nested
        for section in sections:
            place = place.setdefault(section, {})
        place[last] = value
    return dump(nested)


def _exclusive(request: Request) -> None:
    """Raise UsageError when a whole file stands beside what would be in it."""
    options = sorted({request.origins.get(key, key) for key in request.settings})
    if request.config is not None and options:
        raise UsageError(
            f"--config and {', '.join(options)} exclude each other",
            hint=f"write it into {request.config}",
        )
    if request.user_data is not None:
        options += ["--config"] if request.config else []
        options += ["--ssh-key"] if request.ssh_keys else []
        if options:
            raise UsageError(
                f"--user-data and {', '.join(options)} exclude each other",
                hint=f"write it into {request.user_data}",
            )


def _config(text: str, known: Known, wrong: list[str], told: Any) -> Config:
    try:
        return known.read(text.encode())
    except ConfigProblem as problem:
        wrong += [told(line) for line in problem.details]
        return Config()


def _by_option(line: str, origins: Mapping[str, str]) -> str:
    """The option instead of the key and the line of a file that nobody wrote."""
    found = _DETAIL.fullmatch(line)
    if found is None:
        return line
    key, message = found.groups()
    return f"{origins.get(key, key)}: {message}"


def _read(path: Path, option: str, wrong: list[str]) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not text"
        wrong.append(f"{option} {path}: cannot be read: {reason}")
        return ""
