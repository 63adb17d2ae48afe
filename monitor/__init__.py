"""The narrative monitor: feeds in, a digest of known pro-Kremlin narratives out."""

__version__ = "0.1.0"
