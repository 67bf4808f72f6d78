"""Tables whose every change triggers write down, in its own transaction, in a table that is not captured; and writers that change them."""
import random
import threading
import time

# v is new with every change, so that each change can be told from every other.
SETUP = """
create sequence vs;
create table stock(id int primary key, v bigint not null default nextval('vs'), body text);
alter table stock replica identity full;
create table loose(v bigint not null default nextval('vs'), body text);
alter table loose replica identity full;
create table audit(seq bigserial primary key, op text, old_id int, new_id int, v bigint);
create function watch() returns trigger language plpgsql as $$
begin
  insert into audit(op, old_id, new_id, v) values (
    case tg_op when 'INSERT' then 'c' when 'UPDATE' then 'u' else 'd' end,
    case when tg_op <> 'INSERT' then old.id end, case when tg_op <> 'DELETE' then new.id end,
    case when tg_op = 'DELETE' then old.v else new.v end);
  return null;
end $$;
insert into stock(id, body) select g, 'first' from generate_series(1, 100) g;
create trigger watch after insert or update or delete on stock for each row execute function watch();
"""
# freight: the table of the large transactions, each of which changes every row and makes a fifth of them anew.
FREIGHT = """
create table freight(id int primary key, v bigint not null default nextval('vs'), body text);
alter table freight replica identity full;
create table freight_audit(seq bigserial primary key, op text, old_id int, new_id int, v bigint);
create function watch_freight() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' then
    insert into freight_audit(op, old_id, new_id, v) select 'd', id, null, v from gone;
  elsif tg_op = 'INSERT' then
    insert into freight_audit(op, old_id, new_id, v) select 'c', null, id, v from fresh;
  else
    insert into freight_audit(op, old_id, new_id, v) select 'u', id, id, v from fresh;
  end if;
  return null;
end $$;
insert into freight(id, body) select g, repeat('f', 100) from generate_series(1, {rows}) g;
create trigger watch_insert after insert on freight referencing new table as fresh for each statement execute function watch_freight();
create trigger watch_update after update on freight referencing new table as fresh for each statement execute function watch_freight();
create trigger watch_delete after delete on freight referencing old table as gone for each statement execute function watch_freight();
"""
LARGE_TRANSACTION = """
update freight set v = nextval('vs');
delete from freight where id % 5 = {rest};
insert into freight(id, body) select g, repeat('g', 100) from generate_series(1, {rows}) g where g % 5 = {rest};
"""
DUCK = """
[branch.history]
tables = ["public.stock", "public.freight"]
sql = \"\"\"SELECT lsn, seq, op, before.id AS old_id, after.id AS new_id, row.v AS v FROM changes\"\"\"
[branch.history.sink]
type = "duckdb"
duckdb.file = "$FOLDER/w.duckdb"
duckdb.mode = "history"
duckdb.table = "${table}_history"
[branch.mirror.sink]
type = "duckdb"
duckdb.file = "$FOLDER/w.duckdb"
duckdb.mode = "mirror"
"""


class Load(threading.Thread):
    """Writers' work on a connection of its own until stop(): small and larger transactions, rollbacks, key changes."""

    def __init__(self, case, number, seed, pause=0.01):
        """pause: how long at most between two transactions, in seconds."""
        super().__init__(daemon=True)
        self.pause, self.rests = pause, threading.Event()  # rests: no transaction is begun while it is set
        self.connection = case.cluster.connect(case.database, autocommit=False)
        self.random, self.number, self.ended = random.Random(seed * 1000 + number), number, threading.Event()
        self.made, self.transactions, self.error = 0, 0, None

    def stop(self):
        self.ended.set()
        self.join(30)
        self.connection.close()
        if self.error:
            raise AssertionError(f"the load failed: {self.error}")

    def run(self):
        try:
            with self.connection.cursor() as cursor:
                while not self.ended.is_set():
                    if self.rests.is_set():
                        self.ended.wait(0.02)
                        continue
                    for _ in range(self.random.choice((1, 1, 2, 5, 40))):
                        self.change(cursor)
                    self.connection.rollback() if self.random.random() < 0.1 else self.connection.commit()
                    self.transactions += 1
                    time.sleep(self.random.random() * self.pause)
        except Exception as error:  # told by stop()
            self.error = error

    def change(self, cursor):
        # Each writer has keys of its own above 1000 (no deadlocks) and updates in them.
        self.made += 1
        base, r = 1_000_000 * (self.number + 1), self.random
        act, key = r.random(), base + r.randint(1, 300)
        if act < 0.35:
            cursor.execute("insert into stock(id, body) values (%s, %s) on conflict (id) do update set v = nextval('vs')", (key, "x" * r.randint(1, 500)))
        elif act < 0.7:
            cursor.execute("update stock set v = nextval('vs'), body = %s where id = %s", ("y" * r.randint(1, 500), key))
        elif act < 0.8:
            cursor.execute("delete from stock where id = %s", (key,))
        elif act < 0.85:
            cursor.execute("update stock set id = %s, v = nextval('vs') where id = %s and not exists (select 1 from stock where id = %s)", (key + 1000, key, key + 1000))
        elif act < 0.95:
            cursor.execute("insert into loose(body) values (%s)", ("z" * r.randint(1, 100),))
        else:
            cursor.execute("delete from loose where v in (select v from loose where v %% 3 = %s order by v limit 1 for update skip locked)", (self.number % 3,))
