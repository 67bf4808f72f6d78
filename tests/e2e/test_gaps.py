"""Never a silent gap (I10): what was moved, restored, exchanged or taken away behind our back stops the start with its cure, and
snapshot.mode=when_needed is that cure."""
import json
import shutil
import signal
import time

import duckdb

from support import waiting, warehouse
from support.case import ServerCase
from support.disk import SmallDisk
from support.postgres import Cluster
from support.tcp_proxy import Proxy

SOURCE = 'table.include.list = ["public.stock"]\n'
MIRROR = '[branch.mirror]\n[branch.mirror.sink]\ntype = "duckdb"\nduckdb.file = "$FOLDER/mirror.duckdb"\nduckdb.mode = "mirror"\n'
LINES = '[branch.lines]\n[branch.lines.sink]\ntype = "file"\nfile.path = "$FOLDER/lines.jsonl"\nfile.format = "value"\n'
NEEDED = ("--set", "source.snapshot.mode=when_needed")
TABLE = "create table stock(id int primary key, v int not null)"


class Gaps(ServerCase):
    settings = {"max_slot_wal_keep_size": "16MB", "min_wal_size": "32MB", "max_wal_size": "64MB"}

    def setUp(self):
        super().setUp()
        self.sql(TABLE)
        self.sql("insert into stock select g, 0 from generate_series(1, 20) g")
        self.config = self.pipeline(MIRROR + LINES, source=SOURCE)

    def delivers(self, *args, config=None, prefix=()):
        """One run that catches up and ends well; what it said."""
        child = self.streaming(self.start("run", config or self.config, *args, prefix=prefix))
        self.wait_confirmed(child)
        self.assertEqual(child.stop(), 0, child.stderr())
        return child.stderr()

    def changes(self):
        """What happens while nothing runs: also a row that goes."""
        self.sql("update stock set v = v + 1 where id < 10; delete from stock where id = (select max(id) from stock)")

    def stops(self, *words):
        """The start stops with 4 and these words; so says check. Nothing is written."""
        before = self.state()
        out = self.run_to_end("run", self.config)
        self.assertEqual(out.returncode, 4, out.stderr)
        for word in (*words, self.slot, "snapshot.mode=when_needed"):
            self.assertIn(word, out.stderr)
        check = self.run_to_end("check", self.config, "--json")
        self.assertEqual(check.returncode, 1, check.stdout)
        messages = [finding["message"] for finding in json.loads(check.stdout)["findings"]]
        for word in words:
            self.assertTrue(any(word in message for message in messages), messages)
        self.assertEqual(self.state(), before)

    def state(self):
        return self.mirrored(), (self.folder / "lines.jsonl").read_text()

    def mirrored(self):
        return sorted(warehouse.rows(self.folder / "mirror.duckdb", "select id, v from stock"))

    def lines(self):
        """The events; without tombstones."""
        return [json.loads(line) for line in (self.folder / "lines.jsonl").read_text().splitlines() if line != "null"]

    def folded(self):
        """The table as the lines give it, from the last snapshot on."""
        state = {}
        for value in self.lines():
            if value["source"]["snapshot"] == "first":
                state = {}
            if value["op"] == "d":
                state.pop(value["before"]["id"], None)
            else:
                state[value["after"]["id"]] = value["after"]["v"]
        return sorted(state.items())

    def complete(self):
        due = sorted(self.sql("select id, v from stock"))
        self.assertEqual(self.mirrored(), due)
        self.assertEqual(self.folded(), due)

    def reads(self):
        return sum(value["op"] == "r" for value in self.lines())

    def test_the_slot_is_dropped_and_made_again(self):
        self.delivers()
        self.changes()
        self.cluster.sql("select pg_drop_replication_slot(%s)", self.slot)
        self.sql("select pg_create_logical_replication_slot(%s, 'pgoutput')", self.slot)
        self.stops("beyond the progress")
        self.assertIn("a new snapshot is needed", self.delivers(*NEEDED))
        self.complete()

    def test_the_slot_is_advanced_by_hand(self):
        self.delivers()
        self.changes()
        self.sql("select pg_replication_slot_advance(%s, pg_current_wal_lsn())", self.slot)
        self.stops("beyond the progress")
        self.delivers(*NEEDED)
        self.complete()

    def fill_the_log(self):
        """Until the server has let the slot's WAL go."""
        self.sql("create table if not exists filler(t text); alter table filler alter t set storage external")
        def lost():
            self.sql("insert into filler select repeat('x', 1000000) from generate_series(1, 16)")
            self.cluster.sql("select pg_switch_wal()")
            self.cluster.sql("checkpoint")
            return self.slot_row("wal_status") == ("lost",)
        waiting.until("the slot is lost", lost)

    def test_the_slot_is_invalidated_while_nothing_runs(self):
        self.delivers()
        self.changes()
        self.fill_the_log()
        self.stops("is lost", "max_slot_wal_keep_size")
        self.delivers(*NEEDED)
        self.complete()

    def test_the_slot_is_invalidated_while_a_sink_is_away(self):
        (self.folder / "disk").mkdir()
        lines = LINES.replace("lines.jsonl", "disk/lines.jsonl")
        config = self.pipeline(lines, source=SOURCE)
        with SmallDisk(self.folder / "disk", megabytes=8) as disk:
            child = self.streaming(self.start("run", config, prefix=disk.prefix))
            self.wait_confirmed(child)
            disk.fill()
            self.sql("insert into stock select g, 1 from generate_series(100, 5000) g")
            child.until("the sink waits", lambda: "No space left" in child.stderr())
            self.fill_the_log()
            self.assertEqual(child.wait(120), 4, child.stderr()[-3000:])
            for word in ("is lost", "max_slot_wal_keep_size", "snapshot.mode=when_needed"):
                self.assertIn(word, child.stderr())
            disk.free()
            self.delivers(*NEEDED, config=config, prefix=disk.prefix)
            shutil.copy(disk.seen("lines.jsonl"), self.folder / "lines.jsonl")
        self.assertEqual(self.folded(), sorted(self.sql("select id, v from stock")))

    def test_a_sink_is_restored_from_yesterday(self):
        self.delivers()
        kept = {name: (self.folder / name).read_bytes() for name in ("mirror.duckdb", "lines.jsonl", "lines.jsonl.progress")}
        self.changes()
        self.delivers()
        (self.folder / "mirror.duckdb").write_bytes(kept["mirror.duckdb"])
        self.stops("beyond the progress", "branch 'mirror'")
        reads = self.reads()
        self.delivers(*NEEDED)
        self.complete()
        self.assertEqual(self.reads(), reads, "the other branch had all and got a snapshot")
        for name in ("lines.jsonl", "lines.jsonl.progress"):
            (self.folder / name).write_bytes(kept[name])
        self.stops("beyond the progress", "branch 'lines'")
        self.delivers(*NEEDED)
        self.complete()

    def exchanged_while_away(self, branch, files, exchange):
        """The sink's disk is full; meanwhile `exchange` does something to its files. Ends with 4; gives the disk, with room again."""
        (self.folder / "disk").mkdir()
        self.config = self.pipeline(branch.replace("$FOLDER/", "$FOLDER/disk/"), source=SOURCE)
        disk = self.enterContext(SmallDisk(self.folder / "disk", megabytes=8))
        self.delivers(prefix=disk.prefix)
        kept = {name: disk.seen(name).read_bytes() for name in files if disk.seen(name).exists()}
        child = self.streaming(self.start("run", self.config, prefix=disk.prefix))
        self.changes()
        self.wait_confirmed(child)
        disk.fill()
        self.sql("insert into stock select g, 1 from generate_series(100, 20000) g")
        child.until("the sink waits", lambda: "No space left" in child.stderr())
        child.process.send_signal(signal.SIGSTOP)  # all of it at once, as the sink sees it
        disk.free()
        for name in files:
            disk.seen(name).unlink(missing_ok=True)
        exchange(disk, kept)
        child.process.send_signal(signal.SIGCONT)
        self.assertEqual(child.wait(60), 4, child.stderr()[-3000:])
        self.assertIn("removed or restored", child.stderr())
        self.assertIn("snapshot.mode=when_needed", child.stderr())
        return disk

    def test_a_warehouse_is_removed_while_it_is_away(self):
        disk = self.exchanged_while_away(MIRROR, ("mirror.duckdb", "mirror.duckdb.wal"), lambda *_: None)
        self.delivers(prefix=disk.prefix)  # an empty one gets a snapshot
        shutil.copy(disk.seen("mirror.duckdb"), self.folder)
        self.assertEqual(self.mirrored(), sorted(self.sql("select id, v from stock")))

    def test_a_file_is_restored_from_yesterday_while_it_is_away(self):
        def restore(disk, kept):
            for name, content in kept.items():
                disk.seen(name).write_bytes(content)
        disk = self.exchanged_while_away(LINES, ("lines.jsonl", "lines.jsonl.progress"), restore)
        again = self.run_to_end("run", self.config, prefix=disk.prefix)
        self.assertEqual(again.returncode, 4, again.stderr)
        self.assertIn("beyond the progress", again.stderr)
        self.sql("delete from stock where id > 300")  # the rest has room
        self.delivers(*NEEDED, prefix=disk.prefix)
        shutil.copy(disk.seen("lines.jsonl"), self.folder)
        self.assertEqual(self.folded(), sorted(self.sql("select id, v from stock")))

    def test_offsets_that_another_sink_has_left_are_not_the_warehouses(self):
        self.config = self.pipeline(MIRROR, source=SOURCE)
        self.delivers("--to", "stdout")
        self.assertTrue(list((self.folder / "state").glob("*.offsets")))
        with duckdb.connect(str(self.folder / "mirror.duckdb")):
            child = self.start("run", self.config)
            child.until("it waits for the file", lambda: "open in another process" in child.stderr())
            time.sleep(7)  # after 5 s a sink whose place is known would be begun without
            self.changes()
        self.streaming(child)
        self.wait_confirmed(child)
        self.assertEqual(child.stop(), 0, child.stderr())
        self.assertEqual(self.mirrored(), sorted(self.sql("select id, v from stock")))

    def test_a_branch_that_was_taken_out_does_not_hold_the_slot_and_comes_back_with_a_word(self):
        self.delivers()
        self.changes()
        alone = self.pipeline(MIRROR, source=SOURCE, file="alone.toml")
        before = self.slot_row("confirmed_flush_lsn")
        child = self.streaming(self.start("run", alone))
        for _ in range(5):
            self.changes()
        self.wait_confirmed(child)
        self.assertEqual(child.stop(), 0, child.stderr())
        self.assertNotEqual(self.slot_row("confirmed_flush_lsn"), before)
        self.stops("beyond the progress", "branch 'lines'")
        self.delivers(*NEEDED)
        self.complete()

    def test_another_server_behind_the_same_address(self):
        with Cluster() as other, Proxy(self.cluster.port) as proxy:
            text = self.config.read_text()
            self.config.write_text(text.replace(f"database.port = {self.cluster.port}", f"database.port = {proxy.port}"))
            self.delivers()
            self.changes()
            other.new_database(self.database)
            other.sql(TABLE, database=self.database)
            other.sql("insert into stock values (7, 700)", database=self.database)
            other.sql("select pg_create_logical_replication_slot(%s, 'pgoutput')", self.slot, database=self.database)
            proxy.target = other.port
            self.stops("another server", "system identifier")
            child = self.start("run", self.config, *NEEDED)
            child.until("it has the other's rows", lambda: '"v":700' in (self.folder / "lines.jsonl").read_text())
            self.assertEqual(child.stop(), 0, child.stderr())
            self.assertEqual(self.mirrored(), [(7, 700)])

    def test_another_database_of_the_same_server(self):
        self.delivers()
        other = self.cluster.new_database("other_" + self.name)
        self.addCleanup(self.cluster.drop_database, other)
        self.cluster.sql(TABLE, database=other)
        text = self.config.read_text()
        self.config.write_text(text.replace(f'database.dbname = "{self.database}"', f'database.dbname = "{other}"'))
        out = self.run_to_end("run", self.config)
        self.assertNotEqual(out.returncode, 0)
        self.assertIn(f"belongs to the database {self.database}", out.stderr)
