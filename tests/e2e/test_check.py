"""millrace check: what is wrong, all at once, each with its cure; --json for programs."""
import json

from support import program, waiting
from support.case import ServerCase

TABLE = "create table article(id int primary key, name text)"


class Check(ServerCase):
    settings = {"max_wal_senders": "5", "max_replication_slots": "5"}

    def check(self, config, *args, prefix=(), env=None):
        return self.run_to_end("check", config, *args, prefix=prefix, env=env)

    def findings(self, config, *args):
        """(exit code, findings as --json tells them)"""
        out = self.check(config, "--json", *args)
        try:
            told = json.loads(out.stdout)
        except ValueError:
            self.fail(f"not JSON: {out.stdout!r} {out.stderr!r}")
        return out.returncode, told["findings"]

    def assert_found(self, findings, *words, severity="error"):
        """One finding of this severity whose text has all the words, and a cure."""
        for finding in findings:
            text = json.dumps(finding).lower()
            if finding["severity"] == severity and all(word.lower() in text for word in words):
                self.assertTrue(finding.get("cure"), finding)
                return finding
        self.fail(f"no {severity} with {words} among {json.dumps(findings, indent=1)}")

    def article(self, **more):
        return self.connector(**{"table.include.list": "public.article", **more})

    def test_all_is_well(self):
        self.sql(TABLE)
        code, findings = self.findings(self.article(), "--to", "stdout")
        self.assertEqual((code, [f for f in findings if f["severity"] == "error"]), (0, []))
        self.assertIsNone(self.slot_row("1"), "check makes no slot")
        self.assertEqual(self.sql("select count(*) from pg_publication"), [(0,)], "check makes no publication")

    def test_text_for_people_has_finding_and_cure(self):
        out = self.check(self.connector(**{"table.include.list": "public.artikel"}), "--to", "stdout")
        self.assertEqual(out.returncode, 1)
        self.assertIn("public.artikel", out.stdout)
        self.assertNotIn("\033[", out.stdout, "colours only on a terminal")

    def test_wal_level(self):
        self.sql(TABLE)
        self.cluster.sql("alter system set wal_level = replica")
        self.cluster.restart()
        try:
            code, findings = self.findings(self.article(), "--to", "stdout")
        finally:
            self.cluster.sql("alter system set wal_level = logical")
            self.cluster.restart()
        self.assertEqual(code, 1)
        self.assertIn("logical", self.assert_found(findings, "wal_level")["cure"])

    def test_missing_rights(self):
        self.sql(TABLE + "; drop role if exists poor; create role poor login")
        code, findings = self.findings(self.article(**{"database.user": "poor"}), "--to", "stdout")
        self.assertEqual(code, 1)
        self.assertIn("ALTER ROLE", self.assert_found(findings, "replication", "poor")["cure"].upper())
        self.assertIn("GRANT SELECT", self.assert_found(findings, "select", "public.article")["cure"].upper())

    def test_no_such_table_and_what_it_might_have_meant(self):
        self.sql(TABLE)
        code, findings = self.findings(self.connector(**{"table.include.list": "public.articel"}), "--to", "stdout")
        self.assertEqual(code, 1)
        self.assert_found(findings, "public.articel", "public.article")

    def test_no_replica_identity(self):
        self.sql("create table article(id int, name text)")
        code, findings = self.findings(self.article(), "--to", "stdout")
        self.assertEqual(code, 1)
        finding = self.assert_found(findings, "replica identity", "update")
        self.assertIn("REPLICA IDENTITY FULL", finding["cure"].upper())
        code, findings = self.findings(self.article(**{"replica.identity.autoset.values": "public.article:FULL"}), "--to", "stdout")
        self.assertEqual(code, 0, findings)

    def test_a_deferrable_primary_key_is_no_replica_identity(self):
        self.sql("create table article(id int primary key deferrable, name text); create publication p for all tables")
        with self.assertRaisesRegex(Exception, "does not have a replica identity"):
            self.sql("update article set name = 'x'")
        self.sql("drop publication p")
        code, findings = self.findings(self.article(), "--to", "stdout")
        self.assertEqual(code, 1)
        self.assert_found(findings, "replica identity", "update")

    def test_slot_in_use(self):
        self.sql(TABLE)
        with self.streaming(self.to_stdout(self.article())):
            code, findings = self.findings(self.article(**{"offset.storage.file.filename": str(self.folder / "other")}), "--to", "stdout",
                                           "--set", f"state.folder={self.folder}/other-state")
            self.assertEqual(code, 1)
            self.assert_found(findings, self.slot, "in use by another session", "pg_terminate_backend")

    def test_slot_of_another_plugin(self):
        self.sql(TABLE)
        self.sql("select pg_create_logical_replication_slot(%s, 'test_decoding')", self.slot)
        code, findings = self.findings(self.article(), "--to", "stdout")
        self.assertEqual(code, 1)
        self.assert_found(findings, self.slot, "test_decoding")

    def test_slot_lost(self):
        self.sql(TABLE)
        with self.streaming(self.to_stdout(self.article())) as child:
            self.sql("insert into article values (1, 'x')")
            child.wait_records(1)
            self.assertEqual(child.stop(), 0)
        self.cluster.sql("alter system set max_slot_wal_keep_size = '1MB'")
        self.cluster.sql("select pg_reload_conf()")
        try:
            for _ in range(4):
                self.cluster.sql("select pg_switch_wal()")
                self.sql("create table if not exists filler(t text); insert into filler select repeat('x', 1000) from generate_series(1, 3000)")
            self.cluster.sql("checkpoint")
            self.until("the slot lost", lambda: self.slot_row("wal_status")[0] == "lost" or not self.cluster.sql("select pg_switch_wal(); checkpoint"))
        finally:
            self.cluster.sql("alter system reset max_slot_wal_keep_size")
            self.cluster.sql("select pg_reload_conf()")
        code, findings = self.findings(self.article(), "--to", "stdout")
        self.assertEqual(code, 1)
        self.assert_found(findings, self.slot, "lost")

    def test_publication_lacks_tables(self):
        self.sql(TABLE + "; create table other(id int primary key); create publication mine for table other")
        code, findings = self.findings(self.article(**{"publication.name": "mine", "publication.autocreate.mode": "disabled"}), "--to", "stdout")
        self.assertEqual(code, 1)
        self.assertIn("ALTER PUBLICATION", self.assert_found(findings, "mine", "lacks", "article")["cure"].upper())

    def test_a_publication_that_leaves_columns_or_rows_out(self):
        self.sql(TABLE + "; create publication mine for table article (id)")
        code, findings = self.findings(self.article(**{"publication.name": "mine"}), "--to", "stdout")
        self.assertEqual(code, 0)
        self.assert_found(findings, "column list", "article", severity="warning")
        self.sql("alter publication mine set table article where (id > 5)")
        self.assert_found(self.findings(self.article(**{"publication.name": "mine"}), "--to", "stdout")[1], "row filter", "article", severity="warning")
        self.sql("alter publication mine set table article")
        self.assertNotIn("row filter", str(self.findings(self.article(**{"publication.name": "mine"}), "--to", "stdout")[1]))

    def test_no_publication(self):
        self.sql(TABLE)
        code, findings = self.findings(self.article(**{"publication.name": "absent", "publication.autocreate.mode": "disabled"}), "--to", "stdout")
        self.assertEqual(code, 1)
        self.assertIn("CREATE PUBLICATION", self.assert_found(findings, "absent")["cure"].upper())

    def test_slots_exhausted(self):
        self.sql(TABLE)
        names = [f"filler_{n}" for n in range(5)]
        for name in names:
            self.sql("select pg_create_logical_replication_slot(%s, 'pgoutput')", name)
        try:
            code, findings = self.findings(self.article(), "--to", "stdout")
        finally:
            for name in names:
                self.sql("select pg_drop_replication_slot(%s)", name)
        self.assertEqual(code, 1)
        self.assert_found(findings, "max_replication_slots")

    def test_unknown_key_did_you_mean(self):
        self.sql(TABLE)
        code, findings = self.findings(self.article(**{"table.inclde.list": "x"}), "--to", "stdout")
        self.assertEqual(code, 0, "a warning in .json")
        self.assert_found(findings, "table.inclde.list", "table.include.list", severity="warning")
        file = self.pipeline('[branch.b.sink]\ntype = "stdout"\n', source='table.inclde.list = ["x"]')
        code, findings = self.findings(file)
        self.assertEqual(code, 1, "an error in .toml")
        self.assert_found(findings, "table.inclde.list", "table.include.list")

    def test_bad_values_all_at_once(self):
        self.sql(TABLE)
        code, findings = self.findings(self.article(**{"database.port": "many", "snapshot.mode": "sometimes", "slot.name": "Not Allowed"}), "--to", "stdout")
        self.assertEqual(code, 1)
        for key in ("database.port", "snapshot.mode", "slot.name"):
            self.assertTrue(any(f["severity"] == "error" and f["key"] == key and f["cure"] for f in findings), findings)

    def test_bad_values_of_offsets_in_kafka_are_told_once(self):
        self.sql(TABLE)
        config = self.article(**{"offset.storage.topic": "o", "offset.storage.partitions": "many", "linger.ms": "long", "consumer.receive.buffer.bytes": "big"})
        for sink in ("stdout", "kafka"):
            code, findings = self.findings(config, "--to", sink, "--set", "bootstrap.servers=127.0.0.1:1")
            self.assertEqual(code, 1)
            for key in ("offset.storage.partitions", "linger.ms", "consumer.receive.buffer.bytes"):
                self.assertEqual([f["severity"] for f in findings if f["key"] == key], ["error"], findings)

    def test_unreachable_source(self):
        code, findings = self.findings(self.article(**{"database.port": str(waiting.free_port())}), "--to", "stdout")
        self.assertEqual(code, 1)
        self.assert_found(findings, "127.0.0.1")

    def test_unreachable_sinks(self):
        self.sql(TABLE)
        nobody = waiting.free_port()
        code, findings = self.findings(self.article(), "--to", "kafka", "--set", f"bootstrap.servers=127.0.0.1:{nobody}")
        self.assertEqual(code, 1)
        self.assert_found(findings, str(nobody))

    def test_unwritable_files(self):
        self.sql(TABLE)
        file = self.pipeline(f'[branch.b]\ntables = ["public.article"]\n[branch.b.sink]\ntype = "duckdb"\nduckdb.file = "{self.folder}/no/such/folder/w.duckdb"\n',
                             source='table.include.list = ["public.article"]')
        code, findings = self.findings(file)
        self.assertEqual(code, 1)
        self.assert_found(findings, "/no/such/folder")

    def test_read_only_folder_as_an_unprivileged_user(self):
        self.sql(TABLE)
        locked = self.folder / "locked"
        locked.mkdir(mode=0o555)
        file = self.pipeline(f'[branch.b]\ntables = ["public.article"]\n[branch.b.sink]\ntype = "duckdb"\nduckdb.file = "{locked}/w.duckdb"\n',
                             source='table.include.list = ["public.article"]')
        out = self.check(file, "--json", prefix=program.without_root_rights())
        self.assertEqual(out.returncode, 1, out.stdout + out.stderr)
        self.assert_found(json.loads(out.stdout)["findings"], str(locked))

    def test_tls_required(self):
        self.sql(TABLE)
        code, findings = self.findings(self.article(**{"database.sslmode": "require"}), "--to", "stdout")
        self.assertEqual(code, 1)
        self.assert_found(findings, "database.sslmode", "does not support ssl")

    def partitioned(self, tables, **more):
        code, findings = self.findings(self.connector(**{"table.include.list": tables, **more}), "--to", "stdout")
        self.assertEqual(code, 0, findings)
        return [f for f in findings if "together with their partitions" in f["message"]]

    def test_a_partitioned_table_and_its_partitions_are_not_both_captured(self):
        self.sql("create table m(id int primary key) partition by range (id); create table m_1 partition of m for values from (0) to (10)")
        both, = self.partitioned("public.m,public.m_1")
        self.assertEqual(both["severity"], "warning")
        self.assertTrue(both["message"].endswith(": public.m"), both)
        self.assertIn("publish.via.partition.root=true", both["cure"])
        both, = self.partitioned("public.m.*", **{"publish.via.partition.root": "true"})
        self.assertTrue(both["message"].endswith(": public.m_1"), both)
        self.assertEqual(self.partitioned("public.m", **{"publish.via.partition.root": "true"}), [])
        self.assertEqual(self.partitioned("public.m_1"), [])

    def duckdb(self, tables, **more):
        lines = "".join(f'{key} = "{value}"\n' for key, value in more.items())
        return self.pipeline(f'[branch.b]\n[branch.b.sink]\ntype = "duckdb"\nduckdb.file = "{self.folder}/w.duckdb"\n{lines}',
                             source=f"table.include.list = {json.dumps(tables)}")

    def test_names_that_differ_in_case_alone_are_one_in_the_warehouse(self):
        self.sql('create table article(id int primary key); create table "Article"(id int primary key); insert into "Article" values (1)')
        tables = ["public.article"]  # Debezium's lists know no case
        code, findings = self.findings(self.duckdb(tables))
        self.assertEqual(code, 1)
        finding = self.assert_found(findings, "article", "differ in case alone", "duckdb.table")
        out = self.run_to_end("run", self.folder / "pipeline.toml")
        self.assertEqual(out.returncode, 1, out.stderr)
        for words in ("differ in case alone", finding["cure"]):
            self.assertIn(words, out.stderr)

    def spoil(self, how):
        if how == "dropped":
            self.cluster.sql("select pg_drop_replication_slot(%s)", self.slot)
            return
        self.sql("insert into article values (2, 'passed over')")
        self.sql("select pg_replication_slot_advance(%s, pg_current_wal_lsn())", self.slot)

    def check_says_what_run_stops_with(self, file, *words):
        code, findings = self.findings(file)
        self.assertEqual(code, 1)
        finding = self.assert_found(findings, self.slot, *words)
        self.assertEqual(finding["key"], "source.slot.name")
        out = self.run_to_end("run", file)
        self.assertEqual(out.returncode, 4, out.stderr)
        self.assertIn(f"{finding['message']} ({finding['cure']})", out.stderr)

    def test_a_slot_that_does_not_fit_the_progress(self):
        self.sql(TABLE)
        sinks = {"stdout": "", "file": 'file.path = "$FOLDER/$NAME.jsonl"', "duckdb": 'duckdb.file = "$FOLDER/$NAME.duckdb"'}
        for sink, setting in sinks.items():
            for how, words in (("dropped", "does not exist"), ("advanced", "beyond the progress")):
                with self.subTest(sink=sink, slot=how):
                    self.name = f"{sink}_{how}"  # and with it the slot and the files
                    self.sql("truncate article; insert into article values (1, 'x')")
                    file = self.pipeline(f'[branch.b.sink]\ntype = "{sink}"\n{setting.replace("$NAME", self.name)}\n', source='table.include.list = ["public.article"]')
                    with self.streaming(self.start("run", file)) as child:
                        self.wait_confirmed(child)
                        self.assertEqual(child.stop(), 0, child.stderr())
                    self.assertEqual(self.findings(file)[0], 0)
                    self.spoil(how)
                    self.check_says_what_run_stops_with(file, words, "snapshot.mode=when_needed")
                    self.cluster.sql("select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = %s", self.slot)

    def test_a_new_snapshot_heals_the_slot_so_it_is_no_error(self):
        self.sql(TABLE)
        with self.streaming(self.to_stdout(self.article())) as child:
            self.wait_confirmed(child)
            self.assertEqual(child.stop(), 0)
        self.spoil("dropped")
        code, findings = self.findings(self.article(**{"snapshot.mode": "when_needed"}), "--to", "stdout")
        self.assertEqual(code, 0, findings)

    def test_folders_of_state_and_offsets_that_cannot_be_written(self):
        self.sql(TABLE)
        locked = self.folder / "locked"
        locked.mkdir(mode=0o555)
        out = self.check(self.article(**{"offset.storage.file.filename": f"{locked}/below/offsets"}), "--json", "--to", "stdout",
                         "--set", f"state.folder={locked}/state", prefix=program.without_root_rights())
        self.assertEqual(out.returncode, 1, out.stdout + out.stderr)
        findings = json.loads(out.stdout)["findings"]
        self.assert_found(findings, "state.folder", f"{locked}/state")
        self.assert_found(findings, f"{locked}/below/offsets", "the right to write there")
        self.assertEqual(list(locked.iterdir()), [])
