"""The groups of subcommands: each reads arguments, calls one function of `monitor.wiring`, prints."""
