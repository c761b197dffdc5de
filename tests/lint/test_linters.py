"""Every linter and type checker, one test each. A tool that is missing fails: it is not skipped."""

from __future__ import annotations

import re
from pathlib import Path

from tests.lint.checkout import ROOT, files, lint

_SHELL = re.compile(rb"^#!\s*/(?:usr/)?bin/(?:env\s+)?(?:ba|da)?sh\b")


def _shell_scripts() -> list[Path]:
    """Scripts by their first line (elements' hooks have no suffix), and what these source."""
    scripts = []
    for path in files():
        with path.open("rb") as file:
            first = file.readline()
        # diskimage-builder sources environment.d: no first line, no run bit, always bash.
        if _SHELL.match(first) or path.suffix == ".sh" or path.parent.name == "environment.d":
            scripts.append(path)
    return scripts


def test_ruff() -> None:
    lint(["ruff", "check", "--no-cache", "."])


def test_ruff_format() -> None:
    lint(["ruff", "format", "--no-cache", "--diff", "."])


def test_mypy() -> None:
    lint(["mypy"])


def test_shellcheck() -> None:
    scripts = _shell_scripts()
    assert ROOT / "tools/setup" in scripts
    lint(["shellcheck", "--external-sources", "--shell=bash", *scripts])


def test_yamllint() -> None:
    data = [path.relative_to(ROOT) for path in files() if path.suffix in {".yaml", ".yml"}]
    lint(["yamllint", "--strict", ".yamllint", ".ansible-lint", *data])


def test_ansible_lint() -> None:
    # It checks each role on its own, away from the folder where ansible finds our modules.
    plugins = {
        "ANSIBLE_LIBRARY": "library",
        "ANSIBLE_ACTION_PLUGINS": "action_plugins",
        "ANSIBLE_CONNECTION_PLUGINS": "connection_plugins",
    }
    folders = {name: str(ROOT / "playbooks" / folder) for name, folder in plugins.items()}
    lint(["ansible-lint", "--offline", "--strict", "playbooks"], NO_COLOR="1", **folders)


def test_dib_lint() -> None:
    # dib-lint also wants a library folder to look for tabs in: ours is the elements themselves.
    lint(["dib-lint"], ELEMENTS_DIR="elements", LIB_DIR="elements")
