"""The judges of the kill tests find what they must find, and nothing where all is well."""
import unittest

from support.judges import Events, by_key, judge_events, judge_from_snapshot, judge_history, judge_kafka, judge_mails


class Judges(unittest.TestCase):
    AUDIT = [("c", None, 1, 10), ("u", 1, 1, 11), ("c", None, 2, 12), ("u", 1, 3, 13), ("d", 2, None, 12)]
    HISTORY = [(100 + n, 0, *change) for n, change in enumerate(AUDIT)]
    KAFKA = [(1, 1, "c", 10), (1, 2, "u", 11), (2, 3, "c", 12), (1, 4, "d", 11), (1, 4, None, None), (3, 4, "c", 13), (2, 5, "d", 12), (2, 5, None, None)]

    def test_all_is_well(self):
        self.assertEqual(judge_history(self.HISTORY, self.AUDIT), [])
        self.assertEqual(judge_kafka(self.KAFKA, self.AUDIT), [])

    def test_a_lost_change_is_found(self):
        for n in range(len(self.HISTORY)):
            self.assertTrue(judge_history(self.HISTORY[:n] + self.HISTORY[n + 1:], self.AUDIT), n)
        for n in range(len(self.KAFKA)):
            self.assertTrue(judge_kafka(self.KAFKA[:n] + self.KAFKA[n + 1:], self.AUDIT), n)

    def test_a_doubled_change_is_found_in_the_history(self):
        for row in self.HISTORY:
            self.assertTrue(judge_history(self.HISTORY + [row], self.AUDIT))

    def test_repeats_are_allowed_in_kafka(self):
        self.assertEqual(judge_kafka(self.KAFKA[:5] + self.KAFKA[1:], self.AUDIT), [])
        self.assertEqual(judge_kafka(self.KAFKA + self.KAFKA, self.AUDIT), [])

    def test_an_invented_change_is_found_in_kafka(self):
        self.assertTrue(judge_kafka(self.KAFKA + [(1, 9, "u", 99)], self.AUDIT))

    def test_wrong_order_is_found(self):
        swapped = [self.KAFKA[1], self.KAFKA[0], *self.KAFKA[2:]]
        self.assertTrue(judge_kafka(swapped, self.AUDIT))
        rows = [list(row) for row in self.HISTORY]
        rows[0][0], rows[1][0] = rows[1][0], rows[0][0]
        self.assertTrue(judge_history([tuple(row) for row in rows], self.AUDIT))

    def test_a_gap_behind_a_snapshot_is_found(self):
        due = by_key(self.AUDIT)
        self.assertEqual(judge_from_snapshot({}, due, due, {}), [])
        self.assertEqual(judge_from_snapshot({1: [11]}, {**due, 1: due[1][2:]}, due, {}), [])
        self.assertEqual(judge_from_snapshot({5: [4]}, due, due, {5: 4}), [])
        self.assertTrue(judge_from_snapshot({1: [10]}, {**due, 1: due[1][2:]}, due, {}), "an old row")
        self.assertTrue(judge_from_snapshot({}, {**due, 3: []}, due, {}), "no row")
        self.assertTrue(judge_from_snapshot({}, {**due, 1: due[1][:1] + due[1][2:]}, due, {}), "a gap")
        self.assertTrue(judge_from_snapshot({}, {**due, 1: due[1][:2]}, due, {}), "the end is missing")
        self.assertTrue(judge_from_snapshot({}, due, due, {5: 4}), "a row that never changed is missing")


def event(op, key, lsn, v):
    """A record of a change that stands at `lsn` in the WAL, in a transaction that commits a little later."""
    row = {"id": key, "v": v}
    return key, {"op": op, "before": row if op == "d" else None, "after": None if op == "d" else row,
                 "source": {"lsn": lsn, "sequence": f'["{lsn - lsn % 10}","{lsn}"]'}}


class JudgesOfEvents(unittest.TestCase):
    """Of Debezium's events in a file (once) and in Kafka, of a snapshot and what came after."""
    AUDIT = [("c", None, 1, 10), ("u", 1, 1, 11), ("u", 7, 7, 12), ("u", 1, 3, 13), ("d", 7, None, 12)]
    FIRST = {7: 5, 8: 6}
    # The snapshot was taken after the first change.
    RECORDS = [event("r", 1, 20, 10), event("r", 7, 20, 5), event("r", 8, 20, 6), event("u", 1, 31, 11), event("u", 7, 32, 12),
               event("d", 1, 43, 11), (1, None), event("c", 3, 43, 13), event("d", 7, 51, 12), (7, None)]

    def problems(self, records, once=True):
        return judge_events(Events(records), self.AUDIT, self.FIRST, once)

    def test_all_is_well(self):
        self.assertEqual(self.problems(self.RECORDS), [])
        again = [event("r", 1, 29, 10), event("r", 7, 29, 5), event("r", 8, 29, 6)]
        self.assertEqual(self.problems(again + self.RECORDS), [], "a snapshot that was read anew")

    def test_each_lost_record_is_found(self):
        for n in range(2, len(self.RECORDS)):  # a row that is deleted later may have been gone when an interrupted snapshot was read anew
            for once in (True, False):
                self.assertTrue(self.problems(self.RECORDS[:n] + self.RECORDS[n + 1:], once), n)

    def test_each_doubled_record_is_found_where_none_may_be(self):
        for n, record in enumerate(self.RECORDS):
            self.assertTrue(self.problems(self.RECORDS[:n] + [record] + self.RECORDS[n:]), n)
            self.assertTrue(self.problems(self.RECORDS + [record]), n)

    def test_repeats_are_allowed_in_kafka(self):
        self.assertEqual(self.problems(self.RECORDS + self.RECORDS[3:], once=False), [])
        self.assertEqual(self.problems(self.RECORDS[:6] + self.RECORDS[3:], once=False), [])

    def test_wrong_order_is_found(self):
        swapped = [*self.RECORDS[:3], self.RECORDS[5], self.RECORDS[6], self.RECORDS[3], self.RECORDS[4], *self.RECORDS[7:]]
        self.assertTrue(self.problems(swapped, once=False), "within a key")
        swapped = [*self.RECORDS[:3], self.RECORDS[4], *self.RECORDS[8:], self.RECORDS[3], *self.RECORDS[5:8]]
        self.assertTrue(self.problems(swapped), "of two transactions")

    def test_an_invented_record_is_found(self):
        self.assertTrue(self.problems([*self.RECORDS, event("u", 8, 60, 99)], once=False))
        self.assertTrue(self.problems([event("r", 8, 19, 99), *self.RECORDS], once=False))


class JudgesOfMails(unittest.TestCase):
    AUDIT = [("c", None, 1, 10), ("u", 1, 1, 11), ("u", 7, 7, 12), ("d", 7, None, 12)]
    FIRST = {7: 5}
    MAILS = [("<a>", ("r", None, 7, 5)), ("<b>", ("c", None, 1, 10)), ("<c>", ("u", 1, 1, 11)), ("<d>", ("u", 7, 7, 12)), ("<e>", ("d", 7, None, 12))]

    def problems(self, mails, skipped=()):
        return judge_mails(mails, self.AUDIT, self.FIRST, skipped)

    def test_all_is_well(self):
        self.assertEqual(self.problems(self.MAILS), [])
        self.assertEqual(self.problems([("<z>", ("r", None, 7, 5)), *self.MAILS]), [], "a snapshot that was read anew")

    def test_a_lost_mail_is_found(self):
        for n in range(1, len(self.MAILS)):
            self.assertTrue(self.problems(self.MAILS[:n] + self.MAILS[n + 1:]), n)

    def test_a_skipped_mail_may_be_there_or_not(self):
        for n, (_, change) in enumerate(self.MAILS[1:], 1):
            self.assertEqual(self.problems(self.MAILS, {change}), [])
            self.assertEqual(self.problems(self.MAILS[:n] + self.MAILS[n + 1:], {change}), [])

    def test_a_repeat_must_be_the_same_message(self):
        self.assertEqual(self.problems([*self.MAILS[:3], self.MAILS[2], *self.MAILS[3:]]), [])
        self.assertTrue(self.problems([*self.MAILS, ("<f>", self.MAILS[2][1])]))

    def test_wrong_order_is_found(self):
        self.assertTrue(self.problems([self.MAILS[0], self.MAILS[2], self.MAILS[1], *self.MAILS[3:]]))
