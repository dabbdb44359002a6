"""A database that a newer version has migrated, of which this one knows nothing."""

from sqlalchemy import Connection

OF_THE_FUTURE = "9999"


def migrate_further(connection: Connection) -> None:
    """Leave it as a version does that takes away what this one needs."""
    connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{OF_THE_FUTURE}'")
    table = f"schema_compatibility SET revision = '{OF_THE_FUTURE}', compatible_from = '{OF_THE_FUTURE}'"
    connection.exec_driver_sql(f"UPDATE {table}")
