"""Puts a profile's files on top of each other: `extends`, then the file itself, then `--set`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aio_image.paths import resource
from aio_image.profile.document import Document, Node, parse_value, read_document
from aio_image.profile.problems import Origin, Problem, meant, shown
from aio_image.profile.schema import FILE_KEYS

_OWN_KEYS = ("extends", "abstract", "proven")
_PROOFS = FILE_KEYS["proven"]["enum"]


@dataclass
class Layered:
    """A profile's merged tree. ``files`` lists every file read, the profile's own last.

    ``proven`` is what the own file says of itself: it is not handed on.
    """

    path: Path
    root: Node
    abstract: bool = False
    proven: str = _PROOFS[0]
    files: tuple[Path, ...] = ()
    problems: list[Problem] = field(default_factory=list)
    broken_parents: bool = False


def shipped() -> dict[str, Path]:
    """The profiles that come with aio-image, by name."""
    return {path.stem: path for path in sorted(resource("profiles").glob("*.yaml"))}


def is_path(name: str) -> bool:
    """Whether ``name`` means a file rather than one of the shipped profiles."""
    return "/" in name or name.endswith((".yaml", ".yml"))


def merge(under: Node, over: Node) -> Node:
    """``over`` on top of ``under``: mappings key by key, anything else as a whole."""
    if not (isinstance(under.value, dict) and isinstance(over.value, dict)):
        return over
    merged = dict(under.value)
    for key, node in over.value.items():
        merged[key] = merge(merged[key], node) if key in merged else node
    return Node(merged, over.origin)


def load_layers(path: Path) -> Layered:
    """Read the profile file ``path`` and everything it extends. Never raises for its content."""
    return _Reader().read(path, ())


def override(layered: Layered, settings: Sequence[str]) -> None:
    """Lay ``key=value`` settings (dotted keys, YAML values) over ``layered``."""
    for setting in settings:
        key, equals, text = setting.partition("=")
        parts = key.strip().split(".")
        source = f"--set {key.strip()}"
        if not equals or not all(parts):
            wrong = f"takes key=value, as image.size='16 GiB', not {setting!r}"
            layered.problems.append(Problem(Origin("--set"), "", wrong))
            continue
        node, problems = parse_value(text, source)
        layered.problems += problems
        if problems:
            continue
        if parts[0] in _OWN_KEYS:
            wrong = "cannot be set on the command line: it belongs in a file"
            layered.problems.append(Problem(Origin(source), parts[0], wrong))
            continue
        for part in reversed(parts):
            node = Node({part: node}, Origin(source))
        layered.root = Node(merge(layered.root, node).value, layered.root.origin)


class _Reader:
    def __init__(self) -> None:
        self._documents: dict[Path, Document] = {}

    def read(self, path: Path, above: tuple[Path, ...]) -> Layered:
        """``above`` are the files whose `extends` led here."""
        first = path not in self._documents
        document = self._documents.setdefault(path, read_document(path))
        # A file reached twice (a diamond) is laid twice and its problems are said once.
        result = Layered(path, document.root, problems=list(document.problems) if first else [])
        own = dict(document.root.value) if isinstance(document.root.value, dict) else {}
        extends, abstract, proven = (own.pop(key, None) for key in _OWN_KEYS)
        if abstract is not None:
            if isinstance(abstract.value, bool):
                result.abstract = abstract.value
            elif first:
                wrong = Problem(abstract.origin, "abstract", "must be true or false")
                result.problems.append(wrong)
        if proven is not None:
            if proven.value in _PROOFS:
                result.proven = str(proven.value)
            elif first:
                message = f"must be {', '.join(_PROOFS[:-1])} or {_PROOFS[-1]}"
                result.problems.append(Problem(proven.origin, "proven", message))
        under = Node({}, document.root.origin)
        files: list[Path] = []
        for name in self._parents(extends, result, quiet=not first):
            parent = self._find(name, path, result)
            if parent is None:
                result.broken_parents = True
                continue
            if parent in (*above, path):
                result.broken_parents = True
                chain = (*above, path)
                circle = [*chain[chain.index(parent) :], parent]
                told = " -> ".join(each.stem for each in circle)
                result.problems.append(
                    Problem(name.origin, "extends", f"goes round in a circle: {told}")
                )
                continue
            layer = self.read(parent, (*above, path))
            under = merge(under, layer.root)
            files += [each for each in layer.files if each not in files]
            result.problems += layer.problems
            result.broken_parents |= layer.broken_parents
        result.root = merge(under, Node(own, document.root.origin))
        result.files = (*files, path)
        return result

    @staticmethod
    def _parents(extends: Node | None, result: Layered, *, quiet: bool) -> Iterable[Node]:
        if extends is None:
            return
        items = extends.value if isinstance(extends.value, list) else [extends]
        for item in items:
            if isinstance(item.value, str) and item.value:
                yield item
            elif not quiet:
                result.broken_parents = True
                wrong = Problem(item.origin, "extends", "takes the name of a profile, or a list")
                result.problems.append(wrong)

    @staticmethod
    def _find(name: Node, path: Path, result: Layered) -> Path | None:
        word = str(name.value)
        if is_path(word):
            found = (path.parent / word).resolve()
            if found.is_file():
                return found
            message = f"no file {word} (from {shown(path.parent)}/)"
        else:
            beside = (path.parent / f"{word}.yaml").resolve()
            known = shipped()
            if beside.is_file():
                return beside
            if word in known:
                return known[word].resolve()
            names = {each.stem for each in path.parent.glob("*.yaml")} | known.keys()
            message = f"no profile '{word}'{meant(word, names - {path.stem})}"
        result.problems.append(Problem(name.origin, "extends", message))
        return None
