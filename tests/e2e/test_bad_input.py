"""What comes in wrong gets a clear error and loses nothing."""
import json
import pathlib
import shutil

import duckdb

from support import program, waiting, warehouse
from support.case import ServerCase
from support.disk import SmallDisk
from support.program import http_get

DUCK = '[branch.b]\ntables = ["public.article"]\n[branch.b.sink]\ntype = "duckdb"\nduckdb.file = "$FOLDER/disk/w.duckdb"\nduckdb.mode = "mirror"\n'
INCLUDE = 'table.include.list = ["public.article"]'
TABLE = "create table article(id int primary key, name text);"


class BadConfiguration(ServerCase):
    def refused(self, path, *words, args=()):
        for command in ("run", "check"):
            out = self.run_to_end(command, path, *args)
            text = out.stdout + out.stderr
            self.assertEqual(out.returncode, 1, f"{command}: {text}")
            for word in words:
                self.assertIn(word, text, command)
            self.assertNotIn("terminate called", text)
        self.assertIsNone(self.slot_row("1"), "a wrong configuration starts nothing")

    def write(self, name, text):
        path = self.folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def test_malformed_toml_has_line_and_column(self):
        self.refused(self.write("p.toml", 'name = "x"\n[source\ndatabase = 1\n'), "p.toml:2")

    def test_malformed_json_has_its_place(self):
        self.refused(self.write("c.json", '{\n "name": "x",\n "config": {"a": }\n}\n'), "c.json", args=("--to", "stdout"))

    def test_json_that_is_no_object(self):
        self.refused(self.write("c.json", "[1, 2]"), "c.json", args=("--to", "stdout"))

    def test_an_empty_file(self):
        for name in ("p.toml", "c.json", "c.properties"):
            with self.subTest(name=name):
                self.refused(self.write(name, ""), name[0], args=() if name.endswith("toml") else ("--to", "stdout"))

    def test_bytes_that_are_no_text(self):
        for name in ("p.toml", "c.json", "c.properties"):
            with self.subTest(name=name):
                self.refused(self.write(name, b"\x00\xff\xfe" * 50), args=() if name.endswith("toml") else ("--to", "stdout"))

    def test_include_and_exclude_contradict(self):
        config = self.connector(**{"table.include.list": "public.a", "table.exclude.list": "public.b"})
        self.refused(config, "table.include.list", "table.exclude.list", args=("--to", "stdout"))

    def test_a_regex_that_is_none(self):
        self.refused(self.connector(**{"table.include.list": "public.(a"}), "table.include.list", args=("--to", "stdout"))

    def test_the_same_key_twice(self):
        text = self.pipeline(DUCK, source='table.include.list = ["public.a"]\n"table.include.list" = ["public.b"]').read_text()
        self.refused(self.write("twice.toml", text), "include.list")

    def test_a_value_that_is_also_a_prefix(self):
        text = self.pipeline(DUCK, source='snapshot.mode = "initial"\nsnapshot.mode.custom.name = "x"').read_text()
        self.refused(self.write("prefix.toml", text), "snapshot.mode", '"')

    def test_unknown_sink_branch_and_after(self):
        self.refused(self.pipeline('[branch.b.sink]\ntype = "dukdb"\n', source=INCLUDE), "dukdb", "duckdb")
        self.refused(self.pipeline(DUCK.replace("[branch.b]", '[branch.b]\nafter = "nobody"'), source=INCLUDE), "nobody")
        self.refused(self.pipeline("", source=INCLUDE), "branch")

    def test_more_branches_than_a_pipeline_has(self):
        branches = [f'[branch.b{n}.sink]\ntype = "file"\nfile.path = "$FOLDER/{n}"\n' for n in range(65)]
        self.refused(self.pipeline("".join(branches), source=INCLUDE), "65 branches", "at most 64")

    def test_sql_that_cannot_be_row_wise(self):
        for sql, word in (("SELECT count(*) FROM changes", "aggregat"), ("SELECT row.id FROM changes LIMIT 1", "LIMIT"),
                          ("SELECT DISTINCT row.id FROM changes", "DISTINCT"), ("SELEC 1", "SELEC")):
            with self.subTest(sql=sql):
                self.sql("drop table if exists article; " + TABLE)
                (self.folder / "disk").mkdir(exist_ok=True)
                branch = DUCK.replace("[branch.b.sink]", f'sql = "{sql}"\n[branch.b.sink]').replace('"mirror"', '"history"\nduckdb.table = "h"')
                self.refused(self.pipeline(branch, source=INCLUDE), word)

    def test_an_environment_variable_that_is_not_set(self):
        self.refused(self.connector(**{"database.password": "${env:SURELY_NOT_SET}"}), "SURELY_NOT_SET", args=("--to", "stdout"))

    def test_no_secret_in_what_it_says(self):
        config = self.connector(**{"database.password": "s3cr3t-pass", "snapshot.mode": "wrong"})
        out = self.run_to_end("check", config, "--to", "stdout")
        self.assertNotIn("s3cr3t-pass", out.stdout + out.stderr)


class BadData(ServerCase):
    def test_bytes_that_are_not_valid_in_the_encoding(self):
        self.cluster.drop_database(self.database)
        self.cluster.sql(f"create database {self.database} template template0 encoding 'SQL_ASCII'")
        self.sql(TABLE + r" insert into article values (1, 'good'), (2, E'bad \xff\xfe'), (3, 'good')")
        with self.streaming(self.to_stdout(self.connector(**{"table.include.list": "public.article"}), "--set", f"state.folder={self.folder}/state")) as child:
            self.sql(r"insert into article values (4, E'bad \xc3'), (5, 'good')")
            self.wait_confirmed(child)
            self.assertEqual([r["value"]["after"]["name"] for r in child.records()],
                             ["good", "bad \ufffd\ufffd", "good", "bad \ufffd", "good"], "not as Java decodes them")
            self.assertEqual(child.stop(), 0, child.stderr())
            self.assertIn("text is not valid UTF-8", child.stderr())

    def test_an_encoding_that_the_server_converts(self):
        """What an hstore in binary says of its lengths is of the encoding before that."""
        self.cluster.drop_database(self.database)
        self.cluster.sql(f"create database {self.database} template template0 encoding 'LATIN1' locale 'C'")
        self.sql("create extension hstore; create table article(id int primary key, h hstore, name text); insert into article values (1, hstore('k', 'é'), 'ü')")
        with self.streaming(self.to_stdout(self.connector(**{"table.include.list": "public.article"}))) as child:
            self.sql("insert into article values (2, hstore('é', 'x'), 'é')")
            rows = [record["value"]["after"] for record in child.wait_records(2)]
        self.assertEqual([(json.loads(row["h"]), row["name"]) for row in rows], [({"k": "é"}, "ü"), ({"é": "x"}, "é")])

    def test_a_type_that_nobody_knows(self):
        self.sql("create type pair as (a int, b int); create table article(id int primary key, p pair, b box, name text)")
        with self.streaming(self.to_stdout(self.connector(**{"table.include.list": "public.article"}))) as child:
            self.sql("insert into article values (1, row(1,2), '((0,0),(1,1))', 'x')")
            self.assertEqual(child.wait_records(1)[0]["value"]["after"]["name"], "x")

    def test_a_type_that_nobody_knows_in_the_warehouse(self):
        self.sql("create type pair as (a int, b int); create table article(id int primary key, p pair, name text)")
        (self.folder / "disk").mkdir()
        with self.streaming(self.start("run", self.pipeline(DUCK, source=INCLUDE))) as child:
            self.sql("insert into article values (1, row(1,2), 'x')")
            self.wait_confirmed(child)
            self.assertEqual(child.stop(), 0, child.stderr())
        self.assertEqual(warehouse.rows(self.folder / "disk/w.duckdb", "select id, name from article"), [(1, "x")])

    def test_a_value_that_the_warehouse_cannot_hold(self):
        self.sql("create table article(id int primary key, n numeric)")
        (self.folder / "disk").mkdir()
        with self.streaming(self.start("run", self.pipeline(DUCK, source=INCLUDE))) as child:
            self.sql("insert into article values (1, 1), (2, 'NaN'), (3, 3), (4, 1e120)")
            self.wait_confirmed(child)
            self.assertEqual(child.stop(), 0, child.stderr())
        held = {i for i, in warehouse.rows(self.folder / "disk/w.duckdb", "select id from article")}
        dead = {int(json.loads(line)["after"]["id"]) for line in dead_letters(self.folder)}
        self.assertLessEqual({1, 3}, held)
        self.assertEqual(held | dead, {1, 2, 3, 4})
        for line in dead_letters(self.folder):
            self.assertTrue(json.loads(line)["message"])


class BadDisk(ServerCase):
    def setUp(self):
        super().setUp()
        self.sql(TABLE)
        self.disk = self.folder / "disk"
        self.disk.mkdir()
        self.port = waiting.free_port()

    def health(self):
        """http.listen of every pipeline here: (status of /health, text of /status)."""
        return http_get(self.port, "/health")[0], http_get(self.port, "/status")[1]

    def says_what_it_waits_for(self, child, *words):
        def said():
            status, text = self.health()
            return status == 503 and all(word in text for word in words)
        child.until(f"/health 503 and /status with {words}", said)

    def mirror(self):
        return self.pipeline(DUCK, common=f'http.listen = "127.0.0.1:{self.port}"', source=INCLUDE)

    def offsets_on_the_disk(self):
        return self.connector(**{"table.include.list": "public.article", "offset.storage.file.filename": str(self.disk / "offsets"),
                                 "http.listen": f"127.0.0.1:{self.port}"})

    def refuses_to_start(self, config, *words, args=(), prefix=()):
        """Ended by itself, with 4 (docs/operate.md): words of the error, among them its cure."""
        out = self.run_to_end("run", config, *args, prefix=prefix)
        self.assertEqual(out.returncode, 4, out.stderr)
        for word in words:
            self.assertIn(word, out.stderr)
        self.assertEqual(out.stdout, "")

    def test_a_full_disk_under_the_warehouse_is_waited_for_and_loses_nothing(self):
        with SmallDisk(self.disk, megabytes=32, ballast=26) as disk:
            child = self.streaming(self.start("run", self.mirror(), prefix=disk.prefix))
            self.sql("insert into article select g, (select string_agg(md5(random()::text), '') from generate_series(1, 60) i where i + g > 0) "
                     "from generate_series(1, 4000) g")
            committed = self.cluster.value("select pg_current_wal_insert_lsn()")
            self.says_what_it_waits_for(child, "No space left", "make room on its disk")
            self.assertTrue(self.cluster.value("select confirmed_flush_lsn < %s::pg_lsn from pg_replication_slots where slot_name = %s",
                                               committed, self.slot), "confirmed although it cannot be durable")
            disk.free()
            self.wait_confirmed(child)
            child.until("well again", lambda: self.health()[0] == 200)
            self.assertEqual(child.stop(), 0, child.stderr())
            shutil.copy(disk.seen("w.duckdb"), self.folder / "seen.duckdb")
            self.assertEqual(warehouse.rows(self.folder / "seen.duckdb", "select count(*), count(distinct id), sum(length(name)) from article"),
                             [(4000, 4000, 4000 * 60 * 32)])

    def test_a_full_disk_under_the_offsets_is_waited_for(self):
        with SmallDisk(self.disk, megabytes=1, ballast=1) as disk:
            child = self.streaming(self.to_stdout(self.offsets_on_the_disk(), prefix=disk.prefix))
            self.sql("insert into article values (1, 'x')")
            child.wait_records(1)
            self.says_what_it_waits_for(child, "offsets not stored", "make room on its disk")
            disk.free()
            self.wait_confirmed(child)
            child.until("well again", lambda: self.health()[0] == 200)
            self.assertEqual(child.stop(), 0, child.stderr())
            self.assertTrue(disk.seen("offsets").exists())

    def test_stopped_while_the_disk_is_full_it_ends_with_3(self):
        with SmallDisk(self.disk, megabytes=1, ballast=1) as disk:
            child = self.streaming(self.to_stdout(self.offsets_on_the_disk(), prefix=disk.prefix))
            self.sql("insert into article values (1, 'x')")
            child.wait_records(1)
            self.says_what_it_waits_for(child, "offsets not stored")
            self.assertEqual(child.stop(), 3, child.stderr())
            self.assertIn("comes again at the next start", child.stderr())

    def test_a_read_only_folder(self):
        self.disk.chmod(0o555)
        self.refuses_to_start(self.mirror(), str(self.disk), "let this program write", prefix=program.without_root_rights())

    def test_a_read_only_folder_of_the_offsets(self):
        self.disk.chmod(0o555)
        self.refuses_to_start(self.offsets_on_the_disk(), f"{self.disk}/offsets", "the right to write there",
                              args=("--to", "stdout"), prefix=program.without_root_rights())
        self.assertIsNone(self.slot_row("1"), "a slot was made that nobody can move")

    def test_a_read_only_state_folder(self):
        self.disk.chmod(0o555)
        for folder in (self.disk, self.disk / "below"):
            with self.subTest(folder=folder):
                self.refuses_to_start(self.offsets_on_the_disk(), str(folder), "make it writable" if folder != self.disk else "the right to write there",
                                      args=("--to", "stdout", "--set", f"state.folder={folder}"), prefix=program.without_root_rights())

    def test_a_folder_that_becomes_read_only_ends_it(self):
        child = self.streaming(self.to_stdout(self.offsets_on_the_disk(), prefix=program.without_root_rights()))
        self.sql("insert into article values (1, 'x')")
        child.wait_records(1)
        self.wait_confirmed(child)
        self.disk.chmod(0o555)
        self.sql("insert into article values (2, 'x')")
        self.assertEqual(child.wait(), 4, child.stderr())
        self.assertIn("the right to write there", child.stderr())

    def refuses_warehouse(self, *words):
        self.refuses_to_start(self.mirror(), "w.duckdb", *words)

    def test_a_warehouse_file_that_is_none(self):
        (self.disk / "w.duckdb").write_bytes(b"these are not the bytes of a database\n" * 1000)
        self.refuses_warehouse("is no DuckDB database", "name another file in duckdb.file")
        self.assertTrue((self.disk / "w.duckdb").read_bytes().startswith(b"these are not"), "the file was touched")

    def test_a_warehouse_file_of_another_version(self):
        path = self.disk / "w.duckdb"
        duckdb.connect(str(path)).execute("create table t(i int)").close()
        data = bytearray(path.read_bytes())
        at = data.index(b"DUCK") + 4
        self.assertEqual(data[:8], warehouse.block_checksum(data[8:4096]), "the header is not as this test takes it to be")
        data[at:at + 8] = (9999).to_bytes(8, "little")  # the storage version
        data[:8] = warehouse.block_checksum(data[8:4096])
        path.write_bytes(data)
        self.refuses_warehouse("version", "use the libduckdb.so that wrote it")
        self.assertEqual(path.read_bytes(), bytes(data), "the file was touched")

    def test_a_warehouse_file_in_use_by_another_process_is_waited_for(self):
        other = duckdb.connect(str(self.disk / "w.duckdb"))
        self.addCleanup(other.close)
        child = self.start("run", self.mirror())
        self.says_what_it_waits_for(child, "w.duckdb", "is open in another process")
        other.close()
        self.streaming(child)
        child.until("well", lambda: self.health()[0] == 200)
        self.assertEqual(child.stop(), 0, child.stderr())

    def test_a_broken_offsets_file_is_not_taken_for_none(self):
        self.sql("insert into article values (1, 'x')")
        config = self.offsets_on_the_disk()
        with self.to_stdout(config) as child:
            child.wait_records(1)
            self.streaming(child)
            self.assertEqual(child.stop(), 0, child.stderr())
        (self.disk / "offsets").write_bytes(b"\xac\xed\x00\x05 torn")
        self.refuses_to_start(config, str(self.disk / "offsets"), "remove the file to begin with a snapshot", args=("--to", "stdout"))


def dead_letters(folder):
    """Lines of every dead-letter file below the test's folder."""
    lines = []
    for path in pathlib.Path(folder).rglob("*"):
        if path.is_file() and "dead" in path.name:
            lines += [line for line in path.read_text(errors="replace").splitlines() if line.strip()]
    return lines
