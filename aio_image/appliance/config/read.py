"""``/etc/aio/config.yaml``: what the appliance's owner asks for. All of it is optional.

    public_address: 192.0.2.10       # what clients reach it by; may be a NAT's
    fqdn: cloud.example.org          # name for the same; endpoints use it when given
    public_interface: ens3           # whose address to take when public_address is not given
    secrets:                         # chosen instead of drawn, by OpenStack-Ansible's names
      keystone_auth_admin_password: ...

The file is read as YAML nodes, not as Python values: each error knows its line, a password of
digits stays text, and the place of each secret is known, for it is blanked there once taken over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import yaml

from ..ledger import Secret
from ..problems import ApplianceProblem
from .model import Chosen, Config

KEYS = ("public_address", "fqdn", "public_interface", "secrets")

_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_FQDN = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*", re.IGNORECASE)
_INTERFACE = re.compile(r"[^\s/:%\0]{1,15}")
# What a secret may spell wherever it ends up: ini files, URLs, JSON, shell, SQL.
_PLAIN = re.compile(r"[A-Za-z0-9._~-]+")
_SHORTEST = 8
_LONGEST = 72  # bcrypt, which keystone uses, reads no further


class ConfigProblem(ApplianceProblem):
    """The file is wrong. ``details`` holds every problem: ``line 3: key: what is wrong``."""


def load(path: Path, known: Mapping[str, Secret]) -> Config:
    """Read ``path``; an absent file asks for nothing. Raises ConfigProblem."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return Config()
    return parse(data, known, str(path))


def parse(data: bytes, known: Mapping[str, Secret], name: str = "config.yaml") -> Config:
    """Check ``data`` against the keys above and the ledger's secrets. Raises ConfigProblem."""
    reader = _Reader(known)
    config = reader.read(data)
    if reader.problems:
        count = len(reader.problems)
        raise ConfigProblem(
            f"{name}: {count} problem{'s' if count > 1 else ''}; first: {reader.problems[0]}",
            hint=f"correct {name} (or the seed that wrote it) and boot again",
            details=reader.problems,
        )
    return config


class _Reader:
    def __init__(self, known: Mapping[str, Secret]) -> None:
        self.known = known
        self.problems: list[str] = []
        self.text = ""

    def read(self, data: bytes) -> Config:
        try:
            self.text = data.decode("utf-8")
            # The pure Python loader: its marks count characters, libyaml's do not.
            root = yaml.compose(self.text, Loader=yaml.SafeLoader)
        except UnicodeDecodeError as error:
            line = data[: error.start].count(b"\n") + 1
            self.problems.append(f"line {line}: is not UTF-8 text")
            return Config()
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            where = f"line {mark.line + 1}: " if mark else ""
            self.problems.append(f"{where}is not YAML: {error.problem or error.context}")
            return Config()
        except (yaml.YAMLError, ValueError) as error:
            self.problems.append(f"is not YAML: {str(error).splitlines()[0]}")
            return Config()
        except RecursionError:
            self.problems.append("is not a configuration: nested too deeply")
            return Config()
        if root is None or _is_null(root):
            return Config()
        entries = self.entries(root, "the file", KEYS)
        secrets = entries.pop("secrets", None)
        values = {key: self.text_of(key, node) for key, node in entries.items()}
        return Config(
            public_address=self.address(entries, values),
            fqdn=self.matched(
                entries, values, "fqdn", _FQDN, "a host name such as cloud.example.org"
            ),
            public_interface=self.matched(
                entries, values, "public_interface", _INTERFACE, "an interface name such as ens3"
            ),
            secrets={} if secrets is None or _is_null(secrets) else self.chosen(secrets),
        )

    def problem(self, node: yaml.Node, key: str, message: str) -> None:
        self.problems.append(f"line {node.start_mark.line + 1}: {key}: {message}")

    def entries(
        self, node: yaml.Node, what: str, allowed: tuple[str, ...] | Mapping[str, Secret]
    ) -> dict[str, yaml.Node]:
        """The mapping ``node``, without keys that are unknown or there twice."""
        found: dict[str, yaml.Node] = {}
        if not isinstance(node, yaml.MappingNode):
            self.problem(node, what, "must be a mapping of `key: value` lines")
            return found
        for key_node, value in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self.problem(key_node, what, "has a key that is not a word")
                continue
            key = key_node.value
            if key not in allowed:
                self.problem(key_node, key, "unknown key" + did_you_mean(key, allowed))
            elif key in found:
                first = found[key].start_mark.line + 1
                self.problem(key_node, key, f"is there twice, first on line {first}")
            else:
                found[key] = value
        return found

    def text_of(self, key: str, node: yaml.Node) -> str | None:
        if not isinstance(node, yaml.ScalarNode):
            self.problem(node, key, "must be one word, not a list or a mapping")
            return None
        return None if _is_null(node) else str(node.value)

    def address(
        self, nodes: Mapping[str, yaml.Node], values: Mapping[str, str | None]
    ) -> str | None:
        value = values.get("public_address")
        if value is None:
            return None
        import ipaddress  # noqa: PLC0415 - not needed on most boots, and first boots count

        try:
            address = ipaddress.ip_address(value)
        except ValueError:
            cure = "; a name belongs in fqdn" if _FQDN.fullmatch(value) else ""
            if "/" in value:
                cure = "; write it without the prefix length"
            self.problem(
                nodes["public_address"], "public_address", f"{value!r} is not an IP address{cure}"
            )
            return None
        if address.is_unspecified or address.is_multicast:
            self.problem(
                nodes["public_address"], "public_address", f"{value} is nobody's own address"
            )
            return None
        return str(address)

    def matched(
        self,
        nodes: Mapping[str, yaml.Node],
        values: Mapping[str, str | None],
        key: str,
        pattern: re.Pattern[str],
        wanted: str,
    ) -> str | None:
        value = values.get(key)
        if value is None:
            return None
        if not pattern.fullmatch(value):
            self.problem(nodes[key], key, f"{value!r} is not {wanted}")
            return None
        return value

    def chosen(self, node: yaml.Node) -> dict[str, Chosen]:
        found = {}
        for name, value in self.entries(node, "secrets", self.known).items():
            text = self.text_of(f"secrets.{name}", value)
            if text is None:
                continue  # blank: drawn, or taken over by an earlier boot
            wrong = wrong_with(text)
            if wrong:
                # Never the value itself: this line goes to the console.
                self.problem(value, f"secrets.{name}", wrong)
                continue
            found[name] = Chosen(text, self.span(value))
        return found

    def span(self, node: yaml.Node) -> tuple[int, int]:
        start, end = node.start_mark.index, node.end_mark.index
        before = len(self.text[:start].encode())
        return before, before + len(self.text[start:end].encode())


def wrong_with(value: str) -> str | None:
    """Why ``value`` cannot be a secret; None when it can."""
    if not _PLAIN.fullmatch(value):
        return "may hold letters, digits and . _ ~ - only"
    if not _SHORTEST <= len(value) <= _LONGEST:
        return f"must have {_SHORTEST} to {_LONGEST} characters"
    return None


def did_you_mean(word: str, known: tuple[str, ...] | Mapping[str, Secret]) -> str:
    """`` (did you mean ...?)`` for the nearest known word, else the list of a few."""
    import difflib  # noqa: PLC0415 - only a wrong file pays for it

    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    if near:
        return f"; did you mean {near[0]}?"
    return f"; known are {', '.join(known)}" if len(known) <= 8 else ""


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"
