#!/usr/bin/env python3
"""Drive the shop: traffic.py DSN [--seconds 20] [--rate 300] [--seed 1]

Customers buy, clerks restock what is sold out, prices change, articles come and go: each in a transaction of its own.
Prints what it did as a line of JSON.
"""
import argparse
import json
import random
import time

import psycopg2

SALE = "update inventory set available = available - 1 where sku = %s and available > 0"
RESTOCK = "update inventory set available = %s where sku = %s and available = 0"
PRICE = "update inventory set price = round((price * %s)::numeric, 2) where sku = %s"
NEW = "insert into inventory (sku, name, description, price, available) values (%s, %s, %s, %s, %s)"
DROP = "delete from inventory where sku = %s"
WEIGH = "update products set weight = weight + 0.01 where id = (select id from products order by id offset %s limit 1)"
NEW_PRODUCT = "insert into products (name, weight) values (%s, %s)"


class Shop:
    def __init__(self, connection, seed):
        self.cursor, self.random = connection.cursor(), random.Random(seed)
        self.cursor.execute("select trim(sku) from inventory order by 1")
        self.skus = [row[0] for row in self.cursor.fetchall()]
        self.scarce = [sku for sku in self.skus if sku.endswith("0")]
        self.made, self.done = len(self.skus), {}

    def any_sku(self):
        return self.random.choice(self.skus)

    def sale(self):
        # A third of the customers wants what is scarce.
        sku = self.random.choice(self.scarce) if self.random.random() < 0.35 else self.any_sku()
        self.cursor.execute(SALE, (sku,))

    def restock(self):
        self.cursor.execute(RESTOCK, (self.random.randint(3, 6), self.random.choice(self.scarce)))

    def price(self):
        self.cursor.execute(PRICE, (self.random.choice((0.9, 0.95, 1.05, 1.1)), self.any_sku()))

    def new_article(self):
        self.made += 1
        sku = f"SKU-{self.made:04}"
        self.cursor.execute(NEW, (sku, f"Article {self.made}", "Just arrived", round(self.random.uniform(1, 99), 2), 50))
        self.skus.append(sku)

    def drop_article(self):
        fresh = [sku for sku in self.skus if int(sku[4:]) > 200]
        if fresh:
            sku = self.random.choice(fresh)
            self.skus.remove(sku)
            self.cursor.execute(DROP, (sku,))

    def product(self):
        if self.random.random() < 0.1:
            self.cursor.execute(NEW_PRODUCT, (f"product {self.random.randint(1, 999)}", round(self.random.uniform(0.1, 9), 2)))
        else:
            self.cursor.execute(WEIGH, (self.random.randint(0, 3),))

    def step(self):
        acts = (self.sale, self.restock, self.price, self.new_article, self.drop_article, self.product)
        act = self.random.choices(acts, (65, 8, 10, 6, 5, 6))[0]
        act()
        self.done[act.__name__] = self.done.get(act.__name__, 0) + 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dsn")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rate", type=float, default=300, help="transactions a second")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    connection = psycopg2.connect(args.dsn)
    connection.autocommit = True
    shop, began, steps = Shop(connection, args.seed), time.monotonic(), 0
    while (now := time.monotonic() - began) < args.seconds:
        if steps < now * args.rate:
            shop.step()
            steps += 1
        else:
            time.sleep(0.002)
    print(json.dumps({"transactions": steps, **shop.done}))


if __name__ == "__main__":
    main()
