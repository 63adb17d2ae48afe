"""Corpus to bundle: reads and checks the corpus, fits, calibrates, evaluates."""
