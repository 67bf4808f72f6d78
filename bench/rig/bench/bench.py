"""Measure a PostgreSQL -> Kafka change data capture program (SUT) and the limits around it.

  bench snapshot [--table inventory] [--rows 1000000]    table already full -> all rows in the topic
  bench stream   [--table inventory] [--changes 1000000] backlog in the WAL -> all changes in the topic
  bench startup                                          process launch -> first record (10-row table)
  bench latency  [--rate 1000] [--for 30]                commit -> record received by a consumer
  bench limits snapshot|stream|kafka                     what the machine allows without any SUT
Common: --sut NAME (bench/sut/NAME, default millrace), --runs N, --schemas (records with schemas),
--set KEY=VALUE (connector setting, repeatable), --label TEXT (kept in the result).

PostgreSQL is $PG_PORT on loopback, Kafka is $KAFKA. Each run prints one JSON line and adds it to
$RIG_HOME/results.jsonl. A SUT is a folder with two executables:
  start CONFIG.json  start it detached on a Kafka Connect style document {"name":, "config":{}};
                     environment: KAFKA (bootstrap). Prints its pid, and on a second line, where
                     the process has to be up before it is given work, the time (epoch) it got it.
  stop               end it, and everything it started.
"seconds" counts from that moment to the last record in the topic; "seconds_total" from launch.
"""
import argparse, json, os, re, subprocess, sys, time
from pathlib import Path
import psycopg2
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

HERE = Path(__file__).resolve().parent
HOME = Path(os.environ["RIG_HOME"])
KAFKA = os.environ["KAFKA"]
PG = dict(host=os.environ.get("PG_HOST", "127.0.0.1"), port=int(os.environ["PG_PORT"]), user="postgres")
TICK = os.sysconf("SC_CLK_TCK")
admin = AdminClient({"bootstrap.servers": KAFKA})


def say(*a):
    print("bench:", *a, file=sys.stderr, flush=True)


# ---- PostgreSQL ------------------------------------------------------------------------------

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


def stream_db(table, changes):
    """Base rows, publication p, slot DB_master, then the changes. Runs copy the slot, so that
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
        cur.execute("call work(%s, %s, %s)", (table, changes, base))
        cur.execute("set synchronous_commit = on")
        cur.execute("update meta set stop = pg_current_wal_insert_lsn()")
        cur.execute("insert into tail values (1)")    # something for pg_recvlogical to stop at
        con.close()
        sql(db, "checkpoint")
    return database(f"stream_{table}_{changes}", build)


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


# ---- /proc: what the processes used -----------------------------------------------------------

def stat(pid):
    f = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return int(f[1]), [int(x) / TICK for x in f[11:15]]     # parent, utime stime cutime cstime


def family(pid):
    parents = {}
    for p in os.listdir("/proc"):
        if p.isdigit():
            try:
                parents[int(p)] = stat(p)[0]
            except OSError:
                pass
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        todo += [c for c, p in parents.items() if p == found[-1]]
    return found


def cpu(pid):
    """CPU seconds of a process and its children, the ended (and reaped) ones too."""
    total = 0
    for p in family(pid):
        try:
            total += sum(stat(p)[1])
        except OSError:
            pass
    return total


def rss_mb(pid, field="VmHWM"):
    total = 0
    for p in family(pid):
        try:
            total += int(re.search(field + r":\s+(\d+)", Path(f"/proc/{p}/status").read_text())[1])
        except (OSError, TypeError):
            pass
    return round(total / 1024)


def machine_busy():
    f = [int(x) for x in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(f) - f[3] - f[4]) / TICK                    # all but idle and iowait


def rig_pid(name):
    try:
        return int((HOME / "run" / f"{name}.pid").read_text().split()[0])
    except OSError:
        return None


class Use:
    """CPU seconds of the SUT, PostgreSQL, Kafka and everything else between two moments."""
    def __init__(self):
        self.pids = {"pg": next(filter(None, map(rig_pid, ["pg15", "pg17", "pg18"])), None),
                     "kafka": rig_pid("kafka")}
        self.at = {k: cpu(p) for k, p in self.pids.items() if p}
        self.busy, self.t, self.me = machine_busy(), time.time(), cpu(os.getpid())

    def report(self, sut_cpu):
        out = {k + "_cpu_s": round(cpu(p) - self.at[k], 1) for k, p in self.pids.items() if p}
        wall = time.time() - self.t
        other = machine_busy() - self.busy - sum(out.values()) - sut_cpu - (cpu(os.getpid()) - self.me)
        # share of the machine that others used meanwhile: 0 is a quiet machine
        out["noise"] = round(max(0, other) / wall / os.cpu_count(), 2)
        return out


# ---- Kafka -----------------------------------------------------------------------------------

def new_topic(name):
    admin.create_topics([NewTopic(name, 1, 1)])[name].result()


def drop_topics(part):
    """Topics with this in their name: a run's own, and those a SUT made for itself under the run's name."""
    names = [t for t in admin.list_topics(timeout=10).topics if part in t]
    if names:
        for f in admin.delete_topics(names).values():
            f.result()


def consumer(**more):
    return Consumer({"bootstrap.servers": KAFKA, "group.id": "bench", "enable.auto.commit": False,
                     "enable.partition.eof": False, **more})


def sizes(topic, end, n=5000):
    """Mean key + value bytes of the records, from four places of the topic."""
    c, count, total = consumer(), 0, 0
    for place in range(4):
        c.assign([TopicPartition(topic, 0, end * place // 4)])
        for m in c.consume(min(n, end), 10):
            if not m.error():
                count, total = count + 1, total + len(m.key() or b"") + len(m.value() or b"")
    c.close()
    return total / max(count, 1)


# ---- SUT -------------------------------------------------------------------------------------

class Sut:
    def __init__(self, a, db, table, **config):
        self.a, self.dir = a, HERE / "sut" / a.sut
        self.name = f"b{int(time.time() * 10) % 10**9}"
        self.topic = f"{self.name}.public.{table}"
        self.db = db
        self.config = {
            "connector.class": "io.debezium.connector.postgresql.PostgresConnector", "tasks.max": "1",
            "database.hostname": PG["host"], "database.port": str(PG["port"]), "database.user": PG["user"],
            "database.password": "none", "database.dbname": db, "topic.prefix": self.name,
            "table.include.list": f"public.{table}", "plugin.name": "pgoutput", "slot.name": self.name,
            "publication.name": self.name, "publication.autocreate.mode": "filtered",
            "key.converter": "org.apache.kafka.connect.json.JsonConverter",
            "value.converter": "org.apache.kafka.connect.json.JsonConverter",
            "key.converter.schemas.enable": str(a.schemas).lower(),
            "value.converter.schemas.enable": str(a.schemas).lower(), **config}
        self.config.update(s.split("=", 1) for s in a.set)

    def start(self):
        new_topic(self.topic)
        file = HOME / "run" / f"{self.name}.json"
        file.write_text(json.dumps({"name": self.name, "config": self.config}, indent=1))
        self.use, self.launched = Use(), time.time()
        out = subprocess.run([self.dir / "start", file], stdout=subprocess.PIPE, check=True, text=True).stdout.split()
        self.pid, self.started = int(out[0]), float(out[1]) if len(out) > 1 else self.launched
        self.cpu0 = cpu(self.pid) if len(out) > 1 else 0

    def wait(self, records, limit=1200):
        """Until the topic has so many records: times of the first and the last one."""
        c, tp, first, last, moved = consumer(), TopicPartition(self.topic, 0), None, 0, time.time()
        try:
            while True:
                end, now = c.get_watermark_offsets(tp, timeout=10)[1], time.time()
                if end and not first:
                    first = now
                if end != last:
                    last, moved = end, now
                if end >= records:
                    return first, now
                if not os.path.exists(f"/proc/{self.pid}"):
                    raise RuntimeError(f"{self.a.sut} ended at {end} of {records} records")
                if now - moved > 120 or now - self.launched > limit:
                    raise RuntimeError(f"{self.a.sut} stuck at {end} of {records} records")
                time.sleep(0.02)
        finally:
            c.close()

    def usage(self):
        total = cpu(self.pid)
        return {"peak_rss_mb": rss_mb(self.pid), "end_rss_mb": rss_mb(self.pid, "VmRSS"), "cpu_s": round(total, 1), "cpu_s_run": round(total - self.cpu0, 1),
                **self.use.report(total)}

    def stop(self):
        subprocess.run([self.dir / "stop"], check=True, stdout=sys.stderr)
        drop_slots(self.db, self.name)
        sql(self.db, f"drop publication if exists {self.name}")
        if not self.a.keep:
            drop_topics(self.name)


def version(a):
    f = HERE / "sut" / a.sut / "version"
    return a.sut + "-" + subprocess.run([f], text=True, stdout=subprocess.PIPE).stdout.strip() if f.exists() else a.sut


def emit(a, scenario, **fields):
    line = {"scenario": scenario, "sut": version(a) if "sut" not in fields else fields.pop("sut")}
    if a.label:
        line["label"] = a.label
    line.update(fields)
    if line["sut"] != "limit":      # settings of the worker that are not the default
        line.update((k, os.environ[k]) for k in ("CONNECT_HEAP", "CONNECT_DISCOVERY") if k in os.environ)
    text = json.dumps(line)
    print(text, flush=True)
    with open(HOME / "results.jsonl", "a") as f:
        f.write(text + "\n")


def timed(s, a, scenario, events, records, **more):
    """Start the SUT, wait for its records, print the result line."""
    try:
        s.start()
        first, last = s.wait(records)
        use = s.usage()
        mean = sizes(s.topic, records)
        sec, mb = last - s.started, mean * records / 1e6
        emit(a, scenario, seconds=round(sec, 2), events=events, events_per_s=round(events / sec),
             mb_per_s=round(mb / sec, 1), steady_events_per_s=round(events / max(last - first, 0.02)),
             seconds_total=round(last - s.launched, 2), first_record_s=round(first - s.launched, 2),
             record_bytes=round(mean), schemas=a.schemas, **more, **use)
    finally:
        s.stop()


# ---- scenarios -------------------------------------------------------------------------------

def snapshot(a):
    db = snapshot_db(a.table, a.rows)
    timed(Sut(a, db, a.table, **{"snapshot.mode": "initial_only" if a.only else "initial"}), a,
          "snapshot", a.rows, a.rows, table=a.table)


def stream(a):
    db = stream_db(a.table, a.changes)
    s = Sut(a, db, a.table, **{"snapshot.mode": "no_data", "publication.name": "p",
                               "publication.autocreate.mode": "disabled"})
    sql(db, "select pg_copy_logical_replication_slot(%s, %s)", db + "_master", s.name)
    # a delete is two records, the second a tombstone, unless the connector was told otherwise
    records = a.changes + (a.changes // 20 if s.config.get("tombstones.on.delete", "true") == "true" else 0)
    timed(s, a, "stream", a.changes, records, table=a.table)


def startup(a):
    timed(Sut(a, snapshot_db("products", 10), "products", **{"snapshot.mode": "initial"}), a, "startup", 10, 10)


def latency(a):
    db = snapshot_db("products", 10)
    s = Sut(a, db, "products", **{"snapshot.mode": "no_data"})
    warm, insert = 5, "insert into products(name, weight) values ('load', 1.5)"
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
        load = subprocess.Popen(["pgbench", "-n", "-h", PG["host"], "-p", str(PG["port"]), "-U", PG["user"],
                                 "-f", script, "-R", str(a.rate), "-c", "8", "-j", "1", "-T", str(warm + a.seconds),
                                 db], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        drain(lambda: load.poll() is not None)
        used = cpu(s.pid) - before
        rows = {r[0] for r in sql(db, "select id::text from products where pg_xact_commit_timestamp(xmin) > to_timestamp(%s)", begin)}
        total, end = len(seen) + len(rows - seen.keys()), time.time() + 60
        drain(lambda: len(seen) >= total or time.time() > end)
        rows = sql(db, "select id::text, extract(epoch from pg_xact_commit_timestamp(xmin))::float8 from products "
                   "where pg_xact_commit_timestamp(xmin) > to_timestamp(%s)", begin + warm)
        got = sorted((seen[i][0] - t) * 1000 for i, t in rows if i in seen)
        stamp = sorted((seen[i][1] - t) * 1000 for i, t in rows if i in seen)
        at = lambda v, q: round(v[min(len(v) - 1, int(len(v) * q))], 1)
        use = s.usage()
        emit(a, "latency", seconds=a.seconds, events=len(rows), lost=len(rows) - len(got),
             events_per_s=round(len(rows) / a.seconds), p50_ms=at(got, .5), p90_ms=at(got, .9), p99_ms=at(got, .99),
             max_ms=at(got, 1), kafka_ts_p50_ms=at(stamp, .5), kafka_ts_p99_ms=at(stamp, .99),
             cpu_s_load=round(used, 1), schemas=a.schemas, **use)
    finally:
        c.close()
        s.stop()
        sql(db, "delete from products where name = 'load'")
        sql(db, "vacuum products")


# ---- limits ----------------------------------------------------------------------------------

def pg_tool(tool, db, *args):
    return [tool, "-h", PG["host"], "-p", str(PG["port"]), "-U", PG["user"], "-d", db, *args]


def clock(cmd, **kw):
    """Run a command: wall seconds, and CPU seconds of PostgreSQL, Kafka, others meanwhile."""
    use, t, mine = Use(), time.time(), os.times()
    subprocess.run(cmd, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **kw)
    sec, now = time.time() - t, os.times()
    used = now.children_user + now.children_system - mine.children_user - mine.children_system
    return sec, {"cpu_s": round(used, 1), **use.report(0)}


def count_bytes(cmd, db):
    p = subprocess.Popen(cmd, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    n = 0
    while b := p.stdout.read(1 << 20):
        n += len(b)
    p.wait()
    return n


def limit_line(a, name, sec, events, size, **more):
    emit(a, name, sut="limit", seconds=round(sec, 2), events=events, events_per_s=round(events / sec),
         mb_per_s=round(size / sec / 1e6, 1), **more)


def limits(a):
    if a.what == "snapshot":
        db = snapshot_db(a.table, a.rows)
        for form in "text", "binary":
            cmd = pg_tool("psql", db, "-qc", f"copy {a.table} to stdout (format {form})")
            size = count_bytes(cmd, db)
            for _ in range(a.runs):
                sec, use = clock(cmd)
                limit_line(a, f"limit-snapshot-copy-{form}", sec, a.rows, size, table=a.table, **use)
    if a.what == "stream":
        db = stream_db(a.table, a.changes)
        start, stop = sql(db, "select start, stop from meta")[0]
        wal = int(sql(db, "select %s::pg_lsn - %s::pg_lsn", stop, start)[0][0])
        for n in range(a.runs + 1):
            slot = f"limit{int(time.time() * 10) % 10**9}"
            sql(db, "select pg_copy_logical_replication_slot(%s, %s)", db + "_master", slot)
            cmd = pg_tool("pg_recvlogical", db, "-S", slot, "--start", "-P", "pgoutput", "-o", "proto_version=1",
                          "-o", "publication_names=p,p_tail", "-E", stop, "--no-loop", "-f", "-")
            if n == 0:
                size = count_bytes(cmd, db)            # not timed
            else:
                sec, use = clock(cmd)
                limit_line(a, "limit-stream-pg_recvlogical", sec, a.changes, size, table=a.table,
                           wal_mb=round(wal / 1e6), **use)
            drop_slots(db, slot)
    if a.what == "kafka":
        # records of the size that the SUT wrote: --size from its result line's record_bytes
        for _ in range(a.runs):
            new_topic("limit")
            try:
                out = subprocess.run([HERE.parent / "kafka", "tool", "org.apache.kafka.tools.ProducerPerformance", "--topic",
                    "limit", "--num-records", str(a.changes), "--record-size", str(a.size), "--throughput", "-1",
                    "--producer-props", "bootstrap.servers=" + KAFKA, "acks=all"],
                    check=True, text=True, stdout=subprocess.PIPE).stdout
                rate = float(re.findall(r"([\d.]+) records/sec", out)[-1])
                limit_line(a, "limit-kafka-java-producer", a.changes / rate, a.changes, a.changes * a.size, record_bytes=a.size)
            finally:
                drop_topics("limit")
        lines = HOME / "limit.lines"
        with open(lines, "wb") as f:
            body = (b'{"id":"%08d","text":"' + b"Lorem ipsum dolor sit amet " * (a.size // 27 + 1))
            for i in range(a.changes):
                f.write((body % i)[:a.size - 2] + b'"}\n')
        for _ in range(a.runs):
            new_topic("limit")
            try:
                sec, use = clock(["kcat", "-P", "-b", KAFKA, "-t", "limit", "-X", "linger.ms=5", "-X", "acks=all",
                                  "-X", "queue.buffering.max.messages=500000", "-l", lines])
                limit_line(a, "limit-kafka-librdkafka", sec, a.changes, a.changes * a.size, record_bytes=a.size, **use)
            finally:
                drop_topics("limit")
        lines.unlink()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("scenario", choices=["snapshot", "stream", "startup", "latency", "limits", "prepare"])
    p.add_argument("what", nargs="?", choices=["snapshot", "stream", "kafka"])
    p.add_argument("--sut", default="millrace")
    p.add_argument("--table", default="inventory", choices=["inventory", "products", "wide"])
    p.add_argument("--rows", type=int, default=1000000)
    p.add_argument("--changes", type=int, default=1000000)
    p.add_argument("--size", type=int, default=600)
    p.add_argument("--rate", type=int, default=1000)
    p.add_argument("--for", dest="seconds", type=int, default=30)
    p.add_argument("--runs", type=int, default=1)
    p.add_argument("--schemas", action="store_true")
    p.add_argument("--only", action="store_true", help="snapshot.mode=initial_only")
    p.add_argument("--keep", action="store_true", help="keep the topics")
    p.add_argument("--set", action="append", default=[])
    p.add_argument("--label", default="")
    a = p.parse_args()
    if a.scenario == "prepare":
        snapshot_db("products", 10), snapshot_db(a.table, a.rows), stream_db(a.table, a.changes)
    elif a.scenario == "limits":
        limits(a)
    else:
        for _ in range(a.runs):
            globals()[a.scenario](a)


main()
