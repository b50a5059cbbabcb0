"""The tiles of the configured area, known before anything runs.

The area is a bounding box, which is arithmetic, or a vector file. The Snakefile is read again in
every job, where geopandas would cost seconds: the file's tiles are listed once, by the verb
``list-tiles`` in a process of its own, and kept in a small JSON file in the run's folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from groundsynth.errors import ConfigurationError
from groundsynth.files import read_json
from groundsynth.provenance import digest_of
from groundsynth.sources.grid import tiles_of_area

FORMAT = 2
"""Raised when the same file would give other tiles, or the list another form."""
LIST = Path("resources/area.json")
"""Where a run keeps the tiles of its area's file."""
SIDECARS = (".shx", ".dbf", ".prj", ".cpg", ".dat", ".map", ".id", ".mid", ".gfs", ".csvt")
"""Parts of an area beside the file that names it: of shapefiles, MapInfo, GML and CSV."""
PACKAGE_FOLDER = Path(__file__).resolve().parents[2]


def tiles_of_configured(area: Mapping[str, Any], listed: Path = LIST) -> list[str]:
    """Names of the 1-degree tiles of ``source.area``: of its file, or else of its box.

    ``listed`` keeps the answer of a file until the file changes. Raises ConfigurationError.
    """
    if not area["file"]:
        return tiles_of_area(*(area[edge] for edge in ("west", "south", "east", "north")))
    file = Path(area["file"])
    digest = digest_of_area(file)
    tiles = _kept(listed, digest)
    if tiles is None:
        _list_again(file, digest, listed)
        tiles = read_json(listed)["tiles"]
    return tiles


def digest_of_area(file: Path) -> str:
    """SHA-256 of a vector file and its sidecars; of a folder (a geodatabase), of all its files."""
    if file.is_dir():
        parts = [path for path in file.rglob("*") if path.is_file()]
    else:
        sidecars = [file.with_suffix(s) for suffix in SIDECARS for s in (suffix, suffix.upper())]
        parts = [file, *sidecars, file.with_name(f"{file.name}-wal")]
    found = sorted({(str(path.relative_to(file.parent)), path) for path in parts if path.exists()})
    named = [f"{name}\0{digest_of(path)}\n" for name, path in found]
    return hashlib.sha256("".join(named).encode()).hexdigest()


def _kept(listed: Path, digest: str) -> list[str] | None:
    """The tiles listed for the file of that digest; None where there is no such list."""
    try:
        record = json.loads(listed.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    if not isinstance(record, dict):
        return None
    same = (record.get("format"), record.get("digest")) == (FORMAT, digest)
    return record["tiles"] if same else None


def _list_again(file: Path, digest: str, listed: Path) -> None:
    """Have the tiles listed by a process of its own, which may import geopandas."""
    command = [sys.executable, "-m", "groundsynth", "list-tiles", "--area", str(file)]
    answer = subprocess.run(
        [*command, "--digest", digest, "--output", str(listed)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(PACKAGE_FOLDER), "PYTHONNOUSERSITE": "1"},
    )
    if answer.returncode == 0:
        return
    last = answer.stderr.strip().rpartition("\n")[2]
    if last.startswith("list-tiles: "):
        raise ConfigurationError(last.removeprefix("list-tiles: "))
    raise ConfigurationError(
        f"The tiles of {file} could not be listed ({last or answer.returncode}); see that "
        "geopandas is installed beside Snakemake, or give source.area as a box."
    )
