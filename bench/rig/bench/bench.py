"""Measure a PostgreSQL -> Kafka change data capture program (SUT) and the limits around it.

  bench snapshot [--table inventory] [--rows 1000000]    table already full -> all rows in the topic
  bench stream   [--table inventory] [--changes 1000000] backlog in the WAL -> all changes in the topic
  bench sink file|stdout|mirror|history                  the same backlog to a sink without Kafka, beside its halves
  bench memory transaction|rows|value|tables|wide-tables|away
                                                         the peak where others fail (5 M rows in a transaction, 1 MB rows, one of
                                                         100 MB, 5,000 tables, ten snapshots at once, Kafka away for 5 min)
  bench startup                                          process launch -> first record (10-row table)
  bench latency  [--rate 1000] [--for 30]                commit -> record received by a consumer
  bench growth rows|columns|tables|values|branches       time, CPU and memory as the work grows, and the exponent of their growth
  bench limits snapshot|stream                           what the machine allows without any SUT
Common: --sut NAME (bench/sut/NAME, default millrace), --runs N, --schemas (records with schemas),
--set KEY=VALUE (connector setting, repeatable), --label TEXT (kept in the result).
--beside (stream, snapshot): after each run the limits, on the same data: PostgreSQL alone (pg_recvlogical on
the same WAL, COPY of the same table), librdkafka alone with the run's own records (bench/limit), and the ratios.

PostgreSQL is $PG_PORT on loopback, Kafka is $KAFKA. Each run prints one JSON line and adds it to
$RIG_HOME/results.jsonl. A SUT is a folder with two executables:
  start CONFIG.json  start it detached on a Kafka Connect style document {"name":, "config":{}};
                     environment: KAFKA (bootstrap). Prints its pid, and on a second line, where
                     the process has to be up before it is given work, the time (epoch) it got it.
  stop               end it, and everything it started.
"seconds" counts from that moment to the last record in the topic; "seconds_total" from launch.
"""
import argparse, functools, os, re, statistics, subprocess, time
from confluent_kafka import TopicPartition
from databases import snapshot_db, sql, stream_db
from growth import growth
from growth_work import POINTS
from limits import beside, copy_alone, limits, recvlogical
from memory import KINDS, memory
from places import HOME, pg_tool
from sinks import sink
from sut import Sut, emit
from topics import consumer, sizes
from usage import cpu
from warm import warm

ONCE = ["exactly.once.support=required", "offset.storage.topic=bench_offsets", "offset.storage.partitions=1",
        "offset.storage.replication.factor=1"]


def timed(s, a, scenario, events, records, limits=None, **more):
    """Start the SUT, wait for its records, print the result line. `limits`: limits.beside without what this run makes."""
    try:
        warm()
        s.start()
        first, early, last = s.wait(records)
        use = s.usage()
        mean = sizes(s.topic, records)
        sec, mb = last - s.started, mean * records / 1e6
        if a.beside:
            s.halt()
            more.update(limits(events / sec, events, use["cpu_s_run"]))
        return emit(a, scenario, seconds=round(sec, 2), events=events, events_per_s=round(events / sec),
             mb_per_s=round(mb / sec, 1), steady_events_per_s=round(events * (records - early) / records / max(last - first, 0.02)),
             seconds_total=round(last - s.launched, 2), first_record_s=round(first - s.launched, 2),
             record_bytes=round(mean), schemas=a.schemas, shape=a.shape, **more, **use)
    finally:
        s.stop()


def snapshot(a):
    db = snapshot_db(a.table, a.rows)
    s = Sut(a, db, a.table, **{"snapshot.mode": "initial_only" if a.only else "initial"})
    limit = lambda: ("copy", copy_alone(db, a.table, "binary")[0])
    timed(s, a, "snapshot", a.rows, a.rows, functools.partial(beside, s, limit, 1), table=a.table)


def stream(a):
    db = stream_db(a.table, a.changes, a.shape)
    s = Sut(a, db, a.table, **{"snapshot.mode": "no_data", "publication.name": "p",
                               "publication.autocreate.mode": "disabled"})
    sql(db, "select pg_copy_logical_replication_slot(%s, %s)", db + "_master", s.name)
    # a delete is two records, the second a tombstone, unless the connector was told otherwise
    records = a.changes + (a.changes // 20 if s.config.get("tombstones.on.delete", "true") == "true" else 0)
    limit = lambda: ("pg_recvlogical", recvlogical(db)[0])
    return timed(s, a, "stream", a.changes, records, functools.partial(beside, s, limit, 0.6), table=a.table)


def startup(a):
    timed(Sut(a, snapshot_db("products", 10), "products", **{"snapshot.mode": "initial"}), a, "startup", 10, 10)


def latency(a):
    db = snapshot_db("products", 10)
    s = Sut(a, db, "products", **{"snapshot.mode": "no_data"})
    unmeasured, insert = 5, "insert into products(name, weight) values ('load', 1.5)"
    seen = {}
    uuid = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
    c = consumer(**{"fetch.wait.max.ms": 100, "auto.offset.reset": "earliest"})

    def drain(until):
        """Receive until until() is true."""
        while not until():
            m = c.poll(0.01)
            if m is not None and not m.error():
                now = time.time()
                seen.setdefault(uuid.search(m.key() or m.value())[0].decode(), (now, m.timestamp()[1] / 1000))
    try:
        warm()
        s.start()
        c.assign([TopicPartition(s.topic, 0, 0)])
        end = time.time() + 60                       # it streams as soon as a row comes through
        while not seen and time.time() < end:
            sql(db, insert)
            t = time.time() + 0.5
            drain(lambda: seen or time.time() > t)
        script = HOME / "run" / "insert.pgbench"
        script.write_text(insert + ";\n")
        before, begin = cpu(s.pid), time.time()
        load = subprocess.Popen([*pg_tool("pgbench", db)[:-2], "-n",
                                 "-f", script, "-R", str(a.rate), "-c", "8", "-j", "1", "-T", str(unmeasured + a.seconds),
                                 db], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        drain(lambda: load.poll() is not None)
        used = cpu(s.pid) - before
        rows = {r[0] for r in sql(db, "select id::text from products where pg_xact_commit_timestamp(xmin) > to_timestamp(%s)", begin)}
        total, end = len(seen) + len(rows - seen.keys()), time.time() + 60
        drain(lambda: len(seen) >= total or time.time() > end)
        rows = sql(db, "select id::text, extract(epoch from pg_xact_commit_timestamp(xmin))::float8 from products "
                   "where pg_xact_commit_timestamp(xmin) > to_timestamp(%s)", begin + unmeasured)
        got = sorted((seen[i][0] - t) * 1000 for i, t in rows if i in seen)
        stamp = sorted((seen[i][1] - t) * 1000 for i, t in rows if i in seen)
        at = lambda v, q: round(v[min(len(v) - 1, int(len(v) * q))], 1)
        use = s.usage()
        return emit(a, "latency", seconds=a.seconds, events=len(rows), lost=len(rows) - len(got),
             events_per_s=round(len(rows) / a.seconds), p50_ms=at(got, .5), p90_ms=at(got, .9), p99_ms=at(got, .99),
             max_ms=at(got, 1), kafka_ts_p50_ms=at(stamp, .5), kafka_ts_p99_ms=at(stamp, .99),
             cpu_s_load=round(used, 1), schemas=a.schemas, **use)
    finally:
        c.close()
        s.stop()
        sql(db, "delete from products where name = 'load'")
        sql(db, "vacuum products")


def repeat(a, scenario):
    for _ in range(a.runs):
        scenario(a)


def once(a, scenario):
    """A B A B …, so that both see the same machine."""
    given, label, lines = a.set, a.label, {"least": [], "once": []}
    for _ in range(a.runs):
        for kind, more in (("least", []), ("once", ONCE)):
            a.set, a.label = given + more, f"{label}{kind}"
            lines[kind].append(scenario(a))
    for field in ("seconds", "p50_ms", "p99_ms", "cpu_s", "cpu_s_run", "cpu_s_load", "kafka_cpu_s", "pg_cpu_s", "peak_rss_mb"):
        values = {kind: [line[field] for line in of] for kind, of in lines.items() if all(field in line for line in of)}
        if len(values) == 2:
            least, exactly = (statistics.median(v) for v in values.values())
            print(f"{field:12} at least once {least:8.2f}   exactly once {exactly:8.2f}   {100 * (exactly / least - 1):+6.1f} %   {values}")
    rates = [[line.get("steady_events_per_s", 0) for line in of] for of in lines.values()]
    ratios = [exactly / least for least, exactly in zip(*rates) if least]
    if ratios:
        print(f"exactly once / at least once, changes a second after the first ones: median {statistics.median(ratios):.2f} of "
              + ", ".join(f"{ratio:.2f}" for ratio in ratios))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("scenario", choices=["snapshot", "stream", "sink", "memory", "growth", "startup", "latency", "limits", "prepare"])
    p.add_argument("what", nargs="?", choices=["snapshot", "stream", "file", "stdout", "mirror", "history", *{**KINDS, **POINTS}])
    p.add_argument("--sut", default=os.environ.get("SUT", "millrace"))
    p.add_argument("--table", default="inventory", choices=["inventory", "products", "wide"])
    p.add_argument("--shape", default="mixed", choices=["mixed", "one", "single"], help="transactions of 100 changes, one of all, one a change")
    p.add_argument("--rows", type=int, default=1000000)
    p.add_argument("--changes", type=int, default=1000000)
    p.add_argument("--rate", type=int, default=1000)
    p.add_argument("--for", dest="seconds", type=int, default=30)
    p.add_argument("--runs", type=int, default=1)
    p.add_argument("--schemas", action="store_true")
    p.add_argument("--only", action="store_true", help="snapshot.mode=initial_only")
    p.add_argument("--beside", action="store_true", help="the limits after each run, and the ratios")
    p.add_argument("--once", action="store_true", help="each run beside one with exactly once, in turn; at last the medians of both")
    p.add_argument("--points", help="growth: other points, 1,2,5")
    p.add_argument("--to", default="stdout", choices=["stdout", "file", "kafka"], help="growth: the sink")
    p.add_argument("--keep", action="store_true", help="keep the topics")
    p.add_argument("--set", action="append", default=[])
    p.add_argument("--label", default="")
    a = p.parse_args()
    if a.scenario == "prepare":
        snapshot_db("products", 10), snapshot_db(a.table, a.rows), stream_db(a.table, a.changes)
    elif a.scenario == "limits":
        limits(a)
    else:
        (once if a.once else repeat)(a, globals()[a.scenario])


main()
