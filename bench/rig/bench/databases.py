"""The data of the workloads: made once, and used by every run."""
import time
import psycopg2
from places import HERE, PG, say


def sql(db, text, *args):
    con = psycopg2.connect(dbname=db, **PG)
    con.autocommit = True
    try:
        cur = con.cursor()
        cur.execute(text, args or None)
        return cur.fetchall() if cur.description else None
    finally:
        con.close()


def database(name, build):
    """Make database `name` once; build(name) fills it. A half made one is made again."""
    if sql("postgres", "select 1 from pg_database where datname = %s", name):
        if sql(name, "select to_regclass('ready')")[0][0]:
            return name
        drop_slots(name)
        sql("postgres", f"drop database {name} with (force)")
    say("making database", name)
    sql("postgres", f"create database {name}")
    sql(name, (HERE / "tables.sql").read_text())
    build(name)
    sql(name, "create table ready()")
    return name


def snapshot_db(table, rows):
    def build(db):
        sql(db, "set synchronous_commit = off; select fill(%s, %s)", table, rows)
        sql(db, f"vacuum (freeze, analyze) {table}")
        sql(db, "checkpoint")
    return database(f"snap_{table}_{rows}", build)


def stream_db(table, changes, shape="mixed"):
    """Base rows, publication p, slot DB_master, then the changes (shape: see tables.sql). Runs copy the slot, so that
    each of them, and the limit, decodes the same WAL from the same point."""
    def build(db):
        base = changes // 20 + 150000
        sql(db, "set synchronous_commit = off; select fill(%s, %s)", table, base)
        sql(db, f"vacuum (freeze, analyze) {table}")
        sql(db, "create table meta(start pg_lsn, stop pg_lsn, base bigint); create table tail(id int primary key)")
        sql(db, f"create publication p for table {table}")
        sql(db, "create publication p_tail for table tail")
        sql(db, "checkpoint")
        sql(db, "select pg_create_logical_replication_slot(%s, 'pgoutput')", db + "_master")
        sql(db, "insert into meta values (pg_current_wal_insert_lsn(), null, %s)", base)
        con = psycopg2.connect(dbname=db, **PG)
        con.autocommit = True
        cur = con.cursor()
        cur.execute("set synchronous_commit = off")
        cur.execute("call work(%s, %s, %s, %s)", (table, changes, base, shape))
        cur.execute("set synchronous_commit = on")
        cur.execute("update meta set stop = pg_current_wal_insert_lsn()")
        cur.execute("insert into tail values (1)")    # something for pg_recvlogical to stop at
        con.close()
        sql(db, "checkpoint")
    return database(f"stream_{table}_{changes}" + ("" if shape == "mixed" else "_" + shape), build)


def drop_slots(db, like="%"):
    for slot, pid in sql("postgres", "select slot_name, active_pid from pg_replication_slots "
                         "where database = %s and slot_name like %s", db, like):
        if pid:
            sql("postgres", "select pg_terminate_backend(%s)", pid)
        for _ in range(100):
            try:
                sql("postgres", "select pg_drop_replication_slot(%s)", slot)
                break
            except psycopg2.errors.ObjectInUse:
                time.sleep(0.1)
