"""``python -m benchmarks``: measures, prints a table, and adds it to the history."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aio_image.errors import EXIT_HOST, AioError
from aio_image.host.process import run
from aio_image.paths import Home
from benchmarks import boots, builds, sizes
from benchmarks.rows import Row, keep, table

_ROOT = Path(__file__).resolve().parents[1]
_PARTS = {
    "build": "a build from nothing, against mmdebstrap of its packages and the migrations",
    "rebuild": "the same build again, with nothing to do",
    "size": "the QCOW2, against its root file system packed by tar and zstd",
    "boot": "the first boot until healthy, against a plain reboot of the same image",
}


def main(argv: Sequence[str] | None = None) -> int:
    args = _arguments(argv)
    if os.geteuid() != 0:
        print("benchmarks: builds need root: run `make bench`", file=sys.stderr)
        return EXIT_HOST
    scratch = _ROOT / "build"
    scratch.mkdir(exist_ok=True)
    cold = "build" in args.only
    # A build from nothing gets a home of its own, gone afterwards; else the usual one will do.
    home = Path(tempfile.mkdtemp(prefix="bench-", dir=scratch)) if cold else Home.default().root
    try:
        rows = _measure(args, home, scratch)
    except AioError as error:
        print(f"benchmarks: {error.message}", *error.details, sep="\n  ", file=sys.stderr)
        return error.exit_code
    finally:
        if cold:
            shutil.rmtree(home, ignore_errors=True)
    print(table(rows))
    keep(args.history, _about(args.profile), rows)
    print(f"added to {args.history}")
    return 0


def _measure(args: argparse.Namespace, home: Path, scratch: Path) -> list[Row]:
    image = scratch / f"bench-{args.profile}.qcow2"
    program = Path(sys.executable).parent / "aio-image"
    _say("building")
    built = builds.build(program, args.profile, home, image)
    rows: list[Row] = []
    if "build" in args.only:
        _say("measuring the floor of a build")
        rows += builds.cold(built, args.profile)
    if "rebuild" in args.only:
        rows.append(builds.unchanged(program, args.profile, built))
    if "size" in args.only:
        rows.append(sizes.image_size(args.profile, home, image))
    if "boot" in args.only:
        _say("booting twice")
        rows += boots.first_and_plain(image)
    return rows


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text} ...", file=sys.stderr, flush=True)


def _about(profile: str) -> dict[str, Any]:
    """When, on what, and of which commit."""
    commit = run(["git", "-C", _ROOT, "describe", "--always", "--dirty"], check=False).output
    model = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "commit": commit.strip(),
        "profile": profile,
        "processors": len(os.sched_getaffinity(0)),
        "processor": model[0] if model else platform.machine(),
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        "load": os.getloadavg()[0],
    }


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    listed = "\n".join(f"  {name:<9} {about}" for name, about in _PARTS.items())
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=f"Measures builds and boots, and their floors.\n\nparts:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--only",
        type=lambda text: _parts(parser, text),
        default=list(_PARTS),
        metavar="PART[,PART]",
        help="just these parts (default: all, an hour without KVM)",
    )
    parser.add_argument("--profile", default="debian-aio", help="default: %(default)s")
    parser.add_argument(
        "--history",
        type=Path,
        default=_ROOT / "benchmarks/history.jsonl",
        help="the file of JSON lines the run is added to (default: benchmarks/history.jsonl)",
    )
    return parser.parse_args(argv)


def _parts(parser: argparse.ArgumentParser, text: str) -> list[str]:
    wanted = text.split(",")
    unknown = [name for name in wanted if name not in _PARTS]
    if unknown:
        parser.error(f"no such part: {', '.join(unknown)}; there are {', '.join(_PARTS)}")
    return wanted


if __name__ == "__main__":
    sys.exit(main())
