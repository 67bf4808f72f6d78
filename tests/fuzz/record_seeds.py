#!/usr/bin/env python3
"""Makes the seeds of tests/fuzz/corpus anew, from a real PostgreSQL: .deps/venv/bin/python tests/fuzz/record_seeds.py

pgoutput: the messages of a slot; copy: rows of COPY … TO STDOUT in text and in binary; value_json, value_duckdb: the text of a value of each
type; binary: the same in binary. The forms that the targets read are told at the head of each NAME_fuzz.cc. Needs psycopg2 and PostgreSQL 15.
"""
import io
import pathlib
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support.postgres import Cluster  # noqa: E402

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"
# In the order of PgType (src/event/schema.h), with a literal of each that the server has.
TYPES = """unknown bool int2 int4 int8 oid float4 float8 numeric money text varchar bpchar char name citext bytea uuid json jsonb xml
date time timetz timestamp timestamptz interval bit varbit inet cidr macaddr macaddr8 int4range int8range numrange tsrange
tstzrange daterange enum ltree tsvector isbn hstore point geometry geography vector halfvec sparsevec array""".split()
VALUES = {
    "bool": ["true::bool"], "int2": ["(-32768)::int2"], "int4": ["7::int4"], "int8": ["9223372036854775807::int8"], "oid": ["4294967295::oid"],
    "float4": ["1.5e-10::float4", "'NaN'::float4"], "float8": ["'-Infinity'::float8", "0.1::float8"],
    "numeric": ["123456789012345678901234567890.12345::numeric", "'NaN'::numeric", "0.00::numeric(5,2)"], "money": ["(-1234.56)::money"],
    "text": ["'a\"b\\' || chr(9) || chr(128512) || 'ü'"], "bpchar": ["'ab'::char(5)"], "bytea": ["'\\x00ff10'::bytea"],
    "uuid": ["'0190163d-8694-739b-aea5-966c26f8ad91'::uuid"], "json": ["'{\"a\": [1, null]}'::json"], "jsonb": ["'[1e400]'::jsonb"],
    "date": ["date '2024-02-29'", "date '0044-03-15 BC'", "date 'infinity'", "date '5874897-12-31'"],
    "time": ["time '24:00:00'", "time '04:05:06.789'"], "timetz": ["timetz '04:05:06.789-08:30:15'"],
    "timestamp": ["timestamp '294276-12-31 23:59:59.999999'", "timestamp '0044-03-15 01:02:03 BC'"],
    "timestamptz": ["timestamptz '2024-02-29 04:05:06.5+05:30'", "timestamptz '-infinity'"],
    "interval": ["interval '1 year -2 mons +3 days -04:05:06.789'", "interval '178000000 years'", "interval '0'"],
    "bit": ["B'101'"], "varbit": ["'1'::varbit"], "inet": ["'10.0.0.1/8'::inet"], "int4range": ["'[1,5)'::int4range"],
    "tstzrange": ["'[2024-01-01,)'::tstzrange"], "hstore": ["'\"a\"=>\"x\\\"y\", b=>NULL'::hstore"], "point": ["point(1.5,-2)"],
    "array": ["array[1,NULL,3]", "array['a b','\"',NULL]", "array[[1,2],[3,4]]", "'[0:1]={5,6}'::int[]"],
}
OTHERS = {"vector": "[1,2.5,-3e-10]", "sparsevec": "{1:1.5,3:2}/5", "geometry": "0101000020E6100000000000000000F03F0000000000000040"}
DUCKDB = {"bool": 0, "int2": 1, "int4": 2, "int8": 3, "oid": 4, "float4": 5, "float8": 6, "numeric": 7, "text": 8, "jsonb": 9, "bytea": 10,
          "uuid": 11, "date": 12, "time": 13, "timetz": 14, "timestamp": 15, "timestamptz": 16, "interval": 17}
SHOP = """
create table orders (id int primary key, price numeric(10,2) default 1.50, note text, at timestamptz, tags text[], doc jsonb, raw bytea, d date);
create table whole (a float8, b interval, hidden_c text);
alter table whole replica identity full;
create table big (id bigint primary key, t text);
alter table big alter t set storage external;
create publication p for all tables;
"""
CHANGES = [
    "insert into orders values (1, 19.99, E'a\\tb', '2024-01-01 00:00:00+00', '{x,\"y z\"}', '{\"k\": [1]}', '\\x00ff', '2024-02-29'); insert into orders values (2)",
    "update orders set note = null where id = 1", "update orders set id = 3 where id = 2", "delete from orders where id = 3",
    "insert into whole values ('NaN', '1 mon -2 days', 'x')", "update whole set a = 1", "delete from whole",
    "insert into big values (1, repeat('x', 3000))", "update big set id = 2", "truncate orders, whole",
    "select pg_logical_emit_message(true, 'in', 'tx')", "select pg_logical_emit_message(false, 'out', 'alone')",
    "begin; insert into orders(id) values (9); select pg_logical_emit_message(true, 'p', ''); insert into orders(id) values (10); commit",
    "alter table orders add column extra int; insert into orders(id, extra) values (11, 5)",
]


def write(name, number, content):
    folder = CORPUS / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{number:02}").write_bytes(content)


def pgoutput(cursor):
    cursor.execute(SHOP)
    cursor.execute("select pg_create_logical_replication_slot('s', 'pgoutput')")
    options = "'proto_version','1','publication_names','p','messages','true'"
    relations = b""
    for number, change in enumerate(CHANGES):
        cursor.execute(change)
        cursor.execute(f"select data from pg_logical_slot_get_binary_changes('s', null, null, {options})")
        payloads = [bytes(row[0]) for row in cursor.fetchall()]
        frames = [(bytes([16]) + struct.pack(">H", len(p)) + p) for p in payloads]
        fresh = b"".join(f for p, f in zip(payloads, frames) if p[:1] == b"R")
        # A slot's later session need not repeat a Relation; a seed stands alone.
        write("pgoutput", number, bytes([4 * (number % 8)]) + (b"" if fresh else relations) + b"".join(frames))
        relations += fresh


def copy(cursor):
    for number, query in enumerate(["select 1, null, E'a\\tb\\\\c\\nd', '[\"x\"]'::json", "select ''", "select null", "select array[E'\\t'], '\\x01'::bytea"]):
        out = io.BytesIO()
        cursor.copy_expert(f"copy ({query}) to stdout", out)
        write("copy", number, out.getvalue())
    out = io.BytesIO()
    cursor.copy_expert("copy (select 7, 'ab', 1.50) to stdout (format binary)", out)
    with_header = out.getvalue()[:-2]  # without the trailer
    write("copy", 4, with_header)
    write("copy", 5, with_header[19:])


def values(cursor):
    number = 0
    texts = [(name, literal) for name, literals in VALUES.items() for literal in literals]
    for name, literal in texts:
        cursor.execute(f"select ({literal})::text")
        text = cursor.fetchone()[0].encode()
        element = TYPES.index("text") if "array['a" in literal else TYPES.index("int4")
        write("value_json", number, bytes([TYPES.index(name), element, 0, number % 96, number % 24]) + text)
        if name in DUCKDB:
            write("value_duckdb", number, bytes([DUCKDB[name], 37, 5]) + text)
        number += 1
    for name, text in OTHERS.items():
        write("value_json", number, bytes([TYPES.index(name), 0, 0, 0, 0]) + text.encode())
        number += 1


def binary(cursor):
    texts = [(name, literal) for name, literals in VALUES.items() for literal in literals]
    for number, (name, literal) in enumerate(texts):
        cursor.execute(f"select record_send(row({literal}))")
        element = "text" if "array['a" in literal else "int4"
        # Behind a record's count of columns, and its column's type and length.
        write("binary", number, bytes([TYPES.index(name), TYPES.index(element), number % 3]) + bytes(cursor.fetchone()[0])[12:])


def main():
    with Cluster() as cluster:
        connection = cluster.connect()
        cursor = connection.cursor()
        cursor.execute("create extension hstore")
        pgoutput(cursor)
        copy(cursor)
        values(cursor)
        binary(cursor)
        connection.close()


if __name__ == "__main__":
    main()
