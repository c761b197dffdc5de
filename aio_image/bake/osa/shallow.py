"""What lets ``git fetch`` take from the shallow repositories of an image, tags and all.

uv gets a commit by ``git init`` and ``git fetch --tags``, and a fetch refuses every branch and tag
whose history ends in the other repository (``git fetch --update-shallow``, which no setting stands
for). Of a clone without tags pbr makes version 0.0.1 of everything, and whatever asks for a release
of another service finds none: heat-dashboard, which is installed along with Horizon, does.

A repository that has those ends already, and their objects, is refused nothing. So where git makes
a new one (``GIT_TEMPLATE_DIR``, gitrepository-layout(5)), it gets the ends of all repositories, and
their objects by ``objects/info/alternates``.
"""

from __future__ import annotations

from pathlib import Path

from aio_image.bake.osa.files import inside, write


def template(root: Path, repositories: str, place: str) -> None:
    """Write the folder ``place`` for all shallow repositories below ``repositories``.

    Both are paths as the tree ``root`` has them once it runs.
    """
    folders = sorted(ends.parent for ends in inside(root, repositories).rglob("*.git/shallow"))
    if not folders:
        return
    objects = [f"/{folder.relative_to(root)}/objects" for folder in folders]
    ends = {line for folder in folders for line in (folder / "shallow").read_text().split()}
    write(root, f"{place}/objects/info/alternates", _lines(objects))
    write(root, f"{place}/shallow", _lines(sorted(ends)))


def _lines(words: list[str]) -> str:
    return "".join(f"{word}\n" for word in words)
