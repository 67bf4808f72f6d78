"""The work of `bench growth`: a database whose changes stand behind slot DB_master, and in the tables of schema g for a
snapshot. One dimension grows, all else stays."""
import psycopg2
from databases import database, drop_slots, sql
from places import PG

TABLES_ROWS, COLUMNS_ROWS, VALUES_ROWS, BRANCHES_ROWS = 100000, 100000, 1000, 500000
POINTS = {"rows": [1000, 10000, 100000, 1000000, 10000000], "columns": [3, 10, 30, 100, 300], "tables": [1, 10, 100, 1000, 5000],
          "values": [1000, 10000, 100000, 1000000], "branches": [1, 2, 4, 8]}
UNITS = {"rows": "rows", "columns": "columns", "tables": "tables", "values": "bytes a value", "branches": "branches"}
PLAIN = "id bigint primary key, name text, price float8, available int, made timestamptz"
PLAIN_ROW = "n, 'Article number ' || n || ' of the catalogue', n / 7.0, mod(n, 1000)::int, timestamptz '2026-01-01' + n * interval '1 second'"


def in_transactions(db, total, step, statement):
    """insert ... for n from, to; `step` rows a transaction."""
    con = psycopg2.connect(dbname=db, **PG)
    con.autocommit = True
    con.cursor().execute(f"""set synchronous_commit = off;
        create procedure go() language plpgsql as $$ begin
          for i in 0 .. {(total - 1) // step} loop
            insert into {statement} from generate_series(i * {step}::bigint + 1, least((i + 1) * {step}::bigint, {total})) n;
            commit;
          end loop; end $$""")
    con.cursor().execute("call go()")
    con.close()


def plain(db, rows):
    in_transactions(db, rows, 1000, f"g.t select {PLAIN_ROW}")
    return rows


def columns(db, count):
    kinds = [("int", "n % 1000"), ("text", "'value ' || n"), ("float8", "n / 7.0")]
    of = [kinds[i % 3] for i in range(count - 1)]
    sql(db, "create table g.t (id bigint primary key, " + ", ".join(f"c{i} {kind}" for i, (kind, _) in enumerate(of)) + ")")
    in_transactions(db, COLUMNS_ROWS, 100, "g.t select n, " + ", ".join(value for _, value in of))
    return COLUMNS_ROWS


def values(db, size):
    sql(db, "create table g.t (id bigint primary key, body text); alter table g.t alter body set storage external")
    in_transactions(db, VALUES_ROWS, 1, f"g.t select n, repeat('0123456789', {size // 10})")
    return VALUES_ROWS


def tables(db, count):
    """The same rows and transactions over more tables, which take turns."""
    for first in range(0, count, 500):
        sql(db, "".join(f"create table g.t{t} ({PLAIN});" for t in range(first, min(first + 500, count))))
    each = TABLES_ROWS // count
    some = max(1, min(100, each // 4))
    con = psycopg2.connect(dbname=db, **PG)
    con.autocommit = True
    con.cursor().execute(f"""set synchronous_commit = off;
        create procedure go() language plpgsql as $$ declare made int := 0; begin
          for n0 in 1 .. {each} by {some} loop
            for t in 0 .. {count - 1} loop
              execute format('insert into g.t%s select {PLAIN_ROW.replace("'", "''")} from generate_series($1, $2) n', t)
                using n0, least(n0 + {some} - 1, {each});
              made := made + {some};
              if made >= 100 then commit; made := 0; end if;
            end loop;
          end loop; end $$""")
    con.cursor().execute("call go()")
    con.close()
    return each * count


def make(dimension, n):
    """Name of the database and how many changes it holds."""
    made = []

    def build(db):
        sql(db, "create schema g; create publication p for tables in schema g")
        if dimension in ("rows", "branches"):
            sql(db, f"create table g.t ({PLAIN})")
        sql(db, "select pg_create_logical_replication_slot(%s, 'pgoutput')", db + "_master")
        made.append({"rows": plain, "branches": lambda db, _: plain(db, BRANCHES_ROWS), "columns": columns, "values": values,
                     "tables": tables}[dimension](db, n))
        sql(db, "vacuum (freeze, analyze)")
        sql(db, "checkpoint")
    name = f"grow_{dimension}"
    drop(name)
    return database(name, build), made[0]


def drop(name):
    if sql("postgres", "select 1 from pg_database where datname = %s", name):
        drop_slots(name)
        sql("postgres", f"drop database {name} with (force)")
