"""The ledger's schema, step by step, as scripts that Alembic runs. A script that was released never
changes."""
