"""The judges of the kill tests find what they must find, and nothing where all is well."""
import unittest

from support.judges import by_key, judge_from_snapshot, judge_history, judge_kafka


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
