"""Capture with --to stdout: the snapshot, the stream after it, stopping and going on."""
from support.case import ServerCase, ops

TABLE = """create table article(id int primary key, name text, price numeric(10,2));
insert into article values (1, 'cup', 7.5), (2, 'jug', 19.99);"""


class Capture(ServerCase):
    def test_snapshot_then_changes_in_commit_order(self):
        self.sql(TABLE)
        with self.streaming(self.to_stdout(self.connector(**{"table.include.list": "public.article", "decimal.handling.mode": "string"}))) as child:
            self.sql("insert into article values (3, 'tamper', 34)")
            self.sql("begin; update article set price = 8 where id = 1; delete from article where id = 2; commit")
            records = child.wait_records(6)
        self.assertEqual(ops(records), [
            ("r", {"id": 1, "name": "cup", "price": "7.50"}), ("r", {"id": 2, "name": "jug", "price": "19.99"}),
            ("c", {"id": 3, "name": "tamper", "price": "34.00"}), ("u", {"id": 1, "name": "cup", "price": "8.00"}),
            ("d", {"id": 2, "name": None, "price": None}), ("tombstone", {"id": 2})])
        self.assertEqual({r["topic"] for r in records}, {"shop.public.article"})
        self.assertEqual([r["key"] for r in records][:3], [{"id": 1}, {"id": 2}, {"id": 3}])
        self.assertEqual(set(records[0]), {"topic", "key", "value", "headers"})

    def test_changes_during_the_snapshot_come_once(self):
        self.sql("create table n(id int primary key); insert into n select generate_series(1, 20000)")
        with self.to_stdout(self.connector(**{"table.include.list": "public.n"})) as child:
            added = 20000
            while not self.slot_row("active_pid") or not self.slot_row("confirmed_flush_lsn")[0]:
                self.assertIsNone(child.ended())
                added += 1
                self.sql("insert into n values (%s)", added)
            for _ in range(200):
                added += 1
                self.sql("insert into n values (%s)", added)
            self.streaming(child)
            child.until("all rows", lambda: len(child.lines) >= added)
            records = child.records()
        keys = [r["key"]["id"] for r in records]
        self.assertEqual(len(keys), added)
        self.assertEqual(sorted(keys), list(range(1, added + 1)))

    def test_stopped_and_started_again_nothing_is_lost_or_doubled(self):
        self.sql(TABLE)
        config = self.connector(**{"table.include.list": "public.article"})
        with self.streaming(self.to_stdout(config)) as child:
            self.sql("insert into article values (3, 'a', 1)")
            child.wait_records(3)
            self.assertEqual(child.stop(), 0, child.stderr())
        self.sql("insert into article values (4, 'b', 2)")
        with self.streaming(self.to_stdout(config)) as child:
            self.sql("insert into article values (5, 'c', 3)")
            records = child.wait_records(2)
            self.wait_confirmed(child)
            self.assertEqual(len(child.lines), 2, child.lines)
        self.assertEqual([(op, row["id"]) for op, row in ops(records)], [("c", 4), ("c", 5)])

    def test_only_included_tables_are_captured_and_published(self):
        self.sql(TABLE + "create table other(id int primary key); insert into other values (1)")
        with self.streaming(self.to_stdout(self.connector(**{"table.include.list": "public.article"}))) as child:
            self.sql("insert into other values (2)")
            self.sql("insert into article values (3, 'x', 1)")
            records = child.wait_records(3)
            self.assertEqual({r["topic"] for r in records}, {"shop.public.article"})
            self.assertEqual(self.sql("select tablename::text from pg_publication_tables"), [("article",)])

    def test_exclude_list_as_regex(self):
        self.sql("create table keep1(id int primary key); create table tmp_1(id int primary key); create table tmp_2(id int primary key)")
        with self.streaming(self.to_stdout(self.connector(**{"table.exclude.list": "public\\.tmp_.*"}))) as child:
            self.sql("insert into tmp_1 values (1); insert into keep1 values (7); insert into tmp_2 values (1)")
            self.assertEqual(ops(child.wait_records(1)), [("c", {"id": 7})])

    def test_a_table_made_later_is_read_and_captured_from_the_next_start(self):
        self.sql("create table a_1(id int primary key)")
        with self.streaming(self.to_stdout(self.connector(**{"table.include.list": "public.a_.*"}))) as child:
            self.sql("insert into a_1 values (1)")
            child.wait_records(1)
            self.assertEqual(child.stop(), 0)
        self.sql("create table a_2(id int primary key); insert into a_2 values (5)")
        with self.streaming(self.to_stdout(self.connector(**{"table.include.list": "public.a_.*"}))) as child:
            child.wait_records(1)
            self.sql("insert into a_2 values (6)")
            records = child.wait_records(2)
            self.assertEqual([(r["topic"], r["value"]["op"], r["value"]["after"]["id"]) for r in records],
                             [("shop.public.a_2", "r", 5), ("shop.public.a_2", "c", 6)])

    def test_table_without_key_gets_its_replica_identity(self):
        self.sql("create table stock(sku char(15), available int); insert into stock values ('A', 1)")
        with self.streaming(self.to_stdout(self.connector(**{
                "table.include.list": "public.stock", "replica.identity.autoset.values": "public.stock:FULL"}))) as child:
            self.sql("update stock set available = 0")
            self.sql("delete from stock")
            records = child.wait_records(3)
        self.assertEqual([(r["key"], r["value"] and r["value"]["op"]) for r in records[:3]], [(None, "r"), (None, "u"), (None, "d")])
        self.assertEqual(records[1]["value"]["before"], {"sku": "A              ", "available": 1})

    def test_truncate_comes_only_when_asked(self):
        self.sql(TABLE)
        with self.streaming(self.to_stdout(self.connector(**{"table.include.list": "public.article", "skipped.operations": "none"}))) as child:
            self.sql("truncate article")
            records = child.wait_records(3)
        self.assertEqual(records[2]["value"]["op"], "t")
        self.assertIsNone(records[2]["key"])

    def test_unchanged_toast_has_the_placeholder(self):
        self.sql("create table doc(id int primary key, n int, body text); alter table doc alter body set storage external;"
                 "insert into doc values (1, 1, repeat('x', 10000))")
        with self.streaming(self.to_stdout(self.connector(**{"table.include.list": "public.doc"}))) as child:
            self.sql("update doc set n = 2")
            records = child.wait_records(2)
        self.assertEqual(len(records[0]["value"]["after"]["body"]), 10000)
        self.assertEqual(records[1]["value"]["after"]["body"], "__debezium_unavailable_value")

    def test_the_three_forms_of_a_connector(self):
        self.sql(TABLE)
        for number, (file, nested) in enumerate((("flat.json", False), ("nested.json", True), ("standalone.properties", False))):
            with self.subTest(file=file):
                config = self.connector(file, nested, **{"table.include.list": "public.article", "slot.name": f"form_{number}",
                                                        "snapshot.mode": "initial_only", "offset.storage.file.filename": str(self.folder / file) + ".o"})
                with self.to_stdout(config) as child:
                    self.assertEqual(child.wait(60), 0, child.stderr())
                    self.assertEqual([row["id"] for _, row in ops(child.records())], [1, 2])

    def test_set_on_the_command_line_wins(self):
        self.sql(TABLE)
        with self.to_stdout(self.connector(**{"table.include.list": "public.article"}), "--set", "topic.prefix=other",
                            "--set", "value.converter.schemas.enable=true", "--set", "snapshot.mode=initial_only") as child:
            self.assertEqual(child.wait(60), 0, child.stderr())
            record = child.records()[0]
        self.assertEqual(record["topic"], "other.public.article")
        self.assertEqual(set(record["value"]), {"schema", "payload"})
        self.assertEqual(record["key"], {"id": 1})

    def test_old_names_alone_are_understood(self):
        self.sql(TABLE)
        with self.to_stdout(self.connector(**{"topic.prefix": None, "database.server.name": "debezium_multicloud",
                                              "table.whitelist": "public.article", "snapshot.mode": "initial_only"})) as child:
            self.assertEqual(child.wait(60), 0, child.stderr())
            self.assertEqual({r["topic"] for r in child.records()}, {"debezium_multicloud.public.article"})

    def test_initial_only_ends_by_itself(self):
        self.sql(TABLE)
        with self.to_stdout(self.connector(**{"table.include.list": "public.article", "snapshot.mode": "initial_only"})) as child:
            self.assertEqual(child.wait(60), 0, child.stderr())
            self.assertEqual(len(child.records()), 2)

    def test_no_data_gives_no_snapshot(self):
        self.sql(TABLE)
        with self.streaming(self.to_stdout(self.connector(**{"table.include.list": "public.article", "snapshot.mode": "no_data"}))) as child:
            self.sql("insert into article values (9, 'z', 1)")
            self.assertEqual([(op, row["id"]) for op, row in ops(child.wait_records(1))], [("c", 9)])

    def test_large_transaction_in_order(self):
        self.sql("create table n(id int primary key, body text)")
        with self.streaming(self.to_stdout(self.connector(**{"table.include.list": "public.n"}))) as child:
            self.sql("insert into n select g, repeat('x', 200) from generate_series(1, 50000) g")
            child.until("all rows", lambda: len(child.lines) >= 50000, limit=120)
            self.assertEqual([r["key"]["id"] for r in child.records()], list(range(1, 50001)))

    def test_rolled_back_changes_never_come(self):
        self.sql(TABLE)
        with self.streaming(self.to_stdout(self.connector(**{"table.include.list": "public.article", "snapshot.mode": "no_data"}))) as child:
            self.sql("begin; insert into article values (5, 'no', 1); savepoint s; insert into article values (6, 'no', 1); rollback")
            self.sql("begin; insert into article values (7, 'yes', 1); savepoint s; insert into article values (8, 'no', 1); rollback to s; commit")
            self.sql("insert into article values (9, 'yes', 1)")
            self.assertEqual([row["id"] for _, row in ops(child.wait_records(2))], [7, 9])

    def test_after_a_large_row_the_stream_is_opened_again(self):
        """libpq keeps what its largest message needed (bench/RESULTS.md has the memory before and after)."""
        self.sql("create table body(id int primary key, v text); alter table body alter v set storage external")
        large = 20 * 1024 * 1024
        with self.streaming(self.to_stdout(self.connector(**{"table.include.list": "public.body"}))) as child:
            self.sql("insert into body values (1, repeat('x', %s))", large)
            child.until("it is opened again", lambda: "opening it again" in child.stderr())
            self.sql("insert into body values (2, 'y')")
            records = child.wait_records(2)
            self.wait_confirmed(child)
            self.assertEqual(len(child.lines), 2)
        self.assertEqual([(op, row["id"], len(row["v"])) for op, row in ops(records)], [("c", 1, large), ("c", 2, 1)])
