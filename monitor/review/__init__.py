"""The analysts' page: a small web application, rendered on the server, that works without scripts."""
