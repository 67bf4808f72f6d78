"""What the machine allows without any system under test."""
import json, os, subprocess, time
from databases import drop_slots, snapshot_db, sql, stream_db
from places import KAFKA, pg_tool
from sut import emit
from topics import new_topic
from usage import Use
from warm import warm


def beside(s, limit, share, rate, events, cpu_s):
    """`limit`: PostgreSQL alone, (name, seconds). of_smaller: of that, or of `share` of librdkafka alone."""
    warm()
    name, sec = limit()
    for end in ("", ".paced"):
        new_topic(s.name + ".alone" + end)
    warm()
    alone = json.loads(subprocess.run([os.environ["PRODUCER_ALONE"], KAFKA, s.topic, s.name + ".alone"],
                                      check=True, text=True, stdout=subprocess.PIPE).stdout)
    best, cpu_alone = min((alone[way + "seconds"], alone[way + "cpu_s"]) for way in ("", "paced_"))     # the tombstones are in its time
    return {name + "_per_s": round(events / sec), "of_" + name: round(rate / (events / sec), 2),
            "librdkafka_per_s": round(events / best), "of_librdkafka": round(rate / (events / best), 2),
            "of_smaller": round(rate / min(events / sec, share * events / best), 2),
            "librdkafka_cpu_s": cpu_alone, "cpu_over_librdkafka_s": round(cpu_s - cpu_alone, 2)}


def clock(cmd, **kw):
    """Run a command: wall seconds, and CPU seconds of PostgreSQL, Kafka, others meanwhile."""
    use, t, mine = Use(), time.time(), os.times()
    subprocess.run(cmd, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **kw)
    sec, now = time.time() - t, os.times()
    used = now.children_user + now.children_system - mine.children_user - mine.children_system
    return sec, {"cpu_s": round(used, 1), **use.report(0)}


def count_bytes(cmd):
    p = subprocess.Popen(cmd, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    n = 0
    while b := p.stdout.read(1 << 20):
        n += len(b)
    p.wait()
    return n


def limit_line(a, name, sec, events, size, **more):
    emit(a, name, sut="limit", seconds=round(sec, 2), events=events, events_per_s=round(events / sec),
         mb_per_s=round(size / sec / 1e6, 1), **more)


def copy_command(db, table, form):
    return pg_tool("psql", db, "-qc", f"copy {table} to stdout (format {form})")


def copy_alone(db, table, form):
    return clock(copy_command(db, table, form))


def recvlogical(db, counts=False):
    """pg_recvlogical (text) over the WAL of the changes: seconds, use, MB of WAL; or (untimed) its bytes."""
    start, stop = sql(db, "select start, stop from meta")[0]
    slot = f"limit{int(time.time() * 10) % 10**9}"
    sql(db, "select pg_copy_logical_replication_slot(%s, %s)", db + "_master", slot)
    cmd = pg_tool("pg_recvlogical", db, "-S", slot, "--start", "-P", "pgoutput", "-o", "proto_version=1",
                  "-o", "publication_names=p,p_tail", "-E", stop, "--no-loop", "-f", "-")
    try:
        if counts:
            return count_bytes(cmd)
        return *clock(cmd), round(int(sql(db, "select %s::pg_lsn - %s::pg_lsn", stop, start)[0][0]) / 1e6)
    finally:
        drop_slots(db, slot)


def limits(a):
    if a.what == "snapshot":
        db = snapshot_db(a.table, a.rows)
        for form in "text", "binary":
            size = count_bytes(copy_command(db, a.table, form))
            for _ in range(a.runs):
                sec, use = copy_alone(db, a.table, form)
                limit_line(a, f"limit-snapshot-copy-{form}", sec, a.rows, size, table=a.table, **use)
    if a.what == "stream":
        db = stream_db(a.table, a.changes)
        size = recvlogical(db, counts=True)
        for _ in range(a.runs):
            sec, use, wal = recvlogical(db)
            limit_line(a, "limit-stream-pg_recvlogical", sec, a.changes, size, table=a.table, wal_mb=wal, **use)
