"""Running it: signals and exit codes, the HTTP listener, logs, restarts of the server, idle databases."""
import json

from support import waiting
from support.case import ServerCase, ops
from support.program import http_get

TABLE = "create table article(id int primary key, name text)"


class Operation(ServerCase):
    settings = {"wal_sender_timeout": "3s"}

    def running(self, *args, **more):
        self.sql(TABLE)
        return self.streaming(self.to_stdout(self.connector(**{"table.include.list": "public.article", **more}), *args))

    def test_sigterm_drains_confirms_and_exits_0(self):
        with self.running() as child:
            self.sql("insert into article select g, 'n' from generate_series(1, 1000) g")
            self.assertEqual(child.stop(), 0, child.stderr())
            self.assertFalse(self.slot_row("active")[0])
            count = len(child.lines)
        with self.streaming(self.to_stdout(self.folder / "connector.json")) as child:
            child.until("the rest", lambda: count + len(child.lines) >= 1000)
            self.wait_confirmed(child)
            self.assertEqual(count + len(child.lines), 1000)

    def test_idle_database_does_not_hold_the_wal(self):
        with self.running() as child:
            self.sql("insert into article values (1, 'x')")
            child.wait_records(1)
            self.wait_confirmed(child)
            other = self.cluster.new_database("busy_elsewhere", "create table w(x text)")
            self.addCleanup(self.cluster.drop_database, other)
            for _ in range(3):
                self.cluster.sql("insert into w select repeat('y', 1000) from generate_series(1, 2000)", database=other)
            self.wait_confirmed(child, limit=40)
            self.assertEqual(len(child.lines), 1)

    def test_stopped_and_started_when_idle_gives_nothing_twice(self):
        with self.running() as child:
            self.sql("insert into article values (1, 'x')")
            child.wait_records(1)
            other = self.cluster.new_database("busy_elsewhere2", "create table w as select 1")
            self.addCleanup(self.cluster.drop_database, other)
            self.wait_confirmed(child, limit=40)
            self.assertEqual(child.stop(), 0)
        with self.streaming(self.to_stdout(self.folder / "connector.json")) as child:
            self.sql("insert into article values (2, 'y')")
            self.assertEqual([row["id"] for _, row in ops(child.wait_records(1))], [2])

    def test_quiet_connection_outlives_wal_sender_timeout(self):
        with self.running() as child:
            pid = self.slot_row("active_pid")[0]
            waiting.time.sleep(5)
            self.assertEqual(self.slot_row("active_pid")[0], pid, "the walsender was replaced")
            self.sql("insert into article values (1, 'x')")
            child.wait_records(1)

    def test_server_restarts_are_survived(self):
        with self.running() as child:
            for number, mode in enumerate(("fast", "immediate", "fast")):
                self.sql("insert into article values (%s, 'before')", number * 10)
                child.wait_records(number * 2 + 1)
                self.cluster.restart(mode)
                self.sql("insert into article values (%s, 'after')", number * 10 + 1)
                child.wait_records(number * 2 + 2, limit=90)
            self.assertEqual([row["id"] for _, row in ops(child.records())], [0, 1, 10, 11, 20, 21])

    def test_terminated_walsender_comes_back(self):
        with self.running() as child:
            for number in range(3):
                self.cluster.sql("select pg_terminate_backend(%s)", self.slot_row("active_pid")[0])
                self.sql("insert into article values (%s, 'x')", number)
                child.wait_records(number + 1)
            self.assertEqual([row["id"] for _, row in ops(child.records())], [0, 1, 2])

    def test_metrics_health_and_status(self):
        port = waiting.free_port()
        with self.running("--set", f"http.listen=127.0.0.1:{port}") as child:
            self.sql("insert into article select g, 'n' from generate_series(1, 10) g")
            child.wait_records(10)
            self.wait_confirmed(child)
            self.assertEqual(http_get(port, "/health")[0], 200)
            status, text = http_get(port, "/metrics")
            self.assertEqual(status, 200)
            for name in ("millrace_source_events_total", "millrace_branch_lag_bytes", "millrace_branch_lag_ms", "millrace_memory_used_bytes"):
                self.assertIn(name, text)
            self.assertIn('branch="', text)
            told = json.loads(http_get(port, "/status")[1])
            self.assertIn("branches", told)
            self.assertEqual(http_get(port, "/nothing-here")[0], 404)

    def test_health_says_so_when_the_server_is_away(self):
        port = waiting.free_port()
        with self.running("--set", f"http.listen=127.0.0.1:{port}"):
            self.assertEqual(http_get(port, "/health")[0], 200)
            self.cluster.stop()
            try:
                waiting.until("unhealthy", lambda: http_get(port, "/health")[0] == 503, 30)
            finally:
                self.cluster.start()
            waiting.until("healthy again", lambda: http_get(port, "/health")[0] == 200, 60)

    def test_no_row_value_and_no_password_in_the_log(self):
        self.sql(TABLE)
        config = self.connector(**{"table.include.list": "public.article", "database.password": "s3cr3t-pass"})
        with self.streaming(self.to_stdout(config, "--set", "log.level=debug")) as child:
            self.sql("insert into article values (1, 'private-words')")
            child.wait_records(1)
            child.stop()
            self.assertNotIn("s3cr3t-pass", child.stderr())
            self.assertNotIn("private-words", child.stderr())

    def test_log_lines_are_json_when_asked(self):
        with self.running("--set", "log.format=json") as child:
            child.stop()
            lines = [line for line in child.stderr().splitlines() if line.strip()]
            self.assertTrue(lines)
            for line in lines:
                json.loads(line)

    def test_two_on_one_slot_the_second_says_who_has_it(self):
        with self.running() as first:
            second = self.to_stdout(self.folder / "connector.json", "--set", f"offset.storage.file.filename={self.folder}/second",
                                    "--set", f"state.folder={self.folder}/second-state")
            second.until("a word about the slot", lambda: f"{self.slot} is read by PID" in second.stderr(), 30)
            self.assertEqual(second.lines, [])
            self.assertEqual(first.stop(), 0, first.stderr())
            self.sql("insert into article values (1, 'x')")
            second.wait_records(1)

    def test_a_lost_slot_is_not_a_silent_gap(self):
        with self.running() as child:
            self.sql("insert into article values (1, 'x')")
            child.wait_records(1)
            self.assertEqual(child.stop(), 0)
        self.cluster.sql("select pg_drop_replication_slot(%s)", self.slot)
        self.sql("insert into article values (2, 'lost')")
        with self.to_stdout(self.folder / "connector.json") as child:
            self.assertEqual(child.wait(60), 4, child.stderr())
            self.assertIn(f"replication slot {self.slot} does not exist", child.stderr())
            self.assertIn("snapshot.mode=when_needed", child.stderr())
            self.assertEqual(child.lines, [])

    def test_when_needed_snapshots_anew_after_a_lost_slot(self):
        with self.running() as child:
            self.sql("insert into article values (1, 'x')")
            child.wait_records(1)
            self.assertEqual(child.stop(), 0)
        self.cluster.sql("select pg_drop_replication_slot(%s)", self.slot)
        self.sql("insert into article values (2, 'kept')")
        with self.to_stdout(self.folder / "connector.json", "--set", "snapshot.mode=when_needed") as child:
            self.assertEqual([(op, row["id"]) for op, row in ops(child.wait_records(2))], [("r", 1), ("r", 2)])
