#!/usr/bin/env python3
"""Records what a real server sends: record.py NAME      (into NAME.stream beside this)

mixed: all that is hard. inventory, wide: the load of bench/rig/bench/tables.sql (70 % inserts, 25 % updates, 5 % deletes, 100 rows a transaction).
inventory_binary, wide_binary: the same with the values in binary (PostgreSQL 14 or newer).

FILE: a message after the other: LSN (8 bytes, big-endian), length (4), payload of the XLogData. src/source/postgres/restart_test.cc
reads it back at every position. Tables: article (a TOASTed column), wide (REPLICA IDENTITY FULL), loose (no key), hidden (which
the test leaves out).
"""
import pathlib
import struct
import sys

import psycopg2.extras

HERE = pathlib.Path(__file__).resolve().parent

sys.path.insert(0, str(HERE.parent))
from support.postgres import Cluster

SETUP = """
create table article(id int primary key, name text, body text);
alter table article alter body set storage external;
create table wide(id int primary key, name text, body text);
alter table wide alter body set storage external;
alter table wide replica identity full;
create table loose(a int, b text);
alter table loose replica identity full;
create table hidden(id int primary key, a text);
create publication p for table article, wide, loose, hidden;
"""
BODY = "repeat(md5({0}::text), 100)"  # larger than what stays in the row
WORKLOAD = [
    "insert into article select g, 'n' || g, 'short' from generate_series(1, 4) g",
    f"insert into article values (5, 'five', {BODY.format(5)})",
    "update article set name = 'cinq' where id = 5",  # body is unchanged and not sent
    f"insert into wide values (1, 'one', {BODY.format(1)})",
    "update wide set name = 'un' where id = 1",  # body is in the old row only
    "update article set id = 50 where id = 5",
    "update wide set id = 10 where id = 1",
    "delete from article where id = 2",
    "delete from wide where id = 10",
    "insert into loose values (1, 'x'), (1, 'x'), (null, null)",
    "delete from loose where ctid = (select min(ctid) from loose)",
    "update loose set b = 'y' where a = 1",
    "insert into hidden select g, 'h' from generate_series(1, 3) g",
    "insert into hidden values (10, 'a'); insert into article values (60, 'between', null); insert into hidden values (11, 'b')",
    "insert into article values (61, 'a', null); savepoint s; insert into article values (62, 'gone', null); rollback to s; "
    "insert into article values (63, 'b', null)",
    "truncate loose",
    "insert into article values (70, 'x', null); truncate hidden, article; insert into article values (71, 'y', null)",
    "select pg_logical_emit_message(true, 'inside', 'one'); insert into article values (72, 'z', null); "
    "select pg_logical_emit_message(true, 'inside', 'two')",
    "select pg_logical_emit_message(false, 'outside', 'three')",
    "alter table article add price numeric(10, 2) default 1.5",
    "insert into article values (80, 'with a price', null, 2.25)",
    "insert into article values (81, 'old', null, 1); alter table article add sold bool; update article set sold = true; "
    "alter table article rename name to title; insert into article values (82, 'new', null, 1, false)",
    "alter table article drop body; insert into article values (83, 'no body', 1, true)",
    "alter table wide alter id type bigint; insert into wide values (5000000000, 'large', null)",
    "insert into wide select g, 'w' || g, null from generate_series(100, 400) g",  # a large one
    "update wide set name = name || '!' where id between 100 and 150; delete from wide where id > 380",
    "insert into loose select g, 'after' from generate_series(1, 3) g",
]


def interleave(cluster, database):
    """Transactions that commit in another order than they write."""
    first, second = cluster.connect(database, autocommit=False), cluster.connect(database, autocommit=False)
    with first.cursor() as a, second.cursor() as b:
        a.execute("insert into wide values (1001, 'a', null)")
        b.execute("insert into wide values (2001, 'b', null)")
        a.execute("insert into wide values (1002, 'a', null)")
        b.execute("insert into wide values (2002, 'b', null)")
        second.commit()
        a.execute("select pg_logical_emit_message(false, 'outside', 'while one is open')")
        a.execute("insert into wide values (1003, 'a', null)")
        first.commit()
    first.close()
    second.close()


def record(cluster, database, file, options):
    end = cluster.value("select pg_current_wal_insert_lsn() - '0/0'", database=database)
    connection = psycopg2.connect(host="127.0.0.1", port=cluster.port, user="postgres", dbname=database,
                                  connection_factory=psycopg2.extras.LogicalReplicationConnection)
    cursor = connection.cursor()
    cursor.start_replication("recorded", options={"proto_version": "1", "publication_names": "p", "messages": "true"} | options,
                             decode=False)
    count = 0
    with open(file, "wb") as out:
        while True:
            message = cursor.read_message()
            if message is None:
                if cursor.wal_end >= end:
                    break
                cursor.send_feedback(reply=True)
                continue
            out.write(struct.pack(">QI", message.data_start, len(message.payload)) + message.payload)
            count += 1
    connection.close()
    return count


SLOT = "select pg_create_logical_replication_slot('recorded', 'pgoutput')"


def make_mixed(cluster):
    cluster.new_database("shop", SETUP)
    cluster.sql(SLOT, database="shop")
    for number, transaction in enumerate(WORKLOAD):
        cluster.sql(f"begin; {transaction}; commit", database="shop")
        if number == 12:
            interleave(cluster, "shop")


def make_load(cluster, table, changes):
    tables = (HERE.parents[1] / "bench/rig/bench/tables.sql").read_text()
    rows = 10_000 + changes  # as many as `work` asks for
    cluster.new_database("shop", f"{tables}; select fill('{table}', {rows}); create publication p for table {table}")
    cluster.sql(SLOT, database="shop")
    cluster.sql(f"call work('{table}', {changes}, {rows}, 'mixed')", database="shop")


def main(argv):
    loads = {"inventory": 600, "wide": 200}
    table, _, form = argv[0].partition("_") if len(argv) == 1 else ("", "", "")
    if argv != ["mixed"] and (table not in loads or form not in ("", "binary")):
        sys.exit(__doc__)
    with Cluster() as cluster:
        if table in loads:
            make_load(cluster, table, loads[table])
        else:
            make_mixed(cluster)
        print(record(cluster, "shop", HERE / f"{argv[0]}.stream", {"binary": "true"} if form else {}), "messages")


if __name__ == "__main__":
    main(sys.argv[1:])
