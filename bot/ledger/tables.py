"""The tables as SQLAlchemy sees them. They must match what the migrations make; a test compares the two."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Float,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

runs = Table(
    "runs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("request_key", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("arguments", Text, nullable=False),
    Column("options", JSON, nullable=False),
    Column("user", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("ts", Text),
    Column("state", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("verdict", JSON(none_as_null=True)),
    Column("scope", Text, nullable=False),
    Column("lock_key", Text),
    Column("attempt", Integer, nullable=False),
    Column("owner", Text, nullable=False),
    Column("digest", Text),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Column("finished_at", DateTime(timezone=True)),
    Column("expires_at", DateTime(timezone=True)),
    UniqueConstraint("request_key", name="runs_request_key_once"),
    UniqueConstraint("lock_key", name="runs_lock_key_once"),
    Index("runs_by_state", "state"),
    Index("runs_by_step", "step", "created_at"),
    Index("runs_by_time", "created_at"),
)

images = Table(
    "images",
    metadata,
    Column("run", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("group", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("plural", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("namespaced", Boolean, nullable=False),
    Column("namespace", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("before", JSON(none_as_null=True)),
    Column("after", JSON(none_as_null=True)),
    Column("undone_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("run", "group", "plural", "namespace", "name", name="images_once_per_run"),
    Index("images_by_namespace", "namespace", "run"),
)

replicas = Table(
    "replicas",
    metadata,
    Column("owner", Text, primary_key=True),
    Column("beat", Integer, nullable=False),
    Column("started_at", DateTime(timezone=True), nullable=False),
    Column("seen_at", DateTime(timezone=True), nullable=False),
    Column("gone_at", DateTime(timezone=True)),
)

messages = Table(
    "messages",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("key", Text),
    Column("channel", Text, nullable=False),
    Column("thread", Text, nullable=False),
    Column("broadcast", Boolean, nullable=False),
    Column("ts", Text),
    Column("owner", Text, nullable=False),
    Column("wanted", JSON, nullable=False),
    Column("version", Integer, nullable=False),
    Column("shown", Integer, nullable=False),
    Column("refused", Text),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("key", name="messages_key_once"),
    Index("messages_by_owner", "owner"),
    Index("messages_by_place", "channel", "ts"),
    Index("messages_by_time", "updated_at"),
    sqlite_autoincrement=True,
)

requests = Table(
    "requests",
    metadata,
    Column("key", Text, primary_key=True),
    Column("seen_at", DateTime(timezone=True), nullable=False),
    Index("requests_by_time", "seen_at"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Text, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("user", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("arguments", Text, nullable=False),
    Column("cluster", Text, nullable=False),
    Column("namespace", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("run", Text, nullable=False),
    Column("decided_by", Text, nullable=False),
    Column("link", Text, nullable=False),
    Index("audit_by_time", "at", "id"),
    Index("audit_by_run", "run"),
)
