"""Ids that are the same every time: UUIDv5 of what makes the thing what it is."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# The namespace that STIX 2.1 gives for deterministic ids (section 2.9), and that OpenCTI uses for all of its own.
NAMESPACE = uuid.UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")


def make_uuid(properties: Mapping[str, object]) -> str:
    """The UUIDv5 of the canonical JSON of ``properties`` (strings, lists of strings, integers)."""
    canonical = json.dumps(properties, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return str(uuid.uuid5(NAMESPACE, canonical.encode("utf-8", "replace").decode("utf-8")))


def make_own_uuid(kind: str, *parts: object) -> str:
    """An id for a thing that only this program names."""
    return make_uuid({"source": "narrative-monitor", "kind": kind, "parts": [str(part) for part in parts]})
