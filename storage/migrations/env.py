"""Alembic's entry: runs the migrations on the connection that `Database.migrate` passes."""

from __future__ import annotations

from alembic import context

from storage.models import Base

connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("Migrations run at start by themselves; for a new one: make migration NAME=what_changes")
context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
