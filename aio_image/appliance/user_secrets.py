"""Drawing secrets and keeping them in OpenStack-Ansible's ``user_secrets.yml``.

The file is written, synced and only then used: what a service was once told can always be
looked up, whatever a power cut interrupts.
"""

from __future__ import annotations

import json
import secrets
import string
from collections.abc import Mapping
from pathlib import Path

import yaml

from .config import Chosen, wrong_with
from .files import make_folder, write_atomic
from .ledger import Ledger
from .problems import ApplianceProblem

_ALPHABET = string.ascii_letters + string.digits
_HEAD = "---\n# The secrets of this appliance, made at its first boot. Keep it to yourself.\n"


def draw(length: int) -> str:
    """A random secret of ``length`` letters and digits (5.95 bits each)."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def read(path: Path) -> dict[str, str]:
    """The secrets kept at ``path``; none when it is absent. Raises ApplianceProblem."""
    try:
        root = yaml.compose(path.read_text("utf-8"), Loader=yaml.SafeLoader)
    except FileNotFoundError:
        return {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ApplianceProblem(f"{path}: is not YAML", hint="mend or remove it") from error
    if root is None:
        return {}
    if not isinstance(root, yaml.MappingNode):
        raise ApplianceProblem(f"{path}: is not a mapping", hint="mend or remove it")
    # As text, whatever YAML would make of it: 12345678 and 1e10 are passwords here.
    return {
        key.value: value.value
        for key, value in root.value
        if isinstance(value, yaml.ScalarNode) and value.value
    }


def settle(path: Path, ledger: Ledger, chosen: Mapping[str, Chosen]) -> dict[str, str]:
    """Have a value at ``path`` for every secret of ``ledger``, and return them.

    A chosen value wins over one that is there, one that is there over a drawn one. Names the
    ledger does not have are kept: they are the owner's. Raises ApplianceProblem.
    """
    kept = read(path)
    wrong = [
        f"{path}: {name}: {reason}"
        for name, secret in ledger.secrets.items()
        if name in kept and (reason := wrong_with(kept[name]) or secret.refuses(kept[name]))
    ]
    wrong += [
        f"secrets.{name}: {reason}"
        for name, one in chosen.items()
        if one.value and (reason := ledger.secrets[name].refuses(one.value))
    ]
    if wrong:
        raise ApplianceProblem(wrong[0], hint="choose another value", details=wrong)
    values = dict(kept)
    for name, secret in ledger.secrets.items():
        if name in chosen:
            values[name] = chosen[name].value
        elif name not in values:
            values[name] = draw(secret.length)
    if values != kept:
        make_folder(path.parent, 0o700)
        lines = [f"{name}: {json.dumps(value)}\n" for name, value in sorted(values.items())]
        write_atomic(path, _HEAD + "".join(lines), 0o600)
    return values
