#include <gmock/gmock.h>

#include "sink/duckdb/sink_fixture.h"

namespace millrace::duckdb {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class MirrorTest : public DuckDbSinkFixture {
 protected:
  static SchemaPtr products() {
    auto table = test_table("products",
                            {test_column("id", PgType::kInt4), test_column("name", PgType::kText),
                             test_column("big", PgType::kText)},
                            {0});
    table->oid = 1;
    return table;
  }

  static SchemaPtr inventory() {
    return test_table("inventory",
                      {test_column("sku", PgType::kText), test_column("price", PgType::kFloat8),
                       test_column("available", PgType::kInt4)},
                      {}, ReplicaIdentity::kFull);
  }

  std::vector<std::string> products_rows() {
    return rows("SELECT id, name, big FROM products ORDER BY id");
  }

  std::vector<std::string> inventory_rows() { return rows("SELECT * FROM inventory ORDER BY ALL"); }
};

TEST_F(MirrorTest, InsertsUpdatesAndDeletesLeaveTheCurrentState) {
  auto table = products();
  EXPECT_THAT(open(), IsEmpty());
  TestBatch first(1);
  first.insert(table, {"1", "one", "x"});
  first.insert(table, {"2", "two", "y"});
  first.insert(table, {"3", std::nullopt, "z"});
  ASSERT_EQ(store(first), "");
  TestBatch second(2, 1000);
  second.add(Op::kUpdate, table, std::nullopt, TestRow{"1", "ONE", "x"});
  second.add(Op::kDelete, table, TestRow{"2", kAbsentValue, kAbsentValue}, std::nullopt,
             TupleKind::kKey);
  ASSERT_EQ(store(second), "");
  EXPECT_THAT(products_rows(), ElementsAre("1|ONE|x", "3|~|z"));
}

TEST_F(MirrorTest, SeveralChangesOfOneKeyInOneFlushLeaveTheLast) {
  auto table = products();
  open();
  TestBatch first(1);
  TestBatch second(2, 1000);
  for (int i = 0; i < 5; ++i) {
    first.add(i == 0 ? Op::kCreate : Op::kUpdate, table, std::nullopt,
              TestRow{"1", std::to_string(i), "x"});
  }
  first.insert(table, {"2", "gone", "x"});
  second.add(Op::kUpdate, table, std::nullopt, TestRow{"1", "last", "x"});
  second.add(Op::kDelete, table, TestRow{"2", kAbsentValue, kAbsentValue}, std::nullopt,
             TupleKind::kKey);
  second.add(Op::kDelete, table, TestRow{"1", kAbsentValue, kAbsentValue}, std::nullopt,
             TupleKind::kKey);
  second.insert(table, {"1", "again", "w"});
  ASSERT_EQ(store({&first, &second}), "");
  EXPECT_THAT(products_rows(), ElementsAre("1|again|w"));
}

// What DuckDB plans for an empty table makes a hash table of all its rows for each transaction.
TEST_F(MirrorTest, AMirrorThatHasGrownIsWrittenAsFastAsOneThatIsOpenedAnew) {
  auto table = products();
  open();
  int id = 0;
  const auto time_of = [&](int rows) {
    TestBatch batch(static_cast<uint64_t>(id) + 1, static_cast<Lsn>(id) * 8 + 1000);
    for (int i = 0; i < rows; ++i)
      batch.insert(table, {std::to_string(++id), "x", "y"});
    const SteadyTime begun = steady_now();
    EXPECT_EQ(store(batch), "");
    return steady_now() - begun;
  };
  const auto shortest = [&] {
    auto out = time_of(1);
    for (int i = 0; i < 40; ++i)
      out = std::min(out, time_of(1));
    return out;
  };
  for (int rows = 1; rows < 300'000; rows *= 8)
    time_of(rows);
  const auto grown = shortest();
  open();
  const auto anew = shortest();
  EXPECT_LT(grown, anew * 2);
}

TEST_F(MirrorTest, AnUnchangedToastValueStaysAsItIsStored) {
  auto table = products();
  open();
  TestBatch first(1);
  first.insert(table, {"1", "one", "long"});
  ASSERT_EQ(store(first), "");
  TestBatch second(2, 1000);
  second.add(Op::kUpdate, table, std::nullopt, TestRow{"1", "two", kUnchangedValue});
  second.insert(table, {"2", "new", "longer"});
  second.add(Op::kUpdate, table, std::nullopt, TestRow{"2", "newer", kUnchangedValue});
  ASSERT_EQ(store(second), "");
  EXPECT_THAT(products_rows(), ElementsAre("1|two|long", "2|newer|longer"));
}

TEST_F(MirrorTest, AKeyChangeMovesTheRowAndItsUnchangedValue) {
  auto table = products();
  open();
  TestBatch first(1);
  first.insert(table, {"1", "one", "long"});
  first.insert(table, {"2", "two", "short"});
  ASSERT_EQ(store(first), "");
  TestBatch second(2, 1000);
  second.add(Op::kUpdate, table, TestRow{"1", kAbsentValue, kAbsentValue},
             TestRow{"11", "uno", kUnchangedValue}, TupleKind::kKey);
  second.add(Op::kUpdate, table, TestRow{"2", kAbsentValue, kAbsentValue},
             TestRow{"1", "now one", "short"}, TupleKind::kKey);
  second.add(Op::kUpdate, table, std::nullopt, TestRow{"11", "due", kUnchangedValue});
  ASSERT_EQ(store(second), "");
  EXPECT_THAT(products_rows(), ElementsAre("1|now one|short", "11|due|long"));
}

TEST_F(MirrorTest, TruncateEmptiesTheTableAtItsPlaceInTheOrder) {
  auto table = products();
  open();
  TestBatch first(1);
  first.insert(table, {"1", "one", "x"});
  ASSERT_EQ(store(first), "");
  TestBatch second(2, 1000);
  second.insert(table, {"2", "two", "x"});
  second.add(Op::kTruncate, table, std::nullopt, std::nullopt);
  second.insert(table, {"3", "three", "x"});
  ASSERT_EQ(store(second), "");
  EXPECT_THAT(products_rows(), ElementsAre("3|three|x"));
}

TEST_F(MirrorTest, WithoutAKeyADeleteTakesOneOfTheEqualRows) {
  auto table = inventory();
  open();
  TestBatch first(1);
  for (int i = 0; i < 3; ++i)
    first.insert(table, {"a", "NaN", std::nullopt});
  first.insert(table, {"b", "1", "5"});
  ASSERT_EQ(store(first), "");
  TestBatch second(2, 1000);
  second.add(Op::kDelete, table, TestRow{"a", "NaN", std::nullopt}, std::nullopt);
  second.add(Op::kUpdate, table, TestRow{"b", "1", "5"}, TestRow{"b", "1", "4"});
  second.add(Op::kUpdate, table, TestRow{"b", "1", "4"}, TestRow{"b", "1", "3"});
  ASSERT_EQ(store(second), "");
  EXPECT_THAT(inventory_rows(), ElementsAre("a|nan|~", "a|nan|~", "b|1.0|3"));
  TestBatch third(3, 2000);
  third.add(Op::kDelete, table, TestRow{"a", "NaN", std::nullopt}, std::nullopt);
  third.add(Op::kDelete, table, TestRow{"a", "NaN", std::nullopt}, std::nullopt);
  third.add(Op::kDelete, table, TestRow{"never", "1", std::nullopt}, std::nullopt);
  ASSERT_EQ(store(third), "");
  EXPECT_THAT(inventory_rows(), ElementsAre("b|1.0|3"));
}

TEST_F(MirrorTest, AColumnAddedRenamedRetypedAndDroppedInOneBatch) {
  auto v1 = products();
  auto v2 = std::make_shared<TableSchema>(*v1);
  v2->version = next_schema_version();
  v2->columns[1].name = "title";
  v2->columns[0].type.type = PgType::kInt8;
  v2->columns.push_back(test_column("stock", PgType::kInt4));
  v2->columns.back().attnum = 4;
  v2->columns.back().missing_value = "7";
  v2->columns.back().default_expression = "8";  // since
  v2->columns.erase(v2->columns.begin() + 2);
  open();
  TestBatch first(1);
  first.insert(v1, {"1", "one", "x"});
  ASSERT_EQ(store(first), "");
  TestBatch second(2, 1000);
  second.insert(v1, {"2", "two", "y"});
  second.insert(v2, {"5000000000", "big", "9"});
  second.add(Op::kUpdate, v2, std::nullopt, TestRow{"2", "TWO", "7"});
  ASSERT_EQ(store(second), "");
  EXPECT_THAT(rows("SELECT id, title, big, stock FROM products ORDER BY id"),
              ElementsAre("1|one|x|7", "2|TWO|y|7", "5000000000|big|~|9"));
  open();  // and the file still knows which column was which
  auto v3 = std::make_shared<TableSchema>(*v2);
  v3->version = next_schema_version();
  v3->columns[1].name = "label";
  v3->columns[2].type.type = PgType::kText;
  TestBatch third(3, 2000);
  third.insert(v3, {"3", "three", "many"});
  ASSERT_EQ(store(third), "");
  EXPECT_THAT(rows("SELECT id, label, stock FROM products ORDER BY id"),
              ElementsAre("1|one|7", "2|TWO|7", "3|three|many", "5000000000|big|9"));
}

TEST_F(MirrorTest, ASnapshotThatStartsAnewReplacesWhatAnUnfinishedOneLeft) {
  auto table = products();
  auto other = test_table("other", {test_column("id", PgType::kInt4)}, {0});
  open();
  const auto mark = [](uint64_t seq, SnapshotPhase phase) {
    TestBatch batch(seq, 1000 * seq);
    batch.batch().stream = std::string(kSnapshotStream);
    batch.batch().offset.snapshot = phase;
    return batch;
  };
  const auto reads = [](uint64_t seq, const SchemaPtr& schema, const std::vector<TestRow>& rows) {
    TestBatch batch(seq, 1000 * seq);
    batch.batch().stream = table_stream(schema->oid);
    batch.batch().snapshot_start = true;
    batch.batch().offset.snapshot = SnapshotPhase::kRunning;
    for (const TestRow& row : rows)
      batch.add(Op::kRead, schema, std::nullopt, row);
    return batch;
  };
  TestBatch begun = mark(1, SnapshotPhase::kRunning);
  TestBatch first = reads(2, table, {{"1", "old", "x"}});
  TestBatch second = reads(3, other, {{"8"}});
  ASSERT_EQ(store({&begun, &first, &second}), "");
  const Progress half = open();
  EXPECT_FALSE(half.contains(kSlotStream));
  EXPECT_EQ(half.at(std::string(kSnapshotStream)).snapshot, SnapshotPhase::kRunning);
  TestBatch anew = mark(1, SnapshotPhase::kRunning);
  TestBatch again = reads(2, table, {{"1", "new", "x"}, {"2", "new", "x"}});
  again.batch().offset.snapshot = SnapshotPhase::kCompleted;
  TestBatch done = mark(3, SnapshotPhase::kCompleted);
  TestBatch stream(4, 5000);
  stream.add(Op::kUpdate, table, std::nullopt, TestRow{"2", "newer", kUnchangedValue});
  ASSERT_EQ(store({&anew, &again, &done, &stream}), "");
  EXPECT_THAT(products_rows(), ElementsAre("1|new|x", "2|newer|x"));
  EXPECT_THAT(rows("SELECT id FROM other"), IsEmpty());
  EXPECT_THAT(rows("SELECT * FROM _millrace.unfinished"), IsEmpty());
  EXPECT_EQ(open().at(std::string(kSlotStream)).position, stream.batch().offset.position);
}

TEST_F(MirrorTest, TheProgressIsStoredWithTheRows) {
  auto table = products();
  open();
  TestBatch first(7);
  first.insert(table, {"1", "one", "x"});
  ASSERT_EQ(store(first), "");
  const Progress progress = open();
  ASSERT_TRUE(progress.contains(kSlotStream));
  EXPECT_EQ(progress.at(std::string(kSlotStream)), first.batch().offset);
}

TEST_F(MirrorTest, AValueThatDuckDbCannotHoldGoesToTheDeadLettersAndTheRestGoesOn) {
  auto table = test_table("t",
                          {test_column("id", PgType::kInt4), test_column("at", PgType::kTimestamp),
                           test_column("n", PgType::kNumeric, numeric_typmod(5, 2))},
                          {0});
  open();
  TestBatch batch(1);
  batch.insert(table, {"1", "2020-01-01 00:00:00", "1.50"});
  batch.insert(table, {"2", "294276-12-31 23:59:59", "1.50"});
  batch.insert(table, {"3", "infinity", "NaN"});
  batch.insert(table, {"4", "0044-03-15 12:00:00 BC", "-999.99"});
  ASSERT_EQ(store(batch), "");
  EXPECT_THAT(rows("SELECT * FROM t ORDER BY id"),
              ElementsAre("1|2020-01-01 00:00:00|1.50", "4|0044-03-15 (BC) 12:00:00|-999.99"));
  EXPECT_THAT(
      dead_.added,
      ElementsAre(
          "0/74 public.t at 0/74: the value of column at is out of the range of TIMESTAMP",
          "0/7C public.t at 0/7C: the value of column n does not fit into the column's DECIMAL"));
  EXPECT_EQ(dead_.flushed, 1);
}

TEST_F(MirrorTest, ATableHasOneWritingBranch) {
  auto table = products();
  open();
  TestBatch batch(1);
  batch.insert(table, {"1", "one", "x"});
  ASSERT_EQ(store(batch), "");
  context_.branch = "other";
  open();
  EXPECT_THAT(store(batch), HasSubstr("is written by branch b of pipeline p"));
}

TEST_F(MirrorTest, NamesThatDifferInCaseOnlyAreKeptApart) {
  auto table = test_table("Odd \"Name\"",
                          {test_column("a", PgType::kInt4), test_column("A", PgType::kInt4)}, {0});
  open();
  TestBatch batch(1);
  batch.insert(table, {"1", "2"});
  batch.add(Op::kUpdate, table, std::nullopt, TestRow{"1", "3"});
  ASSERT_EQ(store(batch), "");
  EXPECT_THAT(rows("SELECT a, \"A_2\" FROM \"Odd \"\"Name\"\"\""), ElementsAre("1|3"));
}

TEST_F(MirrorTest, ATableMadeAnewLosesTheRowsOfTheOldOneAtItsPlaceInTheOrder) {
  auto v1 = products();
  auto v2 = std::make_shared<TableSchema>(*v1);
  v2->version = next_schema_version();
  v2->oid = 2;
  open();
  TestBatch first(1);
  first.insert(v1, {"1", "old", "x"});
  ASSERT_EQ(store(first), "");
  TestBatch second(2, 1000);
  second.insert(v1, {"2", "old", "x"});
  second.insert(v2, {"3", "new", "x"});
  ASSERT_EQ(store(second), "");
  EXPECT_THAT(products_rows(), ElementsAre("3|new|x"));
  open();
  TestBatch third(3, 2000);
  third.insert(v2, {"4", "new", "x"});
  ASSERT_EQ(store(third), "");
  EXPECT_THAT(products_rows(), ElementsAre("3|new|x", "4|new|x"));
}

TEST_F(MirrorTest, AColumnMadeAgainUnderItsNameIsAnotherOne) {
  auto v1 = products();
  auto v2 = std::make_shared<TableSchema>(*v1);
  v2->version = next_schema_version();
  v2->columns[2].attnum = 4;
  v2->columns[2].missing_value = "m";
  open();
  TestBatch first(1);
  first.insert(v1, {"1", "one", "old"});
  first.insert(v2, {"2", "two", "new"});
  ASSERT_EQ(store(first), "");
  EXPECT_THAT(rows("SELECT id, big, big_dropped FROM products ORDER BY id"),
              ElementsAre("1|m|old", "2|new|~"));
}

TEST_F(MirrorTest, RowsReadAgainFromBeforeAColumnWasAddedHaveItsValue) {
  auto v1 = products();
  auto v2 = std::make_shared<TableSchema>(*v1);
  v2->version = next_schema_version();
  v2->columns.push_back(test_column("n", PgType::kInt4));
  v2->columns.back().attnum = 4;
  v2->columns.back().missing_value = "5";
  open();
  TestBatch start(1);
  start.insert(v1, {"1", "one", "x"});
  ASSERT_EQ(store(start), "");
  TestBatch altered(2, 1000);  // what fits the table is committed before its rows are
  altered.insert(v2, {"9", "nine", "x", "9"});
  ASSERT_EQ(store(altered), "");
  open();
  TestBatch again(3, 900);
  again.insert(v1, {"2", "two", "x"});
  ASSERT_EQ(store(again), "");
  EXPECT_THAT(rows("SELECT id, n FROM products ORDER BY id"), ElementsAre("1|5", "2|5", "9|9"));
}

TEST_F(MirrorTest, ATargetHoldsOneTable) {
  config_.table = "all";
  auto other = test_table("other", {test_column("id", PgType::kInt4)}, {0});
  other->oid = 9;
  open();
  TestBatch batch(1);
  batch.insert(products(), {"1", "one", "x"});
  ASSERT_EQ(store(batch), "");
  TestBatch second(2, 1000);
  second.insert(other, {"1"});
  EXPECT_THAT(store(second), HasSubstr("it is the mirror of public.products already"));
}

TEST_F(MirrorTest, ATableWhoseNameDiffersInCaseIsRefusedWithTheCure) {
  auto other = test_table("Products", {test_column("id", PgType::kInt4)}, {0});
  open();
  TestBatch batch(1);
  batch.insert(products(), {"1", "one", "x"});
  ASSERT_EQ(store(batch), "");
  TestBatch second(2, 1000);
  second.insert(other, {"1"});
  EXPECT_THAT(store(second), testing::AllOf(HasSubstr("main.products is there already"),
                                            HasSubstr("duckdb.schema")));
}

TEST_F(MirrorTest, ZeroAndMinusZeroAreTwoRows) {
  auto table = inventory();
  open();
  TestBatch first(1);
  first.insert(table, {"a", "0", "1"});
  first.insert(table, {"a", "-0", "1"});
  first.insert(table, {"a", "0", "1"});
  ASSERT_EQ(store(first), "");
  TestBatch second(2, 1000);
  second.add(Op::kDelete, table, TestRow{"a", "-0", "1"}, std::nullopt);
  second.add(Op::kDelete, table, TestRow{"a", "0", "1"}, std::nullopt);
  ASSERT_EQ(store(second), "");
  EXPECT_THAT(inventory_rows(), ElementsAre("a|0.0|1"));
}

}  // namespace
}  // namespace millrace::duckdb
