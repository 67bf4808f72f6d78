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


def block_checksum(content):
    """Of a block of a DuckDB file, whose first 8 bytes it is: duckdb::Checksum, for whole words."""
    out, mask = 5381, (1 << 64) - 1
    for at in range(0, len(content), 8):
        out ^= int.from_bytes(content[at:at + 8], "little") * 0xBF58476D1CE4E5B9 & mask
    return out.to_bytes(8, "little")
