"""Evidence: documents as they were fetched, in WARC files that a hash chain ties together."""
