"""Decompression with a cap that holds while decompressing: a bomb is noticed before it goes off."""

from __future__ import annotations

import zlib

from monitor.errors import FetchError

ACCEPTED = "gzip, deflate"
_STEP = 65_536


def too_large(max_bytes: int) -> FetchError:
    """The error for a document above the cap."""
    return FetchError("too_large", f"the document is larger than {max_bytes} bytes; raise settings.fetch.max_bytes if it is right")


class BodyReader:
    """Takes a body's chunks as they come and gives the decompressed whole.

    Raises `FetchError` as soon as more than ``max_bytes`` came out, the coding is unknown or the data are broken.
    """

    def __init__(self, content_encoding: str, *, max_bytes: int) -> None:
        coding = content_encoding.strip().lower()
        if coding not in {"", "identity", "gzip", "x-gzip", "deflate"}:
            raise FetchError(
                "bad_encoding",
                f"the server sent Content-Encoding {coding!r}, which was not asked for; it may work later",
            )
        self._coding = coding
        self._inflater: zlib._Decompress | None = None
        self._max_bytes = max_bytes
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> None:
        """Add what came over the wire."""
        if self._coding in {"", "identity"}:
            self._keep(chunk)
            return
        try:
            while chunk:
                chunk = self._inflate(chunk)
        except zlib.error as error:
            raise FetchError("bad_encoding", f"the compressed document is broken ({error}); it may work later") from error

    def _inflate(self, chunk: bytes) -> bytes:
        """Decompress as far as one stream goes; gives what lies behind its end."""
        if self._inflater is None or self._inflater.eof:
            if self._parts and not chunk.strip(b"\0"):
                return b""  # some servers pad the end with zeros
            self._inflater = _start_inflater(self._coding, chunk)
        while True:
            part = self._inflater.decompress(chunk, _STEP)
            self._keep(part)
            if self._inflater.eof:
                return self._inflater.unused_data
            chunk = self._inflater.unconsumed_tail
            if not chunk and len(part) < _STEP:
                return b""

    def _keep(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > self._max_bytes:
            raise too_large(self._max_bytes)
        self._parts.append(part)

    def finish(self) -> bytes:
        """The whole document. Raises `FetchError` where the compressed data stop too early."""
        if self._inflater is not None and not self._inflater.eof:
            raise FetchError("bad_encoding", "the compressed document stops too early; it may work later")
        return b"".join(self._parts)


def decompress_entity(entity: bytes, content_encoding: str, *, max_bytes: int = 100_000_000) -> bytes:
    """A whole entity decompressed. Raises `FetchError` as `BodyReader` does."""
    reader = BodyReader(content_encoding, max_bytes=max_bytes)
    reader.feed(entity)
    return reader.finish()


def _start_inflater(coding: str, head: bytes) -> zlib._Decompress:
    # "deflate" means zlib, but some servers send the raw stream.
    is_raw = coding == "deflate" and (head[0] & 0x0F) != 8
    return zlib.decompressobj(-zlib.MAX_WBITS if is_raw else zlib.MAX_WBITS | 32)
