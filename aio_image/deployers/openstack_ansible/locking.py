"""Resolving a release of OpenStack-Ansible, and all that it names, to commits that can be had."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from aio_image.deployers.openstack_ansible import additions, named
from aio_image.deployers.openstack_ansible.named import Named
from aio_image.deployers.openstack_ansible.series import Facts, Series, facts, newest
from aio_image.errors import AioError, MirrorError, UsageError
from aio_image.sources.git.client import COMMIT, Git
from aio_image.sources.git.pins import LeftOut, Lock, Pin

NAME = "openstack-ansible"
EVERY = "all"
# Git waits for the network most of the time.
_AT_ONCE = 8
# Of these pbr makes versions at build time, from the nearest tag.
_VERSIONED = ("deployer", "service", "python", additions.KIND)
_DEFAULTS = "defaults/main.yml"

Told = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Allowed:
    """What may be done about commits that cannot be had, by name or for ``all``.

    ``nearest``: take the head of the branch instead. ``without``: do without the repository.
    """

    nearest: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()

    def may_be_nearest(self, name: str) -> bool:
        return name in self.nearest or EVERY in self.nearest


@dataclass(frozen=True)
class _Missing:
    named: Named
    why: str
    head: str


def lock(
    git: Git,
    release: str,
    scenario: str,
    words: Sequence[str],
    *,
    allowed: Allowed,
    told: Told,
    later: Sequence[str] = (),
) -> Lock:
    """The lock for ``release`` ("latest", a series, tag, branch or commit) and a scenario.

    ``words`` are the scenario's, expanded; ``later`` names rows of additions.yaml, whose sources
    are of the kind ``additions.KIND``. ``told(name, done, total)`` is called as sources are found.
    Raises MirrorError with a line for every commit that cannot be had.
    """
    known = facts()
    name, series, commit = find_release(git, release)
    if not git.fetch(known.url, commit):
        raise MirrorError(
            f"{known.url}: {git.mirrors.where(known.url)} has no commit {commit}",
            hint="name another release (--release) or mirror (--mirror)",
        )

    def read(path: str) -> str | None:
        return git.show(known.url, commit, path)

    paths = git.files(known.url, commit)
    every = [
        Named(NAME, "deployer", known.url, commit, None, "the release"),
        *named.roles(read, known),
        *named.collections(read, known),
        *named.services(read, paths, words, known),
    ]
    every += _for_later(every, named.services(read, paths, later, known), later)
    _check_names(every, allowed)
    work = _Work(git, series, allowed, told)
    pins = work.settle(every)
    inside = _in_roles(git, pins, words, known)
    more = [replace(one, kind=additions.KIND) for one in _in_roles(git, pins, later, known)]
    pins += work.settle([*inside, *_new([*every, *inside], more)])
    pins += work.settle_dependencies(pins, known)
    if work.missing:
        raise _error(work.missing)
    return Lock(NAME, series.name, name, scenario, tuple(pins), tuple(work.left_out))


def find_release(git: Git, asked: str) -> tuple[str, Series, str]:
    """``asked`` → its name, series and commit. Raises UsageError for what is none."""
    known = facts()
    refs = git.refs(known.url)
    if asked == "latest":
        tag = newest(refs.tags)
        if tag is None:
            raise MirrorError(f"{known.url}: has no stable tag of {_majors(known)}")
        return find_release(git, tag)
    if asked in known.series:
        series = known.series[asked]
        return find_release(git, newest(refs.tags, series) or series.branch)
    by_tag = known.series_of(asked)
    if by_tag and asked in refs.tags:
        return asked, by_tag, refs.tags[asked]
    by_branch = next((one for one in known.series.values() if one.branch == asked), None)
    if by_branch and asked in refs.branches:
        return asked, by_branch, refs.branches[asked]
    if asked in refs.branches or COMMIT.fullmatch(asked):
        # Nothing in a commit says its series; what is not a stable branch goes as the newest.
        latest = max(known.series.values(), key=lambda one: one.major)
        return asked, latest, refs.branches.get(asked, asked)
    raise UsageError(
        f"OpenStack-Ansible has no release {asked!r} at {git.mirrors.where(known.url)}",
        hint=f"latest is {newest(refs.tags)}; series are {', '.join(known.series)}",
    )


class _Work:
    """Finds commits, several repositories at a time; remembers what could not be had."""

    def __init__(self, git: Git, series: Series, allowed: Allowed, told: Told) -> None:
        self.git = git
        self.series = series
        self.allowed = allowed
        self.told = told
        self.missing: list[_Missing] = []
        self.left_out: list[LeftOut] = []

    def settle(self, every: Sequence[Named]) -> list[Pin]:
        """A pin for each of ``every`` that can be had, in their order."""
        wanted = []
        for one in every:
            if one.name in self.allowed.without:
                self.left_out.append(LeftOut(one.name, one.kind, one.url, one.ref))
            else:
                wanted.append(one)
        pins = []
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for number, found in enumerate(pool.map(self._settle_one, wanted)):
                self.told(wanted[number].name, number + 1, len(wanted))
                if isinstance(found, Pin):
                    pins.append(found)
                else:
                    self.missing.append(found)
        return pins

    def settle_dependencies(self, pins: Sequence[Pin], known: Facts) -> list[Pin]:
        """Collections that those of ``pins`` depend on and that no pin is, and theirs in turn."""
        have = {pin.name for pin in pins if pin.kind == "collection"}
        found: list[Pin] = []
        waiting = [pin for pin in pins if pin.kind == "collection"]
        while waiting:
            pin = waiting.pop()
            text = self.git.show(pin.url, pin.commit, "galaxy.yml") or ""
            for name, versions in sorted(named.dependencies(text).items()):
                if name in have or name in self.allowed.without:
                    continue
                have.add(name)
                new = self._dependency(name, versions, pin, known)
                found += new
                waiting += new
        return found

    def _dependency(self, name: str, versions: str, of: Pin, known: Facts) -> list[Pin]:
        where = f"galaxy.yml of {of.name}"
        url = known.galaxy.get(name)
        if url is None:
            one = Named(name, "collection", "", versions, None, where)
            self.missing.append(_Missing(one, "has no git source in series.yaml (galaxy)", ""))
            return []
        try:
            tag = _newest_allowed(self.git.refs(url).tags, versions)
        except MirrorError as error:
            one = Named(name, "collection", url, versions, None, where)
            self.missing.append(_Missing(one, error.message, ""))
            return []
        if tag is None:
            one = Named(name, "collection", url, versions, None, where)
            self.missing.append(_Missing(one, f"no tag is {versions}", ""))
            return []
        return self.settle([Named(name, "collection", url, tag, None, where)])

    def _settle_one(self, one: Named) -> Pin | _Missing:
        try:
            refs = self.git.refs(one.url)
            commit = one.ref if COMMIT.fullmatch(one.ref) else refs.find(one.ref)
            if commit is not None and self.git.fetch(one.url, commit):
                return self._pin(one, commit, "")
        except MirrorError as error:
            return _Missing(one, error.message, "")
        tracks = dict.fromkeys([one.track, self.series.branch, "master", "main"])
        head = next((branch for branch in tracks if branch and branch in refs.branches), "")
        if head and self.allowed.may_be_nearest(one.name):
            commit = refs.branches[head]
            if self.git.fetch(one.url, commit):
                return self._pin(one, commit, f"head of {head}")
        what = "commit" if COMMIT.fullmatch(one.ref) else "tag or branch"
        return _Missing(one, f"{self.git.mirrors.where(one.url)} has no {what} {one.ref}", head)

    def _pin(self, one: Named, commit: str, instead: str) -> Pin:
        version = self.git.fetch_to_tag(one.url, commit) if one.kind in _VERSIONED else ""
        return Pin(one.name, one.kind, one.url, one.ref, commit, version, instead)


def _in_roles(git: Git, pins: Iterable[Pin], words: Sequence[str], known: Facts) -> list[Named]:
    """What the roles of the scenario's services install straight from git."""
    wanted = {f"os_{name}" for name in (*known.always, *words)}
    found: dict[str, Named] = {}
    for pin in pins:
        if pin.kind == "role" and pin.name in wanted:
            text = git.show(pin.url, pin.commit, _DEFAULTS) or ""
            for one in named.python_of(pin.name, text, known):
                found.setdefault(one.url, one)
    return list(found.values())


def _for_later(every: Sequence[Named], there: Sequence[Named], later: Sequence[str]) -> list[Named]:
    """Of ``there`` the sources of the additions ``later`` that ``every`` does not have."""
    wanted = {url: name for name in later for url in additions.additions()[name].sources}
    found = [replace(one, kind=additions.KIND) for one in there if one.url in wanted]
    if unnamed := [url for url in wanted if url not in {one.url for one in found}]:
        raise MirrorError(
            "the release does not name every source of what is carried for later",
            details=[f"{wanted[url]}: {url}" for url in unnamed],
            hint="leave it out of openstack_ansible.additions, or choose another release",
        )
    return _new(every, found)


def _new(have: Iterable[Named], more: Iterable[Named]) -> list[Named]:
    """Those of ``more`` whose repository is not among ``have``."""
    urls = {one.url for one in have}
    return [one for one in more if one.url not in urls]


def _check_names(every: Sequence[Named], allowed: Allowed) -> None:
    names = {one.name for one in every} | {EVERY} | set(facts().galaxy)
    unknown = sorted((allowed.nearest | allowed.without) - names)
    if unknown or EVERY in allowed.without:
        wrong = [f"the release names no {name!r}" for name in unknown]
        wrong += ["--without takes names, not 'all'"] if EVERY in allowed.without else []
        raise UsageError("--nearest, --without", details=wrong, hint="names are as in the lock")


def _newest_allowed(tags: Iterable[str], versions: str) -> str | None:
    """The newest stable tag that ``versions`` (as Galaxy writes them) allows."""
    try:
        wanted = SpecifierSet("" if versions.strip() == "*" else versions)
    except InvalidSpecifier as error:
        raise AioError(f"{versions!r} is not a range of versions") from error
    found = []
    for tag in tags:
        try:
            version = Version(tag.removeprefix("v"))
        except InvalidVersion:
            continue
        if not version.is_prerelease and version in wanted:
            found.append((version, tag))
    return max(found)[1] if found else None


def _error(missing: Sequence[_Missing]) -> MirrorError:
    details = []
    for one in missing:
        cure = f" (--nearest {one.named.name}: the head of {one.head})" if one.head else ""
        details.append(f"{one.named.where}: {one.named.kind} {one.named.name}: {one.why}{cure}")
    hint = "name another mirror (--mirror); or --nearest NAME|all takes the head of the branch"
    hint += ", --without NAME does without it: both are written into the lock"
    count = len(missing)
    return MirrorError(
        f"{count} source{'s' if count > 1 else ''} cannot be had", details=details, hint=hint
    )


def _majors(known: Facts) -> str:
    return ", ".join(f"{one.major}.x" for one in known.series.values())
