"""What millrace needs of memory where others fail: its peak, while Kafka takes everything, and ten seconds after."""
import os, subprocess, threading, time
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from databases import database, drop_slots, sql, stream_db
from places import HERE, HOME, KAFKA, pg_tool
from sinks import STATUS, delivered
from sut import Sut, emit
from topics import admin, drop_topics, new_topic
from usage import rss_mb

AWAY_S = int(os.environ.get("AWAY_S", 300))


def new_database(name, build):
    """Made anew each time: the run changes it."""
    drop_slots(name)
    sql("postgres", f"drop database if exists {name} with (force)")
    return database(name, build)


def backlog(a, db, table, changes, **config):
    """The SUT on what has been changed since slot DB_master was made: until all is durable."""
    s = Sut(a, db, table, **{"snapshot.mode": "no_data", "publication.name": "p", "publication.autocreate.mode": "disabled",
                             "http.listen": STATUS, **config})
    sql(db, "select pg_copy_logical_replication_slot(%s, %s)", db + "_master", s.name)
    return s, changes


def snapshot(a, db, tables, changes, **config):
    return Sut(a, db, tables, **{"snapshot.mode": "initial", "http.listen": STATUS, **config}), changes


def transaction(a):
    changes = a.changes if a.changes != 1000000 else 5000000
    return backlog(a, stream_db("inventory", changes, "one"), "inventory", changes)


def with_values(name, rows, size):
    def build(db):
        sql(db, "create table blobs(id int primary key, body text)")
        sql(db, "alter table blobs alter body set storage external")
        sql(db, "create publication p for table blobs")
        sql(db, "select pg_create_logical_replication_slot(%s, 'pgoutput')", db + "_master")
        for n in range(rows):
            sql(db, "insert into blobs values (%s, repeat(%s, %s))", n, "0123456789", size // 10)
    return new_database(name, build)


def rows(a):
    return backlog(a, with_values("mem_rows", 300, 10**6), "blobs", 300, **{"producer.override.max.request.size": "3000000"})


def value(a):
    s, changes = backlog(a, with_values("mem_value", 1, 10**8), "blobs", 1, **{"producer.override.max.request.size": "104000000"})
    new_topic(s.topic)
    entry = ConfigEntry("max.message.bytes", "104000000", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, s.topic, incremental_configs=[entry])
    for done in admin.incremental_alter_configs([resource]).values():
        done.result()
    return s, changes


def tables(a):
    def build(db):
        for first in range(0, 5000, 500):
            sql(db, "".join(f"create table t{n}(id int primary key, v text); insert into t{n} values (1, 'x');" for n in range(first, first + 500)))
    return snapshot(a, new_database("mem_tables", build), "t.*", 5000)


def wide(a):
    def build(db):
        for n in range(10):
            sql(db, f"create table w{n} (like wide including all); insert into w{n} select r.* from generate_series(1, 100000) n, lateral wide_row(n) r")
    return snapshot(a, new_database("mem_wide", build), "w.*", 10 * 100000, **{"snapshot.max.threads": "10"})


def away(a):
    """Kafka stops while 1,000 rows a second are committed."""
    db = new_database("mem_away", lambda db: None)
    s, changes = snapshot(a, db, "products", 1000 * AWAY_S)

    def load():
        kafka = HERE.parent / "kafka"
        script = HOME / "run" / "insert.pgbench"
        script.write_text("insert into products(name, weight) values ('load', 1.5);\n")
        while delivered() is None:
            time.sleep(0.1)
        writer = subprocess.Popen([*pg_tool("pgbench", db)[:-2], "-n", "-f", script, "-R", "1000", "-c", "8", "-t", str(changes // 8), db],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        subprocess.run([kafka, "stop"], check=True, stdout=subprocess.DEVNULL)
        time.sleep(AWAY_S)
        subprocess.run([kafka, "start"], check=True, stdout=subprocess.DEVNULL)
        writer.wait()
    threading.Thread(target=load, daemon=True).start()
    return s, changes


KINDS = {"transaction": transaction, "rows": rows, "value": value, "tables": tables, "wide-tables": wide, "away": away}


def memory(a):
    s, changes = KINDS[a.what](a)
    try:
        s.start(makes_topic=a.what in ("transaction", "rows", "away"))
        while (delivered() or 0) < changes:
            if not os.path.exists(f"/proc/{s.pid}") or time.time() - s.launched > 1200:
                raise RuntimeError(f"{a.sut} ended or is stuck at {delivered()} of {changes} changes")
            time.sleep(0.1)
        sec = time.time() - s.launched
        time.sleep(10)
        emit(a, "memory", what=a.what, events=changes, seconds=round(sec, 1), after_10_s_mb=rss_mb(s.pid, "VmRSS"), **s.usage())
    finally:
        s.stop()
        drop_topics(s.name)
