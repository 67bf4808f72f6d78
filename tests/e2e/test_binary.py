"""Rows in binary (stream.binary): the same texts as the server's own, the same events as in text, and back to text where a type is not known."""
import base64
import pathlib
import random
import re
import struct
import subprocess

from support import program
from support.case import ServerCase

TEXTS = pathlib.Path(program.path()).parent / "binary_texts"
SESSION = "-c DateStyle=ISO,MDY -c IntervalStyle=postgres -c TimeZone=UTC -c extra_float_digits=3 -c bytea_output=hex"  # wire/postgres/connect.cc

# SQL type: literals. What "select" begins is a query of many. Each is also an element of arrays.
VALUES = {
    "bool": ["true", "false"],
    "int2": ["0", "-32768", "32767"], "int4": ["0", "-2147483648", "2147483647"], "oid": ["0", "4294967295"],
    "int8": ["0", "-9223372036854775808", "9223372036854775807"],
    "float4": ["0", "-0", "NaN", "Infinity", "-Infinity", "1e-45", "3.4028235e38", "0.1", "123456", "999999", "1234567", "1e6", "1e5", "0.0001", "0.00001",
               "0.00012345", "16777216", "33554432", "8.5899346e9", "1.17549435e-38",
               "select (g * power(2::float8, e))::float4 from generate_series(1, 33, 2) g, generate_series(-149, 100) e",
               "select (g * power(10::float8, e))::float4 from generate_series(1, 99) g, generate_series(-44, 36) e"],
    "float8": ["0", "-0", "NaN", "Infinity", "-Infinity", "5e-324", "1.7976931348623157e308", "2.2250738585072014e-308", "0.1", "1e14", "1e15", "123456789012345",
               "1234567890123456", "0.0001", "0.00001", "1e23", "9007199254740993", "9.5e-5", "4503599627370497.5",
               "select g * power(2::float8, e) from generate_series(1, 17, 2) g, generate_series(-1022, 1018) e",
               "select (m || 'e' || e)::float8 from unnest(array['1', '2', '5', '9', '1.2', '8.5', '67', '985', '55895', '9.999999999999999']) m, generate_series(-300, 292) e"],
    "numeric": ["0", "0.00", "-0.01", "NaN", "1", "10000", "99999999", "1e20", "-1.5e-20", "123456789012345678901234567890.12345", "0.00010", "1.0000", "0.000000000001",
                "12345.6789", "1e-16383", "9.9e131071", "1e131071", "100000000", "10000.0001", "-99990000.00001",
                "select (random() * 2 - 1)::numeric * power(10::numeric, g % 60 - 30) from generate_series(1, 500) g"],
    "text": ["", "a b", "NULL", "null", "nulls", '"', "\\", "{x}", "a,b", "ünï 😀", "\t", "\v", "[1,2)", "a\nb", "\u00a0"],
    "varchar": ["x", ""], "char(5)": ["ab", ""], "name": ["n a", ""], "json": ['{"a": [1, null]}', "1"], "jsonb": ['{"b": 1, "a": [1e400]}', '"x"'],
    "citext": ["aB", ""], "mood": ["sad", "very, happy"], "ltree": ["a.b.c", ""], "\"char\"": ["a", "", "ä", "\\200", '"'],
    "tsvector": ["", "fat cat", "'a b':3A,4 'it''s':2B,16383C 'back\\\\slash':1"],
    "hstore": ["", "a=>1", '"a b"=>NULL, "q\\"x"=>"back\\\\slash", k=>""'],
    "date": ["2000-01-01", "1999-12-31", "0001-01-01", "0001-12-31 BC", "4713-11-24 BC", "5874897-12-31", "infinity", "-infinity", "2024-02-29", "0044-03-15 BC",
             "9999-12-31", "10000-01-01", "select date '4713-11-24 BC' + g * 100003 from generate_series(0, 21400) g",
             "select date '1890-01-01' + g * 17 from generate_series(0, 5000) g"],
    "time": ["00:00", "24:00", "23:59:59.999999", "04:05:06.7", "04:05:06.000001", "04:05:06.10"],
    "timetz": ["00:00+00", "24:00-15:59:59", "04:05:06.789-08:30:15", "04:05+05:30", "04:05:06+15:59", "01:00-01"],
    "timestamp": ["2000-01-01", "1999-12-31 23:59:59.999999", "4713-11-24 00:00 BC", "294276-12-31 23:59:59.999999", "infinity", "-infinity", "0044-03-15 01:02:03.5 BC",
                  "2024-02-29 12:00:00.000001", "select timestamp '1600-01-01' + g * interval '13 days 01:02:03.456789' from generate_series(0, 20000) g"],
    "timestamptz": ["2000-01-01+00", "4713-11-24 00:00 BC", "294276-12-31 23:59:59.999999", "infinity", "-infinity", "2024-02-29 04:05:06.5+05:30", "0044-03-15 01:02:03 BC"],
    "interval": ["0", "1 year", "-1 year", "1 mon", "13 mons", "-13 mons", "1 day", "-1 days", "2 days", "1 year -2 mons +3 days -04:05:06.789", "-1 mon 1 day", "1 mon -1 day",
                 "-1 day 01:00", "1 day -01:00", "-1 mon 01:00", "-00:00:00.000001", "00:00:00.1", "100:00:00", "-1000000 hours", "178956970 years 7 mons", "2147483647 days",
                 "-178956970 years -8 mons", "-1 year 2 mons -3 days 4 hours", "-2147483648 days", "1 year 00:00:01"],
    "uuid": ["00000000-0000-0000-0000-000000000000", "0190163d-8694-739b-aea5-966c26f8ad91", "ffffffff-ffff-ffff-ffff-ffffffffffff"],
    "bytea": ["", "\\x00", "\\x00ff105c22"], "bit(11)": ["10100000001"], "bit varying": ["", "1", "00000000", "111111110"],
    "inet": ["10.0.0.1", "10.0.0.1/8", "0.0.0.0/0", "255.255.255.255/31", "::", "::1", "::2/64", "::ffff:1.2.3.4", "::1.2.3.4", "::1:0", "1::", "1::/12", "fe80::1:0:0:1/64",
             "1:0:0:2:0:0:0:3", "1:0:0:0:2:0:0:0", "0:1:2:3:4:5:6:7", "1:2:3:4:5:6:7:0", "1:2:3:4:5:6:0:0", "2001:db8::ff00:42:8329", "0:0:1::", "::ffff:0:0", "::fffe:1.2.3.4",
             "0:0:0:0:0:1:2:3", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/1", "::1/0"],
    "cidr": ["10.0.0.0/8", "10.0.0.1", "0.0.0.0/0", "::/0", "::1", "2001:db8::/32", "::ffff:1.2.3.4"],
    "macaddr": ["08:00:2b:01:02:ff"], "macaddr8": ["08:00:2b:01:02:03:04:ff"],
    "point": ["(1.5,-2)", "(NaN,Infinity)", "(1e300,1e-300)"],
    "int4range": ["[1,5)", "(,)", "empty", "[1,)", "(,9]"], "int8range": ["[-9223372036854775808,5]"], "numrange": ["(1.50,2.5]", "[NaN,]", "empty"],
    "daterange": ["[2024-01-01,2024-02-01)", "[0044-03-15 BC,)", "[-infinity,infinity]"], "tsrange": ["[2024-01-01 00:00,2024-01-02 01:02:03.5]", "(,)"],
    "tstzrange": ["[2024-01-01 00:00+02,)", "empty"],
}
ARRAYS = ["'{}'::int4[]", "'[0:1]={5,6}'::int4[]", "'[-2:-1][5:7]={{1,2,3},{4,NULL,6}}'::int4[]", "array[[1,2],[3,4]]", "array[[['a','b c'],['','NULL']],[[NULL,'x'],['\"','\\']]]",
          "array[[[[[[1]]]]]]", "array[array[null]]::text[]", "array_fill(7, array[2,2,3])", "array[1.50, 'NaN', null]::numeric[]"]
NAMES = {"char(5)": "bpchar", "\"char\"": "char", "mood": "enum", "bit(11)": "bit", "bit varying": "varbit"}
MORE_SINCE = {140000: {"numeric": ["Infinity", "-Infinity"], "numrange": ["(,Infinity)"]}, 150000: {"interval": ["2562047788:00:54.775807"]}, 170000: {"interval": ["infinity", "-infinity"]}}
SCRIPT = """create extension citext; create extension hstore; create extension ltree; create type mood as enum ('sad', 'very, happy');"""


def random_floats(count, bits):
    """Of any bits: as hex, for the server's receive functions have no SQL form."""
    source = random.Random(bits)
    return [source.getrandbits(bits) for _ in range(count)]


class BinaryTexts(ServerCase):
    """Value by value: our text of a value in binary is the server's."""

    def setUp(self):
        super().setUp()
        self.sql(SCRIPT)
        self.version = int(self.cluster.value("show server_version_num"))
        self.connection = self.cluster.connect(self.database, options=SESSION)
        self.addCleanup(self.connection.close)
        self.lines = []

    def add(self, name, element, query):
        """Values of a query, in binary and as text: a record's form has the value behind three numbers."""
        with self.connection.cursor() as cursor:
            cursor.execute(f"select encode(substr(record_send(row(v)), 13), 'hex'), encode(convert_to(format('%s', v), 'UTF8'), 'hex') from ({query}) q(v)")
            self.lines += [f"{name} {element} {self.version} x{value} x{text}" for value, text in cursor]

    def compare(self):
        out = subprocess.run([TEXTS], input="\n".join(self.lines), capture_output=True, text=True, check=False)
        self.assertEqual(out.returncode, 0, out.stderr[-2000:])
        *others, count = out.stdout.splitlines()
        self.assertEqual(int(count), len(self.lines))
        self.assertEqual(others[:20], [], f"{len(others)} of {count}")

    def literals(self, sql_type):
        out = list(VALUES[sql_type])
        for since, more in MORE_SINCE.items():
            out += more.get(sql_type, []) if self.version >= since else []
        return out

    def test_values_of_each_type(self):
        for sql_type in VALUES:
            if sql_type == '"char"' and self.version < 150000:
                continue  # its text was another one
            name = NAMES.get(sql_type, sql_type)
            for literal in self.literals(sql_type):
                query = f"select v::{sql_type} from ({literal}) q(v)" if literal.startswith("select ") else f"select {self.quoted(literal)}::{sql_type}"
                self.add(name, "unknown", query)
                self.add("array", name, f"select array[v, null, v] from ({query} limit 50) q(v)")
        self.compare()

    def test_arrays_with_bounds_and_dimensions(self):
        for literal in ARRAYS:
            with self.connection.cursor() as cursor:
                cursor.execute(f"select pg_typeof({literal})::text")
                element = {"integer[]": "int4", "text[]": "text", "numeric[]": "numeric"}[cursor.fetchone()[0]]
            self.add("array", element, f"select {literal}")
        self.compare()

    def test_random_floats_and_numerics(self):
        for name, bits in (("float4", 32), ("float8", 64)):
            values = ",".join(f"({float_text(number, bits)})" for number in random_floats(20000, bits))
            self.add(name, "unknown", f"select v::{name} from (values {values}) q(v)")
        self.add("float8", "unknown", "select random() * power(10::float8, g % 40 - 20) from generate_series(1, 20000) g")
        self.add("float8", "unknown", "select (9007199254740992 + g)::float8 * power(2::float8, g % 60) from generate_series(1, 20000) g")
        self.add("numeric", "unknown", "select round((random() * 1e9)::numeric * power(10::numeric, g % 30 - 15), g % 20) from generate_series(1, 5000) g")
        self.compare()

    def quoted(self, text):
        with self.connection.cursor() as cursor:
            return cursor.mogrify("%s", (text,)).decode()


def float_text(number, bits):
    """A literal that reads back as the number of these bits."""
    value = struct.unpack(">f" if bits == 32 else ">d", number.to_bytes(bits // 8, "big"))[0]
    return f"'{value!r}'"


class BinaryStream(ServerCase):
    """The stream in binary beside the stream in text."""

    def setUp(self):
        super().setUp()
        self.sql(SCRIPT)
        self.version = int(self.cluster.value("show server_version_num"))
        self.best = "binary" if self.version >= 140000 else "text"

    def capture(self, **more):
        mode = more.get("stream.binary", "auto")
        config = self.connector(file=f"{mode}.json", **{"snapshot.mode": "no_data", "include.unknown.datatypes": "true", "slot.name": f"{self.slot}_{mode}",
                                                       "offset.storage.file.filename": str(self.folder / f"offsets-{mode}"), **more})
        folder = self.folder / mode
        folder.mkdir()
        child = self.to_stdout(config, cwd=folder)
        child.until("streaming", lambda: 'msg=streaming' in child.stderr())
        return child

    def formats(self, child, line="streaming"):
        return re.findall(rf'msg="?{line}"? .*format=(\w+)', child.stderr())

    def everything(self):
        """A table with a column of each type and of its array; the columns' types and literals."""
        huge = re.compile("select |.*e131071")  # a number of so many digits takes its time to convert
        columns = [(sql_type, [text for text in VALUES[sql_type] if not huge.match(text)]) for sql_type in VALUES
                   if self.version >= 150000 or sql_type != '"char"']
        names = ", ".join(f"v{i} {sql_type}, a{i} {sql_type}[]" for i, (sql_type, _) in enumerate(columns))
        self.sql(f"create table everything(id int primary key, {names}); alter table everything replica identity full")
        return columns

    def test_the_same_events_as_in_text(self):
        columns = self.everything()
        self.sql("create table big(id int primary key, t text, n numeric[]); alter table big alter t set storage external, alter n set storage external")
        self.insert_everything(columns, 5000)
        snapshot = {"snapshot.mode": "initial"}
        children = [self.capture(**snapshot), self.capture(**snapshot, **{"stream.binary": "off"})]
        rows = self.insert_everything(columns, 0)
        self.sql("update everything set id = id + 1000; delete from everything")
        self.sql("insert into big select 1, repeat('x', 9000), array_agg(g) from generate_series(1, 3000) g; update big set id = 2; update big set t = 'y'; truncate big")
        wanted = 7 * rows  # half of them are read and half created; an update of the key is a delete, its tombstone and a create
        texts = []
        for child in children:
            child.until("the last row", lambda c=child: any('"t":"y"' in line for line in c.lines))
            self.assertGreater(len(child.lines), wanted)
            texts.append([self.without_instant(line) for line in list(child.lines)])
        self.assertEqual(texts[0], texts[1])
        self.assertEqual([self.formats(child) for child in children], [[self.best], ["text"]])
        self.assertEqual([self.formats(child, "table read") for child in children], [[self.best] * 2, ["text"] * 2])
        for child in children:
            self.assertEqual(child.stop(), 0, child.stderr())

    def without_instant(self, line):
        """Of the event; of a row that was read also that of the snapshot."""
        line = re.sub(r'"ts_[mun]s":\d+', '"ts":0', line)
        return re.sub(r'"(lsn|txId)":\d+|"sequence":"[^}]*?"]"', '"snapshot":0', line) if '"op":"r"' in line else line

    def insert_everything(self, columns, first):
        """Rows with all values of all types; how many."""
        holes = ", ".join(f"%s::{sql_type}, array[%s, null]::{sql_type}[]" for sql_type, _ in columns)
        rows = max(len(literals) for _, literals in columns)
        for i in range(rows):
            values = [literals[i % len(literals)] for _, literals in columns for _ in range(2)]
            self.sql(f"insert into everything values ({first + i}, {holes})", *values)
        self.sql(f"insert into everything(id) values ({first + rows})")
        return rows + 1

    def ids(self, child):
        return [record["value"]["payload"]["after"]["id"] if "payload" in record["value"] else record["value"]["after"]["id"] for record in child.records()]

    def ends_in_text(self, child, ids, *words):
        """Each id came once, and the stream turned to text without an error; words: what the log says of it."""
        self.until("all rows", lambda: len(child.lines) >= len(ids))
        self.wait_confirmed_all(child)
        self.assertEqual(self.ids(child), ids)
        self.assertEqual(self.formats(child)[-1], "text")
        for word in words if self.best == "binary" else ():
            self.assertIn(word, child.stderr())
        self.assertNotIn("level=warn", child.stderr())
        self.assertNotIn("level=error", child.stderr())
        self.assertEqual(child.stop(), 0, child.stderr())

    def wait_confirmed_all(self, child):
        target = self.cluster.value("select pg_current_wal_insert_lsn()")
        child.until("all confirmed", lambda: self.cluster.value(
            "select coalesce(bool_and(confirmed_flush_lsn >= %s::pg_lsn), false) from pg_replication_slots where database = %s", target, self.database))

    def test_a_column_of_an_unknown_type_in_mid_stream(self):
        self.sql("create table t(id int primary key, n numeric)")
        child = self.capture()
        self.assertEqual(self.formats(child), [self.best])
        self.sql("insert into t select g, g from generate_series(1, 2000) g")
        self.sql("insert into t select g, g from generate_series(2001, 4000) g; alter table t add column m money; insert into t select g, g, g from generate_series(4001, 6000) g")
        self.sql("insert into t values (6001, 1, 5)")
        # It is gone from the table, and still in the log: text all the same.
        self.sql("alter table t drop column m; insert into t values (6002, 2)")
        self.ends_in_text(child, list(range(1, 6003)), 'msg="a type is not known in binary: the stream goes on in text"', "table=public.t column=m type=money")
        last = child.records()[6000]["value"]
        self.assertIn("m", last.get("payload", last)["after"])

    def test_a_table_of_an_unknown_type_in_mid_stream(self):
        self.sql("create table t(id int primary key)")
        child = self.capture(**{"publication.autocreate.mode": "all_tables", "table.refresh.interval.ms": "0"})
        self.sql("insert into t values (1); create table odd(id int primary key, c t); insert into odd values (2, row(7)); insert into t values (3)")
        self.ends_in_text(child, [1, 2, 3], "table=public.odd column=c type=t")

    def test_a_type_that_is_not_known_at_the_start(self):
        self.sql("create table t(id int primary key, m money)")
        child = self.capture()
        self.sql("insert into t values (1, 2)")
        self.ends_in_text(child, [1], 'msg="a type is not known in binary: the stream is text"' + " table=public.t column=m type=money")
        self.assertEqual(self.formats(child), ["text"])

    def test_vectors_of_the_catalogue_are_no_arrays(self):
        """int2vector and oidvector have elements, and their texts no braces."""
        self.sql("create table t(id int primary key, k int2vector, c oidvector); insert into t values (1, '1 2', '3 4')")
        children = [self.capture(**{"snapshot.mode": "initial", "stream.binary": mode}) for mode in ("auto", "off")]
        self.sql("insert into t values (2, '5', '6 7')")
        for child in children:
            child.wait_records(2)
            values = [record["value"].get("payload", record["value"])["after"] for record in child.records()]
            self.assertEqual([base64.b64decode(row[name]) for row in values for name in "kc"], [b"1 2", b"3 4", b"5", b"6 7"])

    def test_an_excluded_column_may_be_of_any_type(self):
        self.sql("create table t(id int primary key, m money, n int, s tsvector generated always as (to_tsvector('simple', 'a')) stored)")
        child = self.capture(**{"column.exclude.list": "public.t.m"})
        self.sql("insert into t values (1, 2, 3); update t set n = 4")
        child.wait_records(2)
        values = [record["value"].get("payload", record["value"])["after"] for record in child.records()]
        self.assertEqual([{name: row[name] for name in row if name != "s"} for row in values], [{"id": 1, "n": 3}, {"id": 1, "n": 4}])
        self.assertEqual(self.formats(child), [self.best])

    def test_what_the_server_itself_cannot_send_in_binary(self):
        self.sql("create extension isn; create table t(id int primary key, i isbn[])")
        child = self.capture(**{"column.exclude.list": "public.t.i"})
        self.assertEqual(self.formats(child), [self.best])
        self.sql("insert into t values (1, null)")
        self.sql("insert into t values (2, null), (3, '{978-0-393-04002-9}'); insert into t values (4, null)")
        self.ends_in_text(child, [1, 2, 3, 4], "the server has a type that it cannot send in binary")
