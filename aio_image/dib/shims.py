"""Programs that disk-image-create finds before the system's own, for one run.

It calls some by fixed command lines; what those lack, stands here, each with its reason.
"""

from __future__ import annotations

from pathlib import Path

# A build is root already. The real sudo may be missing, forbidden by a policy, or log every one
# of some hundred calls; this one does for root what it does: a clean environment unless -E.
# And it saves the tree of a run that fails, which disk-image-create removes by `sudo rm -rf
# .../mnt`: renamed to where the finished tree would be ($AIO_TREE), somebody can look inside.
_SUDO = """\
#!/bin/sh
keep=
while [ $# -gt 0 ]; do
    case $1 in
        -E | --preserve-env) keep=1 ;;
        -n | -H) ;;
        --) shift; break ;;
        -*) echo "sudo: $1: not known to aio-image's stand-in" >&2; exit 1 ;;
        *) break ;;
    esac
    shift
done
if [ "$1 $2 ${3##*/}" = "rm -rf mnt" ] && [ -d "$3/etc" ] && [ -n "$AIO_TREE" ]; then
    [ -e "$AIO_TREE" ] || mv "$3" "$AIO_TREE"
fi
[ -n "$keep" ] && exec env "$@"
exec env -i PATH="$PATH" HOME=/root USER=root LOGNAME=root LC_ALL=C "$@"
"""

# The run ends with a folder that is renamed, not with a disk: nothing needs to reach the disk
# before anything else, and sync(1) waits for every other program's writes too.
_NO_SYNC = """\
#!/bin/sh
exit 0
"""

# disk-image-create converts with `qemu-img convert -c` and no way to add to it. With coroutines
# out of order (-W -m) clusters are compressed on every processor.
_QEMU_IMG = """\
#!/bin/sh
program=%s
if [ "$1" = convert ]; then
    shift
    exec "$program" convert -W -m %d "$@"
fi
exec "$program" "$@"
"""


def write_shims(
    folder: Path, *, sync: bool = True, qemu_img: str | None = None, coroutines: int = 16
) -> Path:
    """Make ``folder`` with the stand-ins; returns it, for the front of PATH.

    ``sync`` False adds a sync that does nothing. ``qemu_img`` is the path of the real program:
    its conversions then run with ``coroutines`` of them (qemu-img allows 1 to 16).
    """
    folder.mkdir(parents=True)
    scripts = {"sudo": _SUDO}
    if not sync:
        scripts["sync"] = _NO_SYNC
    if qemu_img is not None:
        scripts["qemu-img"] = _QEMU_IMG % (qemu_img, coroutines)
    for name, text in scripts.items():
        path = folder / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
    return folder
