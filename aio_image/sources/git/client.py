"""Asking git: which refs a repository has, and fetching single commits into shallow bare copies."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aio_image.errors import HostError, MirrorError
from aio_image.host.process import Completed, run
from aio_image.sources.git.mirrors import GitMirrors

COMMIT = re.compile(r"[0-9a-f]{40}")
# How far back a copy goes until the nearest tag is in it; None: all of it.
_DEPTHS: tuple[int | None, ...] = (1, 30, 200, 1500, None)
_SECONDS = 1800.0


@dataclass(frozen=True)
class Refs:
    """What a repository offers: branch and tag names → commits (a tag's own, peeled)."""

    branches: Mapping[str, str]
    tags: Mapping[str, str]

    def find(self, name: str) -> str | None:
        """The commit of the tag or branch ``name``."""
        return self.tags.get(name) or self.branches.get(name)


class Git:
    """Git with ``mirrors`` in force. Copies live in ``store/<host>/<path>.git``."""

    def __init__(self, store: Path, mirrors: GitMirrors) -> None:
        self.store = store
        self.mirrors = mirrors
        self._refs: dict[str, Refs] = {}
        store.mkdir(parents=True, exist_ok=True)
        self._config = store / "config"
        self._config.write_text(mirrors.config(), "utf-8")

    def copy_of(self, url: str) -> Path:
        """Where the copy of ``url`` is, or will be."""
        path = re.sub(r"^[a-z]+://", "", url).rstrip("/").removesuffix(".git")
        return self.store / f"{re.sub('/+', '/', path)}.git"

    def refs(self, url: str) -> Refs:
        """What ``url`` offers now; asked once. Raises MirrorError when there is no repository."""
        if url not in self._refs:
            try:
                done = self._git("ls-remote", "--heads", "--tags", url)
            except HostError as error:
                raise MirrorError(
                    f"{url}: no repository at {self.mirrors.where(url)}",
                    details=error.details[-1:],
                    hint="name another mirror (--mirror)",
                ) from error
            self._refs[url] = _parse(done.output)
        return self._refs[url]

    def has(self, url: str, commit: str) -> bool:
        """Whether the copy has ``commit`` already."""
        copy = self.copy_of(url)
        return copy.is_dir() and self._in(copy, "cat-file", "-e", f"{commit}^{{commit}}", ok=False)

    def fetch(self, url: str, commit: str) -> bool:
        """Have ``commit`` of ``url`` in the copy. False when the repository does not have it."""
        if self.has(url, commit):
            return True
        copy = self._prepare(url)
        if not self._fetch(copy, url, commit, depth=1):
            return False
        return self.has(url, commit)

    def fetch_to_tag(self, url: str, commit: str) -> str:
        """Deepen the copy of a fetched ``commit`` until its nearest tag is there.

        Returns what ``git describe --tags`` says, which is what pbr makes a version of
        (https://docs.openstack.org/pbr/latest/user/features.html#version); empty when the
        repository has no tag before that commit.
        """
        copy = self.copy_of(url)
        tags = self.refs(url).tags
        for depth in _DEPTHS:
            described = self._described(copy, commit)
            if described or not tags:
                return described
            self._fetch(copy, url, commit, depth)
            self._name_tags(copy, tags)
        return self._described(copy, commit)

    def show(self, url: str, commit: str, path: str) -> str | None:
        """The text of a file; None when the commit has none of that name."""
        done = self._git("show", f"{commit}:{path}", folder=self.copy_of(url), check=False)
        return done.output if done.status == 0 else None

    def files(self, url: str, commit: str) -> list[str]:
        """Every path of ``commit``, sorted."""
        words = ("ls-tree", "-r", "--name-only", commit)
        return self._git(*words, folder=self.copy_of(url)).output.splitlines()

    def _described(self, copy: Path, commit: str) -> str:
        done = self._git("describe", "--tags", commit, folder=copy, check=False)
        return done.output.strip() if done.status == 0 else ""

    def _name_tags(self, copy: Path, tags: Mapping[str, str]) -> None:
        """Name those commits of the copy that the repository has tags on."""
        wanted = "".join(f"{commit}^{{commit}}\n" for commit in tags.values())
        done = self._git("cat-file", "--batch-check", folder=copy, feed=wanted)
        lines = done.output.splitlines()
        there = [
            (tag, commit)
            for (tag, commit), line in zip(tags.items(), lines, strict=True)
            if line.endswith(" commit") or " commit " in line
        ]
        feed = "".join(f"update refs/tags/{tag} {commit}\n" for tag, commit in there)
        self._git("update-ref", "--stdin", folder=copy, feed=feed)

    def _prepare(self, url: str) -> Path:
        copy = self.copy_of(url)
        if not (copy / "HEAD").is_file():
            shutil.rmtree(copy, ignore_errors=True)
            copy.mkdir(parents=True)
            self._git("init", "--quiet", "--bare", str(copy))
        return copy

    def _fetch(self, copy: Path, url: str, commit: str, depth: int | None) -> bool:
        """Fetch and name the commit, so that no garbage collection takes it."""
        far = [f"--depth={depth}"] if depth else ["--unshallow"]
        if depth is None and not (copy / "shallow").exists():
            far = []
        words = ["fetch", "--quiet", "--no-tags", *far, url, f"+{commit}:refs/heads/aio/{commit}"]
        done = self._git(*words, folder=copy, check=False)
        return done.status == 0

    def _in(self, copy: Path, *words: str, ok: bool = True) -> bool:
        return self._git(*words, folder=copy, check=ok).status == 0

    def _git(
        self,
        *words: str,
        folder: Path | None = None,
        check: bool = True,
        feed: str | None = None,
    ) -> Completed:
        at = ["--git-dir", str(folder)] if folder else []
        env = {
            "GIT_CONFIG_GLOBAL": str(self._config),
            "GIT_CONFIG_NOSYSTEM": "1",
            # Nobody is there to answer: a repository that asks for a password is none.
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "true",
        }
        return run(
            ["git", *at, *words], env=env, check=check, feed=feed, timeout=_SECONDS,
            hint="`git` fetches the sources: apt install git",
        )  # fmt: skip


def _parse(listed: str) -> Refs:
    branches: dict[str, str] = {}
    tags: dict[str, str] = {}
    for line in listed.splitlines():
        commit, _, name = line.partition("\t")
        if name.startswith("refs/heads/"):
            branches[name.removeprefix("refs/heads/")] = commit
        elif name.startswith("refs/tags/"):
            # An annotated tag is listed twice; the second line, ^{}, is the commit it names.
            tags[name.removeprefix("refs/tags/").removesuffix("^{}")] = commit
    return Refs(branches, tags)
