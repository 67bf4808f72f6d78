-- Changes of every kind over tables of every common shape, for a byte by byte comparison of two capture programs.
create table inventory(id uuid default '00000000-0000-0000-0000-000000000000', sku char(15) not null, name varchar(150) not null,
  description text, price double precision not null default 0, available integer);
alter table inventory replica identity full;
create table products(id uuid primary key, name text not null, weight float not null, created_at timestamptz not null default now());
create table lines(order_id int, line smallint, qty numeric(9,2), note text default 'none', primary key (line, order_id));
create table wide(id bigint primary key, b bool, i2 smallint, i4 int, i8 bigint, f4 real, f8 double precision, num numeric(20,6), nv numeric,
  t text, v varchar(20), c char(5), by bytea, d date, ti time, tz timetz, ts timestamp, ts3 timestamp(3), tstz timestamptz,
  iv interval, j json, jb jsonb, u uuid, x xml, bits bit(9), vb varbit(20), m money, ip inet, arr int[], tarr text[]);
create table by_index(code text not null unique, v int);
alter table by_index replica identity using index by_index_code_key;
create table sentinel(id int primary key);

create procedure work() language plpgsql as $$
declare n int;
begin
  for n in 1..2000 loop
    insert into inventory(sku, name, description, price, available)
      values ('SKU-' || n % 200, 'naïve "quoted" \ name ' || n, case when n % 3 = 0 then null else E'line\nbreak\ttab ' || chr(1 + n % 31) || chr(8364 + n % 100) end,
              n / 7.0::float8 * power(10, n % 40 - 20), n % 50);
    insert into products values (md5(n::text)::uuid, 'produit ' || n, n * 1.1, '2024-01-01 00:00:00+00'::timestamptz + n * interval '1.000001 s');
    insert into lines values (n, n % 7, n / 3.0, default);
    insert into wide values (n, n % 2 = 0, n % 32768, -n, n::bigint << 40, n / 3.0, sqrt(n), n / 7.0, n::numeric ^ (n % 9) / 8, repeat('ü', n % 50), 'v' || n, 'c',
      decode(md5(n::text), 'hex'), '2000-01-01'::date + n * 13, '00:00:00'::time + n * interval '1.5 s', '10:00:00+02'::timetz, '1999-12-31'::timestamp + n * interval '1.000123 s',
      '2024-05-05 05:05:05.555', '1970-01-01 00:00:00+00'::timestamptz + n * interval '1 h 0.000007 s', n * interval '1 mon 2 days 3.5 s',
      '{"a": [1, 2.50, "x"]}', '{"b": null, "a": 1.0}', md5('u' || n)::uuid, '<a>b</a>', (n % 512)::bit(9), B'1011', n::numeric::money, '10.1.2.3/24',
      array[n, null, -n], array['a"b', 'c,d', null]);
    if n % 4 = 0 then
      update inventory set available = available + 1, price = price * 1.01 where sku = 'SKU-' || n % 200;
      update wide set t = null, f8 = 'NaN', nv = -nv, b = null where id = n;
    end if;
    if n % 10 = 0 then
      update lines set order_id = -order_id where order_id = n;
      update products set weight = weight / 3 where id = md5((n - 1)::text)::uuid;
      delete from products where id = md5((n - 5)::text)::uuid;
      delete from wide where id = n - 1;
      delete from inventory where sku = 'SKU-' || n % 150;
    end if;
    if n % 50 = 0 then
      insert into by_index values ('code ' || n, n);
      update by_index set v = v + 1 where code = 'code ' || n;
      update by_index set code = 'new ' || n where code = 'code ' || n;
      delete from by_index where v % 100 = 1;
    end if;
    if n % 25 = 0 then commit; end if;
  end loop;
end $$;
