"""Evidence: every document as it was fetched, in WARC files, with a hash chain over them that shows any change.

``YYYY-MM-DD-NNNN.warc.gz`` hold the documents, one gzip member each; any WARC tool reads them. ``chain.jsonl`` has one line for
each record, with its hash, where its bytes lie, and the hash of the line before.
"""
