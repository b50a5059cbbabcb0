"""Checksums that a server announces with a file, and whether what came agrees with them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from groundsynth.provenance import BLOCK

LENGTHS = {"sha256": 32, "sha1": 20, "md5": 16}
"""Bytes of a digest by its algorithm."""
ASKED = {"x-amz-checksum-mode": "ENABLED"}
"""Request headers without which S3 keeps its checksums to itself."""


def announced(headers: Mapping[str, str], whole: bool = True) -> dict[str, str]:
    """Checksums of the file by algorithm, as hexadecimal text; none where none is given.

    ``whole``: the answer holds the file from its first byte; else its checksums may be those of
    the part, and only the entity tag counts. The tag is an MD5 only where S3 says so: an object
    that came in one part (no dash in the tag), and is not encrypted with a key of its own.
    """
    found = {}
    if re.fullmatch('"[0-9a-f]{32}"', headers.get("ETag", "")) and _tag_is_md5(headers):
        found["md5"] = headers["ETag"].strip('"')
    if whole:
        names = {"sha256": "x-amz-checksum-sha256", "sha1": "x-amz-checksum-sha1"}
        for algorithm, name in {"md5": "Content-MD5", **names}.items():
            digest = _decoded(headers.get(name, ""))
            if len(digest) == LENGTHS[algorithm]:  # else of several parts, or no checksum at all
                found[algorithm] = digest.hex()
    return found


def differing(path: Path, expected: Mapping[str, str]) -> str | None:
    """Algorithm of an expected checksum that the file does not have; None where it has all."""
    digests = {name: hashlib.new(name, usedforsecurity=False) for name in expected}
    if not digests:
        return None
    with path.open("rb") as stream:
        while block := stream.read(BLOCK):
            for digest in digests.values():
                digest.update(block)
    return next((name for name in digests if digests[name].hexdigest() != expected[name]), None)


def _tag_is_md5(headers: Mapping[str, str]) -> bool:
    encryption = headers.get("x-amz-server-side-encryption", "")
    own_key = "x-amz-server-side-encryption-customer-algorithm" in headers
    return "x-amz-request-id" in headers and "kms" not in encryption and not own_key


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""
