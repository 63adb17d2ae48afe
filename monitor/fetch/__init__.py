"""Getting documents from the web: politely, within limits, and only from where it is allowed."""
