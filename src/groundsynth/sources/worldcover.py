"""ESA WorldCover: yearly Sentinel-2 composites and land-cover maps, as open data on AWS.

No account is needed. Buckets ``esa-worldcover-s2`` (imagery) and ``esa-worldcover`` (maps); a
tile that is all ocean does not exist there. Instead of an HTTP address, ``base_url`` may be a
folder that holds the files under their keys or side by side: they are linked, not copied.

Links are symbolic: Snakemake sets the time of what a job made, which on a hard link would be that
of the folder's own file, and of every other run that uses it. With a symbolic link it is the
link's, and a file that is replaced in the folder later makes the run cut it again.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlparse

from groundsynth.errors import ConfigurationError, FetchError, InputError
from groundsynth.files import atomic
from groundsynth.sources.download import download, public
from groundsynth.sources.grid import label_tile_of, parse_tile, tile_name, tiles_of_area
from groundsynth.sources.receipt import write_absent, write_receipt

__all__ = [
    "fetch_imagery",
    "fetch_labels",
    "imagery_key",
    "label_key",
    "label_tile_of",
    "parse_tile",
    "tile_name",
    "tiles_of_area",
]

VERSIONS = {2020: "v100", 2021: "v200"}
TIFF_MARKS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def imagery_key(tile: str, year: int) -> str:
    """Key of a Sentinel-2 composite (1 x 1 degree) in its bucket."""
    parse_tile(tile)
    name = f"ESA_WorldCover_10m_{year}_{_version(year)}_{tile}_S2RGBNIR.tif"
    return f"rgbnir/{year}/{tile[:3]}/{name}"


def label_key(tile: str, year: int) -> str:
    """Key of a land-cover map (3 x 3 degrees) in its bucket."""
    if label_tile_of(tile) != tile:
        raise ConfigurationError(
            f"{tile} is no label tile; the one that holds it is {label_tile_of(tile)}."
        )
    version = _version(year)
    return f"{version}/{year}/map/ESA_WorldCover_10m_{year}_{version}_{tile}_Map.tif"


def _version(year: int) -> str:
    if year not in VERSIONS:
        known = " and ".join(str(y) for y in VERSIONS)
        raise ConfigurationError(f"There is no WorldCover of {year}; it exists for {known}.")
    return VERSIONS[year]


def fetch_imagery(*, tile: str, base_url: str, year: int, output: Path, receipt: Path) -> None:
    """Fetch the Sentinel-2 composite of one 1-degree tile.

    ``output``: the GeoTIFF (bands B04, B03, B02, B08, uint16 reflectance x 10,000, 0 = no data),
    or an empty file where the source has none. ``receipt``: JSON with tile, present, bytes,
    sha256 and origin. Raises FetchError and ConfigurationError.
    """
    _fetch(tile, base_url, imagery_key(tile, year), output, receipt)


def fetch_labels(*, tile: str, base_url: str, year: int, output: Path, receipt: Path) -> None:
    """Fetch the land-cover map of one 3-degree tile.

    ``output``: the GeoTIFF (uint8 WorldCover codes, 0 = no data), or an empty file where the
    source has none. ``receipt``: JSON with tile, present, bytes, sha256 and origin. Raises
    FetchError and ConfigurationError.
    """
    _fetch(tile, base_url, label_key(tile, year), output, receipt)


def _fetch(tile: str, base_url: str, key: str, output: Path, receipt: Path) -> None:
    folder = _local_folder(base_url)
    url = f"{base_url.rstrip('/')}/{key}"
    origin = f"local copy of {key}" if folder else public(url)
    if not (_link(folder, key, output) if folder else download(url, output)):
        write_absent(output)
    elif not _is_tiff(output):
        came = output.resolve()
        output.unlink()
        if folder:
            raise InputError(f"{came} is no TIFF file; copy it again.")
        raise FetchError(
            f"What came as {origin} is no TIFF file (a login or error page?); check the address "
            "in the configuration and the network's proxy."
        )
    write_receipt(tile, origin, output, receipt)


def _local_folder(base_url: str) -> Path | None:
    """The folder that ``base_url`` names; None when it is an HTTP address."""
    parts = urlparse(base_url)
    if parts.scheme in ("http", "https"):
        return None
    if parts.scheme not in ("", "file"):
        raise ConfigurationError(
            f"{base_url} is neither an http(s) address nor a folder; give one of these."
        )
    folder = Path(unquote(parts.path)) if parts.scheme else Path(base_url)
    if not folder.is_dir():
        raise InputError(
            f"{base_url} is no folder; give the folder that holds the WorldCover files, or an "
            "http(s) address."
        )
    return folder


def _link(folder: Path, key: str, output: Path) -> bool:
    """Link ``output`` to a local file; False if there is none."""
    places = (folder / key, folder / key.rsplit("/", 1)[-1])
    source = next((place for place in places if place.is_file() or place.is_symlink()), None)
    if source is None:
        return False
    if not source.is_file():
        raise InputError(f"{source} is a link to a file that is missing; mount or mend it.")
    if source.stat().st_size == 0:
        raise InputError(f"{source} is empty; copy it again.")
    with atomic(output) as temporary:
        temporary.symlink_to(source.absolute())
    return True


def _is_tiff(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(4) in TIFF_MARKS
