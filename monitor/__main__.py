"""Lets ``python -m monitor`` do what the ``monitor`` command does."""

from monitor.cli import main

main()
