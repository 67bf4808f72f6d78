-- The shop's database, as its owners have it.
create extension if not exists "uuid-ossp";

-- The stock. No primary key: the pipeline gives it REPLICA IDENTITY FULL (replica.identity.autoset.values).
create table inventory (
  id uuid default uuid_generate_v4(),
  sku char(15) not null,
  name varchar(150) not null,
  description text,
  price double precision not null default 0,
  available integer
);

-- What the fulfilment knows of a product.
create table products (
  id uuid primary key default uuid_generate_v4(),
  name text not null,
  weight float not null,
  created_at timestamptz not null default now()
);

-- Who wants an e-mail when a product is back.
create table subscriptions (
  email text,
  sku char(15),
  primary key (email, sku)
);

insert into products (name, weight) values
  ('scooter', 3.14), ('car battery', 8.1), ('12-pack drill bits', 0.8), ('hammer', 0.75);

-- 200 articles; every tenth is scarce and sells out quickly.
insert into inventory (sku, name, description, price, available)
select 'SKU-' || lpad(n::text, 4, '0'), 'Article ' || n, 'Number ' || n || ' of the catalogue',
       round((5 + n * 0.37)::numeric, 2), case when n % 10 = 0 then 2 else 400 end
from generate_series(1, 200) n;

insert into subscriptions (email, sku) values
  ('ada@example.com', 'SKU-0010'), ('ada@example.com', 'SKU-0020'), ('grace@example.com', 'SKU-0010'),
  ('edsger@example.com', 'SKU-0030'), ('barbara@example.com', 'SKU-0040'), ('alan@example.com', 'SKU-0050');
