"""Articles that were collected elsewhere or long ago: read from files, stored, and assessed on many processes or machines."""
