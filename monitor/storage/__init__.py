"""The store: schema, migrations, and all SQL of the project."""
