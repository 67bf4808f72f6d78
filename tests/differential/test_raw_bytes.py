"""Debezium on Kafka Connect and millrace read the same changes through two slots, the second a copy of the first, into
topics of six partitions on two brokers: every byte of key, value and headers and the partition of every keyed record
must be the same, after masking in place what cannot be: the envelope's ts_ms, ts_us, ts_ns (when the event was made),
source.version and the first event's sequence[0].

Needs Java, Maven and about 3 GB of memory: only in ./test slow.
"""
import json
import os
import pathlib
import re
import subprocess
import urllib.request

from support import kafka, waiting
from support.case import ServerCase, slow
from support.kafka import Broker

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TABLES = ["inventory", "products", "lines", "wide", "by_index", "sentinel"]
PREFIX = "debezium_multicloud"
PROCESSED = re.compile(rb'"ts_ms":\d{13},"ts_us":\d{16},"ts_ns":\d{19}\}')
VERSION = re.compile(rb'"source":\{"version":"[^"]*"')
FIRST_SEQUENCE = re.compile(rb'"sequence":"\[(null|\\"\d+\\"),')


class Connect:
    """A real Kafka Connect worker with Debezium's connector, from the rig."""

    def __init__(self, broker):
        home = os.environ.get("RIG_HOME", str(ROOT / ".deps/rig"))
        self.port = waiting.free_port()
        self.env = {**os.environ, "RIG_HOME": home, "KAFKA": broker, "CONNECT_PORT": str(self.port), "CONNECT_GROUP": "raw"}

    def rig(self, *command):
        subprocess.run([str(ROOT / "bench/rig" / command[0]), *command[1:]], env=self.env, check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL)

    def __enter__(self):
        self.rig("fetch")
        self.rig("connect", "start")
        return self

    def __exit__(self, *_):
        self.rig("connect", "stop")

    def call(self, method, path, body=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method, data=body and json.dumps(body).encode(),
                                         headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=90) as answer:
            return answer.read()


def mask(value, first):
    if value is None:
        return None
    value = PROCESSED.sub(b'"ts_ms":0,"ts_us":0,"ts_ns":0}', value)
    value = VERSION.sub(b'"source":{"version":""', value)
    return FIRST_SEQUENCE.sub(b'"sequence":"[0,', value) if first else value


def comparable(records, first_lsn):
    """(partition, key, value, headers) of each record; what has no key counts without its partition."""
    out = []
    for r in records:
        first = r.value() is not None and first_lsn in r.value()
        out.append((r.partition() if r.key() is not None else -1, r.key(), mask(r.value(), first), r.headers()))
    return out


def lowest_lsn(all_records):
    lsns = [int(found[1]) for records in all_records.values() for r in records if r.value()
            for found in [re.search(rb'"txId":\d+,"lsn":(\d+)', r.value())] if found]
    return b'"lsn":%d,' % min(lsns)


class RawBytes(ServerCase):
    @slow
    def test_debezium_and_millrace_write_the_same_bytes(self):
        self.sql((HERE / "workload.sql").read_text())
        names = ", ".join(TABLES)
        with Broker() as theirs, Broker() as ours, Connect(theirs.address) as connect:
            for schemas in ("false", "true"):
                with self.subTest(schemas=schemas):
                    first, second = f"dbz_{schemas}", f"mr_{schemas}"
                    self.sql(f"drop publication if exists p; create publication p for table {names}; truncate {names}")
                    self.sql("select pg_create_logical_replication_slot(%s, 'pgoutput')", first)
                    self.sql("select pg_copy_logical_replication_slot(%s, %s)", first, second)
                    self.cluster.sql("call work()", database=self.database)
                    self.sql("insert into sentinel values (1)")
                    prefix = f"{PREFIX}_{schemas}"
                    for broker in (theirs, ours):
                        for table in TABLES:
                            kafka.create_topic(broker.address, f"{prefix}.public.{table}", 6)
                    self.compare(theirs, ours, connect, prefix, schemas, first, second)

    def config(self, prefix, schemas, slot):
        more = {f"{part}.converter": "org.apache.kafka.connect.json.JsonConverter" for part in ("key", "value")}
        more |= {f"{part}.converter.schemas.enable": schemas for part in ("key", "value")}
        path = self.connector(**{"topic.prefix": prefix, "slot.name": slot, "publication.name": "p", "publication.autocreate.mode": "disabled",
                                 "snapshot.mode": "no_data", "table.include.list": ",".join(f"public.{t}" for t in TABLES),
                                 "tasks.max": "1", **more})
        return path, json.loads(path.read_text())

    def compare(self, theirs, ours, connect, prefix, schemas, first, second):
        _, config = self.config(prefix, schemas, first)
        config.pop("offset.storage.file.filename")
        name = f"dbz-{schemas}"
        connect.call("PUT", f"/connectors/{name}/config", {**config, "name": name})
        topic = f"{prefix}.public.sentinel"
        waiting.until("Debezium's last record", lambda: kafka.count(theirs.address, topic) >= 1, 300)
        connect.call("DELETE", f"/connectors/{name}")
        path, _ = self.config(prefix, schemas, second)
        with self.start("run", path, "--to", "kafka", "--set", f"bootstrap.servers={ours.address}") as child:
            child.until("millrace's last record", lambda: kafka.count(ours.address, topic) >= 1, 300)
            self.assertEqual(child.stop(60), 0, child.stderr())  # those of other partitions may still be on their way
        total = 0
        expected = {table: kafka.read(theirs.address, f"{prefix}.public.{table}") for table in TABLES}
        actual = {table: kafka.read(ours.address, f"{prefix}.public.{table}") for table in TABLES}
        for table in TABLES:
            want, have = comparable(expected[table], lowest_lsn(expected)), comparable(actual[table], lowest_lsn(actual))
            if table == "inventory":  # no key: theirs are spread over the partitions, ours stay in one, in order
                want, have = sorted(want, key=repr), sorted(have, key=repr)
            self.assertEqual(len(have), len(want), table)
            for number, (a, b) in enumerate(zip(want, have)):
                self.assertEqual(b, a, f"{table}, record {number}")
            total += len(want)
        print(f"     {total} records of {len(TABLES)} tables are the same, schemas.enable={schemas}", flush=True)
