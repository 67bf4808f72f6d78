"""A physical standby of a Cluster, with a copy of its failover slots (PostgreSQL 17 and later), and its promotion.

The standby is a cold copy of the primary's folder, so no client program is needed that the test servers lack.
"""
import shutil

from support import waiting
from support.postgres import Cluster

PHYSICAL = "standby"  # the slot that the standby reads


def of(primary, **settings):
    """A running standby of a running primary, which is stopped for a moment. Whoever calls removes it."""
    if not primary.value("select count(*) from pg_replication_slots where slot_name = %s", PHYSICAL):
        primary.sql("select pg_create_physical_replication_slot(%s, true)", PHYSICAL)
    standby = Cluster(bin_folder=primary.bin_folder)
    primary.stop()
    # As the user postgres, to whom the files must belong.
    primary.run("cp", "-R", primary.data, standby.new_folder() / "data")
    primary.start()
    standby.configure(port=standby.port, primary_slot_name=PHYSICAL, hot_standby_feedback="on", synchronized_standby_slots="",
                      primary_conninfo=f"host=127.0.0.1 port={primary.port} user=postgres dbname=postgres", **settings)
    standby.run("touch", standby.data / "standby.signal")
    return standby.start()


def slot_is_copied(standby, slot):
    """Whether the slot would outlive a promotion now: not before its reader has moved it on the primary."""
    rows = standby.sql("select synced and not temporary from pg_replication_slots where slot_name = %s", slot)
    return bool(rows and rows[0][0])


def promote(standby):
    standby.sql("select pg_promote()")
    waiting.until("the standby promoted", lambda: not standby.value("select pg_is_in_recovery()"))
