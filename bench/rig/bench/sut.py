"""A system under test: started, watched, ended; and the line that says how it went."""
import json, os, subprocess, sys, time
from confluent_kafka import TopicPartition
from databases import drop_slots, sql
from places import HERE, HOME, PG
from topics import consumer, drop_topics, new_topic
from usage import MemoryCurve, Use, cpu, rss_mb


class Sut:
    def __init__(self, a, db, table, **config):
        self.a, self.dir = a, HERE / "sut" / a.sut
        self.name = f"b{int(time.time() * 10) % 10**9}"
        self.topic = f"{self.name}.public.{table}"
        self.db, self.more, self.curve = db, [], None   # more: arguments for the SUT's start
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

    def start(self, makes_topic=True):
        if makes_topic:
            new_topic(self.topic)
        name, text = self.document()
        file = HOME / "run" / name
        file.write_text(text)
        self.use, self.launched = Use(), time.time()
        out = subprocess.run([self.dir / "start", file, *self.more], stdout=subprocess.PIPE, check=True, text=True).stdout.split()
        self.pid, self.started = int(out[0]), float(out[1]) if len(out) > 1 else self.launched
        self.cpu0 = cpu(self.pid) if len(out) > 1 else 0
        self.curve = MemoryCurve(self.pid)

    def document(self):
        """Name and text of the configuration file."""
        return f"{self.name}.json", json.dumps({"name": self.name, "config": self.config}, indent=1)

    def wait(self, records, limit=1200):
        """Until the topic has so many records: when the first ones could be read, how many those were, and when the last.
        Asks rarely in between: what the bench uses, the program lacks."""
        c, tp, first, early, last, moved = consumer(), TopicPartition(self.topic, 0), None, 0, 0, time.time()
        try:
            while True:
                end, now = c.get_watermark_offsets(tp, timeout=10)[1], time.time()
                if end and not first:
                    first, early = now, end
                if end != last:
                    last, moved = end, now
                if end >= records:
                    return first, early, now
                if not os.path.exists(f"/proc/{self.pid}"):
                    raise RuntimeError(f"{self.a.sut} ended at {end} of {records} records")
                if now - moved > 120 or now - self.launched > limit:
                    raise RuntimeError(f"{self.a.sut} stuck at {end} of {records} records")
                time.sleep(0.2 if first and end < 0.9 * records else 0.02)
        finally:
            c.close()

    def usage(self):
        total = cpu(self.pid)
        return {"peak_rss_mb": rss_mb(self.pid), "end_rss_mb": rss_mb(self.pid, "VmRSS"), "cpu_s": round(total, 2), "cpu_s_run": round(total - self.cpu0, 2),
                **self.use.report(total)}

    def halt(self):
        if self.curve:
            with open(HOME / "memory.jsonl", "a") as f:
                f.write(json.dumps({"run": self.name, "sut": self.a.sut, "scenario": self.a.scenario, "what": self.a.what, "label": self.a.label, "mb": self.curve.stop()}) + "\n")
            self.curve = None
        subprocess.run([self.dir / "stop"], check=True, stdout=sys.stderr)

    def stop(self):
        self.halt()
        drop_slots(self.db, self.name)
        sql(self.db, f"drop publication if exists {self.name}")
        if not self.a.keep:
            drop_topics(self.name)


def commit():
    return subprocess.run(["git", "-C", HERE, "describe", "--always", "--dirty", "--abbrev=10"], text=True, stdout=subprocess.PIPE).stdout.strip()


def version(a):
    f = HERE / "sut" / a.sut / "version"
    return a.sut + "-" + subprocess.run([f], text=True, stdout=subprocess.PIPE).stdout.strip() if f.exists() else a.sut


def emit(a, scenario, **fields):
    line = {"scenario": scenario, "sut": version(a) if "sut" not in fields else fields.pop("sut"), "commit": commit(), "at": int(time.time())}
    if a.label:
        line["label"] = a.label
    if a.set:
        line["set"] = a.set
    line.update(fields)
    if line["sut"] != "limit":      # settings of the worker that are not the default
        line.update((k, os.environ[k]) for k in ("CONNECT_HEAP", "CONNECT_DISCOVERY") if k in os.environ)
    text = json.dumps(line)
    print(text, flush=True)
    with open(HOME / "results.jsonl", "a") as f:
        f.write(text + "\n")
    return line
