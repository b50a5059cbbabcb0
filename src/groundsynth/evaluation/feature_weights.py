"""The verb ``fetch-feature-weights``: a pretrained feature network's file, by its digest."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlparse

from groundsynth.errors import ConfigurationError, FetchError, InputError
from groundsynth.files import atomic
from groundsynth.provenance import digest_of
from groundsynth.sources.download import download, public

HASH_IN_NAME = re.compile(r"-([0-9a-f]{8,64})\.[a-z]+$")
"""PyTorch's convention: weights-inception-2015-12-05-6726825d.pth has the SHA-256 6726825d..."""


def fetch_feature_weights(*, url: str, sha256: str | None, output: Path) -> None:
    """Fetch the weights of a feature network to ``output``, whole and of the digest expected.

    ``url``: an http(s) address, or the path of a file, which is linked, not copied. ``sha256``:
    its SHA-256 or the first 8 or more digits of it; None: the digits in the file's name, if it
    has any. A file that is already in place is verified and used. Raises FetchError,
    ConfigurationError for an address of another kind, InputError for a file of another digest.
    """
    expected = expected_digest(url, sha256)
    if output.is_file():
        require_digest(output, expected)
        print(f"{output} is in place already and has the digest {digest_of(output)}.", flush=True)
        return
    scheme = urlparse(url).scheme
    if scheme in ("http", "https"):
        _download(url, expected, output)
    elif scheme in ("", "file"):
        _link(Path(urlparse(url).path), expected, output)
    else:
        raise ConfigurationError(f"{url} is neither an http(s) address nor a file; give one.")


def expected_digest(url: str, sha256: str | None) -> str:
    """First digits (or all) that the SHA-256 must have; empty where they are not known."""
    named = HASH_IN_NAME.search(urlparse(url).path)
    return sha256 or (named.group(1) if named else "")


def require_digest(path: Path, expected: str | None) -> str:
    """SHA-256 of the file; InputError when it does not begin with ``expected``."""
    if not path.is_file():
        raise InputError(f"{path} is missing; run fetch-feature-weights or put the file there.")
    digest = digest_of(path)
    if not digest.startswith(expected or ""):
        raise InputError(
            f"{path} has the SHA-256 {digest}, not {expected}; delete it and fetch it again, or "
            "correct evaluation.extractor_definitions."
        )
    return digest


def _download(url: str, expected: str, output: Path) -> None:
    if not download(url, output):
        raise FetchError(
            f"There is no file at {public(url)}; correct the address in "
            f"evaluation.extractor_definitions, or put the file at {output}."
        )
    came = digest_of(output)
    if not came.startswith(expected):
        output.unlink()
        raise FetchError(
            f"What came from {public(url)} has the SHA-256 {came}, not {expected} (a login page, "
            "or another version?); check the address in evaluation.extractor_definitions."
        )


def _link(source: Path, expected: str, output: Path) -> None:
    require_digest(source, expected)
    with atomic(output) as temporary:
        temporary.symlink_to(source.absolute())
