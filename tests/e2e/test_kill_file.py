"""SIGKILL under load, the file sink: every change exactly once, in order, no torn line."""
import collections
import json

from support.case import slow
from support.judges import Events, judge_events
from support.killer import LONG, SHORT, Held, KillCase

BRANCH = """
[branch.lines.sink]
type = "file"
file.path = "$FOLDER/lines.jsonl"
"""


class KillFile(KillCase):
    def setUp(self):
        super().setUp()
        self.path = self.folder / "lines.jsonl"
        self.config = self.pipeline(BRANCH, common=f'http.listen = "127.0.0.1:{self.http}"',
                                    source='table.include.list = ["public.stock", "public.freight", "public.bulk.*"]\ntable.refresh.interval.ms = 200\n'
                                           'snapshot.chunk.bytes = "256KiB"\n"snapshot.max.threads" = 3')

    def start_it(self):
        return self.start("run", self.config)

    def durable(self):
        return json.loads((self.folder / "lines.jsonl.progress").read_text())["length"]

    def large_begins(self):
        self.begins = self.durable()  # what is behind it may be cut off and written again

    def freight_beyond(self, v):
        found, kept, durable = set(), 0, self.durable()
        with open(self.path, "rb") as lines:
            lines.seek(self.begins)
            place = self.begins
            for line in lines:  # a kill may leave a torn one at the end
                place += len(line)
                if not line.startswith(b'{"topic":"shop.public.freight"') or not line.endswith(b"\n"):
                    continue
                value = json.loads(line)["value"]
                if value and value["op"] in "cu" and value["after"]["v"] > v:
                    found.add(value["after"]["v"])
                    kept += place <= durable
        return Held(len(found), len(found), kept)

    def records(self):
        """By table (key, value). A torn line would be no JSON."""
        out = collections.defaultdict(list)
        with open(self.path, encoding="utf-8") as lines:
            for line in lines:
                record = json.loads(line)
                out[record["topic"].rsplit(".", 1)[1]].append((record["key"]["id"], record["value"]))
        return out

    def run_kills(self, kills):
        audits, records = self.kill_under_load(kills), self.records()
        for table, audit in audits.items():
            events = Events(records[table])
            self.assertEqual(judge_events(events, audit, self.first[table], once=True)[:3], [], table)
        for number in range(self.bulks):
            ids = [(key, value["source"]["lsn"]) for key, value in records[f"bulk{number}"]]
            self.assertEqual({key for key, _ in ids}, set(range(1, self.bulk_rows + 1)), f"bulk{number}")
            self.assertEqual(len(ids), len(set(ids)), f"bulk{number}: doubled in one snapshot")
        self.tell(audits, doubled=0)

    def test_file(self):
        self.run_kills(SHORT)

    @slow
    def test_file_long(self):
        self.run_kills(LONG)
