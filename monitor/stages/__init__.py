"""Pure stages: values in, values out; no clock, disk, network, logging or settings."""
