"""SIGKILL under load, DuckDB: the history is the audit exactly, the mirror is the tables, and `millrace verify` says so."""
import collections
import json

import duckdb

from support import warehouse
from support.audited import DUCK
from support.case import slow
from support.judges import by_key, judge_from_snapshot
from support.killer import AUDITED, LONG, SHORT, Held, KillCase

class KillDuckDb(KillCase):
    def setUp(self):
        super().setUp()
        self.path = self.folder / "w.duckdb"
        self.config = self.pipeline(DUCK, common=f'http.listen = "127.0.0.1:{self.http}"',
                                    source='table.include.list = ["public.stock", "public.freight", "public.loose", "public.bulk.*"]\ntable.refresh.interval.ms = 200\n'
                                           'snapshot.chunk.bytes = "256KiB"\n"snapshot.max.threads" = 2')

    def start_it(self):
        return self.start("run", self.config)

    def delivered(self, status):
        return next(branch["events"] for branch in status["branches"] if branch["name"] == "history")

    def freight_beyond(self, v):
        rows, records = warehouse.rows(self.path, "select count(distinct v), count(*) from freight_history where op in ('c', 'u') and v > ?", v)[0]
        return Held(rows, records, records)

    def run_kills(self, kills):
        audits = self.kill_under_load(kills)
        for table, audit in audits.items():
            self.judge_history(table, audit)
        for table, columns in {"stock": "id, v, body", "freight": "id, v, body", "loose": "v, body"}.items():
            query = f"select {columns} from {table}"
            self.assertEqual(sorted(warehouse.rows(self.path, query)), sorted(self.sql(query)), table)
        for number in range(self.bulks):
            self.assertEqual(warehouse.rows(self.path, f"select count(*), count(distinct id) from bulk{number}"), [(self.bulk_rows, self.bulk_rows)])
        self.verify_agrees_until_a_row_is_spoilt()
        self.tell(audits, doubled=0)

    def judge_history(self, table, audit):
        rows = warehouse.rows(self.path, f"select op, old_id, new_id, v from {table}_history order by lsn, seq")
        changes = [row for row in rows if row[0] != "r"]
        self.assertEqual([change for change, times in collections.Counter(changes).items() if times > 1][:3], [], f"{table}: doubled")
        reads = collections.Counter(row[2] for row in rows if row[0] == "r")
        self.assertEqual([key for key, times in reads.items() if times > 1][:3], [], f"{table}: in the snapshot twice")
        self.assertEqual(judge_from_snapshot({row[2]: [row[3]] for row in rows if row[0] == "r"}, by_key(changes), by_key(audit), self.first[table])[:3], [])

    def verify_agrees_until_a_row_is_spoilt(self):
        out = self.run_to_end("verify", self.config, limit=300)
        self.assertEqual(out.returncode, 0, out.stdout + out.stderr)
        table = self.random.choice(AUDITED)
        warehouse_file = duckdb.connect(str(self.path))
        changed = warehouse_file.execute(f"update {table} set v = v + 1 where id = (select max(id) from {table})").fetchone()[0]
        warehouse_file.close()
        self.assertEqual(changed, 1)
        out = self.run_to_end("verify", "--json", self.config, limit=300)
        self.assertEqual(out.returncode, 1, out.stdout + out.stderr)
        wrong = [(t["branch"], t["source"], t["different"]) for t in json.loads(out.stdout)["tables"] if t["missing"] or t["too_many"] or t["different"]]
        self.assertEqual(wrong, [("mirror", f"public.{table}", 1)])

    def test_duckdb(self):
        self.run_kills(SHORT)

    @slow
    def test_duckdb_long(self):
        self.run_kills(LONG)
