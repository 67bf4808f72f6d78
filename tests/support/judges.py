"""What a sink holds against what the audit table has: pure functions, each gives what is wrong in sentences. Their tests: test_kill_judges.py.

A change is (op, old_id, new_id, v) as support.audited writes it; v is new with every change but a delete.
"""
import collections
import json


def judge_history(rows, audit):
    """rows: (lsn, seq, op, old_id, new_id, v) of the history without the snapshot; audit: (op, old_id, new_id, v)."""
    problems, got, due = [], collections.Counter(row[2:] for row in rows), collections.Counter(audit)
    lost, more = due - got, got - due
    if lost:
        problems.append(f"{sum(lost.values())} changes lost, as {list(lost)[:3]}")
    if more:
        problems.append(f"{sum(more.values())} changes doubled or invented, as {list(more)[:3]}")
    # In (lsn, seq) order the changes of a key are in the audit's order.
    if not problems and per_key(row[2:] for row in sorted(rows)) != per_key(audit):
        problems.append("the changes of a key are not in order")
    return problems


def per_key(changes):
    order = collections.defaultdict(list)
    for change in changes:
        for key in {change[1], change[2]} - {None}:
            order[key].append(change)
    return order


def expected_of_key(audit):
    """What Kafka must hold for each key: (op, v) in order, None for a tombstone; a key change is delete and create."""
    out = collections.defaultdict(list)
    for op, old_id, new_id, v in audit:
        if op == "u" and old_id != new_id:
            out[old_id] += [("d", None), None]
            out[new_id].append(("c", v))
        elif op == "d":
            out[old_id] += [("d", v), None]
        else:
            out[new_id].append((op, v))
    return out


def judge_kafka(records, audit):
    """records: (key, lsn, op, v) in the order of the partition, op None for a tombstone, without the snapshot."""
    seen, got, last_lsn = set(), collections.defaultdict(list), {}
    for key, lsn, op, v in records:
        if op is None:
            lsn = last_lsn.get(key)  # a tombstone goes with the delete before it
        last_lsn[key] = lsn
        if (lsn, op, key) not in seen:
            seen.add((lsn, op, key))
            got[key].append(None if op is None else (op, v))
    problems, due = [], expected_of_key(audit)
    for key in sorted(set(due) | set(got)):
        # The old value of a key change is in the row before it; the audit has only the new one.
        mine = [("d", None) if g and e and g[0] == "d" and e == ("d", None) else g for g, e in zip(got[key], due[key])] + got[key][len(due[key]):]
        if mine != due[key]:
            kind = "lost" if len(mine) < len(due[key]) else "more" if len(mine) > len(due[key]) else "out of order"
            problems.append(f"key {key}: {kind}: {len(mine)} for {len(due[key])}")
    return problems


def judge_from_snapshot(reads, changes, due, first):
    """Of what began with a snapshot under load. By key: reads: the v of its snapshot rows; changes: (op, v) in order, v None where the
    row is gone then; due: all that ever were, alike; first: v before all of them. A key has its last changes without a gap, and its
    snapshot row is what it was at their beginning or between two of them (a snapshot that was killed and goes on)."""
    problems = []
    for key in sorted(set(reads) | set(changes) | set(due) | set(first)):
        got, all_of_it = changes.get(key, []), due.get(key, [])
        before = len(all_of_it) - len(got)
        if before < 0 or got != all_of_it[before:]:
            problems.append(f"key {key}: {len(got)} changes are not the last of {len(all_of_it)}: {got} of {all_of_it}")
            continue
        states = [first.get(key), *(v for _, v in all_of_it)][before:]
        seen = reads.get(key, [])
        if not set(seen) <= set(states) or (not seen and None not in states):
            problems.append(f"key {key}: snapshot rows {seen} for {states[:3]}")
    return problems


def by_key(changes):
    """For judge_from_snapshot, of (op, old_id, new_id, v)."""
    return {key: [(op, v) for op, v, _ in of_key] for key, of_key in moves(changes).items()}


def moves(audit):
    """By key: (op, v or None where the row is gone, whether the row came from another key or went to one)."""
    return {key: [("d" if new_id != key else op, None if new_id != key or op == "d" else v, op == "u" and old_id != new_id)
                  for op, old_id, new_id, v in of_key] for key, of_key in per_key(audit).items()}


class Events:
    """Debezium's events of one table, as they stand in a file or a topic: (key, value), value None for a tombstone.

    reads: by key the v of its snapshot rows; changes: by key (op, v), op 't' for a tombstone; repeated: how many events came before, with
    the same (lsn, op, key), which are in `changes` once; read_again: how many rows of one and the same snapshot; back: how many events stand
    behind one of a later commit."""

    def __init__(self, records):
        self.reads, self.changes = collections.defaultdict(list), collections.defaultdict(list)
        self.repeated = self.read_again = self.back = 0
        seen, rows, last_lsn, newest = set(), set(), {}, (0, 0)
        for key, value in records:
            op, lsn = ("t", last_lsn.get(key)) if value is None else (value["op"], value["source"]["lsn"])
            if op == "r":
                self.read_again += (lsn, key) in rows
                rows.add((lsn, key))
                self.reads[key].append(value["after"]["v"])
                continue
            last_lsn[key] = lsn
            if (lsn, op, key) in seen:
                self.repeated += 1
                continue
            seen.add((lsn, op, key))
            self.changes[key].append((op, None if op in "dt" else value["after"]["v"]))
            if value is not None:
                last, own = json.loads(value["source"]["sequence"])
                if last is None:  # of the first transaction after a snapshot nobody knows which one came before
                    continue
                place = (int(last), int(own))
                self.back += place < newest
                newest = max(place, newest)


def due_events(audit):
    """By key the (op, v) that Debezium's events have for these changes: a key change is delete and create, a tombstone follows a delete."""
    out = collections.defaultdict(list)
    for key, of_key in moves(audit).items():
        for op, v, moved in of_key:
            out[key] += [("d", None), ("t", None)] if v is None else [("c" if moved else op, v)]
    return out


def judge_events(events, audit, first, once):
    """Of what began with a snapshot under load. once: nothing may be there twice, and all in the order of the commits."""
    problems = judge_from_snapshot(events.reads, events.changes, due_events(audit), first)
    if once:
        told = {"changes doubled": events.repeated, "rows doubled in one snapshot": events.read_again, "changes behind one of a later commit": events.back}
        problems += [f"{number} {what}" for what, number in told.items() if number]
    return problems


def judge_mails(mails, audit, first, skipped=()):
    """mails: (Message-ID, (op, old_id, new_id, v)) of one table in the order of their arrival, op r for a row of its snapshot; skipped: the events
    that are known not to be sent again. An event may come again as the same message; one of a snapshot is another with each snapshot."""
    ids, order = collections.defaultdict(set), []
    for message_id, event in mails:
        if event not in ids:
            order.append(event)
        ids[event].add(message_id)
    problems = [f"{event} was sent as {len(of_event)} messages" for event, of_event in ids.items() if len(of_event) > 1 and event[0] != "r"]
    due = [change for change in audit if change in ids or change not in skipped]
    reads = collections.defaultdict(list)
    for op, _, new_id, v in order:
        if op == "r":
            reads[new_id].append(v)
    changes = by_key(event for event in order if event[0] != "r")
    return problems + judge_from_snapshot(reads, changes, by_key(due), first)
