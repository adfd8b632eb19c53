"""Run by Alembic: over the connection it was given by `bot.store.schema`."""

from alembic import context

from bot.store.rows.tables import metadata


def run() -> None:
    connection = context.config.attributes["connection"]
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    context.run_migrations()


run()
