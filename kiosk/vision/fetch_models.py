"""Re-extract the vendored model files from the pinned wheel and compare: ``python -m kiosk.vision.fetch_models``."""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from kiosk.vision.model_files import MEDIAPIPE_VERSION, SHA256, VENDORED


def download_wheel(folder: Path) -> Path:
    """Fetch the pinned wheel (cp311, 36 MB) into ``folder`` with pip, without its dependencies."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += ["--python-version=3.11", "--dest", str(folder), f"mediapipe=={MEDIAPIPE_VERSION}"]
    subprocess.run(command, check=True)
    return next(folder.glob("mediapipe-*.whl"))


def extract(wheel: Path, folder: Path) -> list[str]:
    """Write the model files of ``wheel`` into ``folder``; return the names whose SHA-256 is not the expected one."""
    wrong = []
    with zipfile.ZipFile(wheel) as archive:
        for name, digest in SHA256.items():
            data = archive.read(next(entry for entry in archive.namelist() if entry.endswith(f"/{name}")))
            if hashlib.sha256(data).hexdigest() == digest:
                (folder / name).write_bytes(data)
            else:
                wrong.append(name)
    return wrong


def main(argv: list[str] | None = None) -> int:
    """Exit 0 when every file was written as expected, 1 when one differs (it is then left alone)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wheel", type=Path, help="use this wheel instead of downloading it")
    parser.add_argument("--into", type=Path, default=VENDORED, help="folder to write to")
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as scratch:
        wrong = extract(arguments.wheel or download_wheel(Path(scratch)), arguments.into)
    sys.stdout.write(f"differs: {', '.join(wrong)}\n" if wrong else f"{len(SHA256)} files as expected\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
