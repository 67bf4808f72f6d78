"""The memory of the release build with what memory.max is by itself: a snapshot and one large transaction to Kafka. The whole range: scripts/bench memory."""
import os
import pathlib
import re
import unittest
from unittest import mock

from support import kafka
from support.case import ServerCase

RELEASE = pathlib.Path(__file__).resolve().parents[2] / "build/release/millrace"
ROWS = 200_000
ALLOWED_MB = 64


@unittest.skipUnless(RELEASE.exists() or "CI" in os.environ, f"no {RELEASE}; scripts/build makes it")
class Footprint(ServerCase):
    needs_kafka = True

    def test_a_snapshot_and_a_large_transaction_need_no_more_than_64_mb(self):
        rows = "select g, 'article ' || g, repeat('x', 100), now() from generate_series(%s, %s) g"
        self.sql("create table article(id int primary key, name text, body text, at timestamptz)")
        self.sql("insert into article " + rows, 1, ROWS)
        prefix = f"f{self.cluster.port}_{self.name}"
        config = self.connector(**{"topic.prefix": prefix, "table.include.list": "public.article"})
        with mock.patch.dict(os.environ, {"MILLRACE": str(RELEASE)}):
            child = self.start("run", config, "--to", "kafka", "--set", f"bootstrap.servers={self.kafka}")
        with self.streaming(child):
            self.sql("insert into article " + rows, ROWS + 1, 2 * ROWS)
            child.until("all records", lambda: kafka.count(self.kafka, f"{prefix}.public.article") >= 2 * ROWS, 120)
            peak = int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{child.process.pid}/status").read_text())[1]) / 1024
            print(f"     {peak:.0f} MB at its highest for {2 * ROWS} rows")
            self.assertLess(peak, ALLOWED_MB)
