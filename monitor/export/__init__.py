"""What leaves the monitor for other programs, and what comes in from them: lists of feeds, tables, threat-intelligence formats."""
