"""A warehouse file as DuckDB's own Python client reads it. Only while millrace does not hold the file."""
import duckdb


def rows(path, sql, *args):
    connection = duckdb.connect(str(path), read_only=True)
    try:
        return connection.execute(sql, args or None).fetchall()
    finally:
        connection.close()


def tables(path):
    return sorted(row[0] for row in rows(path, "select table_name from information_schema.tables where table_schema = 'main'"))
