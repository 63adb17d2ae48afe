"""Which language a text is in."""

from __future__ import annotations

from functools import cache
from typing import Any

LANGUAGES = ("ru", "uk", "en")
# Bulgarian is told apart so that it is not taken for Russian; the models do not read it.
_CANDIDATES = (*LANGUAGES, "bg")


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # noqa: PLC0415 - takes half a second

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
    identifier.set_languages(list(_CANDIDATES))
    return identifier


def detect_language(text: str) -> str:
    """ISO 639-1 code of the most likely language among Russian, Ukrainian, English and Bulgarian; "und" without letters."""
    if not any(char.isalpha() for char in text):
        return "und"
    return str(_identifier().classify(text[:2_000])[0])
