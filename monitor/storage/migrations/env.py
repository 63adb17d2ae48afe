"""Alembic's entry point: runs the migrations on the connection that `monitor.storage.engine` hands over."""

from alembic import context

from monitor.storage.reviewschema import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
