#include "source/postgres/pgoutput_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "source/postgres/message_bytes_for_test.h"

namespace millrace::pgoutput {
namespace {

using testing::HasSubstr;

constexpr Lsn kAt = 0x16B374D848;

TableSchema table(size_t columns) {
  TableSchema out;
  for (size_t i = 0; i < columns; ++i) {
    Column column;
    column.name = "c" + std::to_string(i);
    column.identity = i == 0;
    out.columns.push_back(column);
  }
  out.key = {0};
  return out;
}

void expect_malformed(const std::string& payload) {
  const auto read = read_message(payload, kAt);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().kind, ErrorKind::kProtocol);
  EXPECT_THAT(read.error().message, HasSubstr("16/B374D848"));
}

// Every proper prefix of a message is an error, never a crash and never a shorter message.
void expect_every_cut_is_malformed(const std::string& payload) {
  ASSERT_TRUE(read_message(payload, kAt));
  for (size_t length = 0; length < payload.size(); ++length) {
    SCOPED_TRACE(length);
    EXPECT_FALSE(read_message(std::string_view(payload).substr(0, length), kAt));
  }
}

class RowImages : public testing::Test {
 protected:
  // The payload lives in the test, for the images point into it.
  Result<Images> read(std::string payload, const TableSchema& schema) {
    payload_ = std::move(payload);
    const auto message = read_message(payload_, kAt);
    if (!message) return Failure(message.error());
    return read_images(std::get<Row>(*message), TupleShape(schema, 150000), arena_, kAt);
  }

  std::string payload_;
  Arena arena_{nullptr};
};

TEST(ReadMessage, ReadsBegin) {
  const auto read = read_message(bytes::begin(500, 42, 1'700'000'000'000'001), kAt);
  ASSERT_TRUE(read);
  const auto& begin = std::get<Begin>(*read);
  EXPECT_EQ(begin.commit_lsn, 500u);
  EXPECT_EQ(begin.xid, 42u);
  EXPECT_EQ(begin.commit_us, 1'700'000'000'000'001);
}

TEST(ReadMessage, ATimeThatNoClockShowsWrapsAround) {
  constexpr int64_t kLast = std::numeric_limits<int64_t>::max();
  constexpr int64_t kFirst = std::numeric_limits<int64_t>::min();
  EXPECT_EQ(unix_us(static_cast<uint64_t>(kLast)), kFirst + kPostgresEpochUs - 1);
  std::string message = bytes::begin(500, 42);
  message.replace(9, 8, "\x7f\xff\xff\xff\xff\xff\xff\xff");
  const auto read = read_message(message, kAt);
  ASSERT_TRUE(read);
  EXPECT_EQ(std::get<Begin>(*read).commit_us, kFirst + kPostgresEpochUs - 1);
}

TEST(ReadMessage, ReadsCommit) {
  const auto read = read_message(bytes::commit(500, 540), kAt);
  ASSERT_TRUE(read);
  EXPECT_EQ(std::get<Commit>(*read).commit_lsn, 500u);
  EXPECT_EQ(std::get<Commit>(*read).end_lsn, 540u);
}

TEST(ReadMessage, ReadsRelation) {
  const std::string payload =
      bytes::relation(7, "public", "t", {{"id", 23, true}, {"name", 1043, false, 24}}, 'f');
  const auto read = read_message(payload, kAt);
  ASSERT_TRUE(read);
  const auto& relation = std::get<Relation>(*read);
  EXPECT_EQ(relation.oid, 7u);
  EXPECT_EQ(relation.identity, ReplicaIdentity::kFull);
  ASSERT_EQ(relation.columns.size(), 2u);
  EXPECT_TRUE(relation.columns[0].identity);
  EXPECT_EQ(relation.columns[1].name, "name");
  EXPECT_EQ(relation.columns[1].typmod, 24);
}

TEST(ReadMessage, EmptySchemaNameIsPgCatalog) {
  const std::string payload = bytes::relation(7, "", "t", {});
  const auto read = read_message(payload, kAt);
  ASSERT_TRUE(read);
  EXPECT_EQ(std::get<Relation>(*read).schema, "pg_catalog");
}

TEST(ReadMessage, ReadsTruncateOfSeveralTables) {
  const auto read = read_message(bytes::truncate({7, 9}), kAt);
  ASSERT_TRUE(read);
  EXPECT_THAT(std::get<Truncate>(*read).relations, testing::ElementsAre(7u, 9u));
}

TEST(ReadMessage, ReadsLogicalMessageWithZeroBytesInIt) {
  const std::string payload = bytes::message(true, 77, "app", std::string_view("a\0b", 3));
  const auto read = read_message(payload, kAt);
  ASSERT_TRUE(read);
  const auto& message = std::get<LogicalMessage>(*read);
  EXPECT_TRUE(message.transactional);
  EXPECT_EQ(message.prefix, "app");
  EXPECT_EQ(message.content.size(), 3u);
}

TEST(ReadMessage, ATruncatedMessageIsAnError) {
  expect_every_cut_is_malformed(bytes::begin(1, 2));
  expect_every_cut_is_malformed(bytes::commit(1, 2));
  expect_every_cut_is_malformed(bytes::relation(7, "public", "t", {{"id", 23, true}, {"n"}}));
  expect_every_cut_is_malformed(bytes::truncate({7, 9}));
  expect_every_cut_is_malformed(bytes::message(false, 1, "p", "content"));
}

TEST(ReadMessage, BytesAfterTheMessageAreAnError) {
  expect_malformed(bytes::begin(1, 2) + "x");
  expect_malformed(bytes::truncate({7}) + "x");
  expect_malformed(bytes::message(false, 1, "p", "c") + "x");
}

TEST(ReadMessage, UnknownKindIsAnError) {
  expect_malformed("Zwhat");
}

TEST(ReadMessage, EmptyPayloadIsAnError) {
  expect_malformed("");
}

TEST(ReadMessage, UnknownReplicaIdentityIsAnError) {
  expect_malformed(bytes::relation(7, "public", "t", {}, 'x'));
}

TEST(ReadMessage, ACountThatPromisesMoreThanThereIsEndsAtOnce) {
  expect_malformed("T" + bytes::big_endian(uint32_t{0xffffffff}) + '\0');
}

TEST_F(RowImages, ReadsInsert) {
  const auto read =
      RowImages::read(bytes::insert(7, bytes::tuple({"t1", "n", "t\x01\x02"})), table(3));
  ASSERT_TRUE(read);
  EXPECT_FALSE(read->before);
  ASSERT_EQ(read->after.kind, TupleKind::kFull);
  EXPECT_EQ(read->after[0].view(), "1");
  EXPECT_TRUE(read->after[1].is_null());
  EXPECT_EQ(read->after[2].view(), "\x01\x02");
}

TEST_F(RowImages, AValueInBinaryBecomesItsText) {
  TableSchema schema = table(2);
  schema.columns[1].type.type = PgType::kInt2;
  const auto row = bytes::tuple({"t1", std::string_view("b\x01\x00", 3)});
  const auto read = RowImages::read(bytes::insert(7, row), schema);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->after[1].kind, DatumKind::kText);
  EXPECT_EQ(read->after[1].view(), "256");
  EXPECT_EQ(read->rendered, 3U);
}

TEST_F(RowImages, AMalformedValueInBinaryIsNamed) {
  TableSchema schema = table(2);
  schema.columns[1].type.type = PgType::kInt2;
  const auto read = RowImages::read(bytes::insert(7, bytes::tuple({"t1", "b\x01"})), schema);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().kind, ErrorKind::kProtocol);
  EXPECT_THAT(read.error().message, HasSubstr("column c1"));
  EXPECT_THAT(read.error().message, HasSubstr("16/B374D848"));
}

// With the publication's other columns the server sends it too.
TEST_F(RowImages, AnExcludedColumnInBinaryIsNotLookedAt) {
  TableSchema schema = table(2);
  schema.columns[0].type.type = PgType::kText;
  schema.columns[1].type.type = PgType::kMoney;
  EXPECT_EQ(TupleShape(schema, 150000).unreadable(), &schema.columns[1]);
  schema.columns[1].captured = false;
  EXPECT_EQ(TupleShape(schema, 150000).unreadable(), nullptr);
  const auto read = RowImages::read(bytes::insert(7, bytes::tuple({"b1", "bx"})), schema);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->after[0].view(), "1");
  EXPECT_EQ(read->after[1].kind, DatumKind::kAbsent);
}

TEST_F(RowImages, AnEmptyTextIsNotNull) {
  const auto read = RowImages::read(bytes::insert(7, bytes::tuple({"t"})), table(1));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->after[0].kind, DatumKind::kText);
  EXPECT_EQ(read->after[0].view(), "");
}

TEST_F(RowImages, KeyImageHasNothingOutsideTheIdentity) {
  const auto read = RowImages::read(
      bytes::update(7, 'K', bytes::tuple({"t1", "n"}), bytes::tuple({"t2", "tx"})), table(2));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->before.kind, TupleKind::kKey);
  EXPECT_EQ(read->before[0].view(), "1");
  EXPECT_EQ(read->before[1].kind, DatumKind::kAbsent);
  EXPECT_EQ(read->after[0].view(), "2");
}

TEST_F(RowImages, UnchangedToastIsKnownAsSuch) {
  const auto read = RowImages::read(bytes::update(7, bytes::tuple({"t1", "u"})), table(2));
  ASSERT_TRUE(read);
  EXPECT_FALSE(read->before);
  EXPECT_EQ(read->after[1].kind, DatumKind::kUnchanged);
}

TEST_F(RowImages, UnchangedToastComesFromAFullOldImage) {
  const auto read = RowImages::read(
      bytes::update(7, 'O', bytes::tuple({"t1", "tbig"}), bytes::tuple({"t1", "u"})), table(2));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->after[1].view(), "big");
  EXPECT_EQ(read->after[0].view(), "1");
}

TEST_F(RowImages, ReadsDelete) {
  const auto read = RowImages::read(bytes::remove(7, 'O', bytes::tuple({"t1", "tx"})), table(2));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->before.kind, TupleKind::kFull);
  EXPECT_FALSE(read->after);
}

TEST_F(RowImages, AColumnThatIsNotCapturedIsAbsentButForTheKey) {
  TableSchema schema = table(3);
  for (Column& column : schema.columns)
    column.captured = false;
  const auto read = RowImages::read(bytes::insert(7, bytes::tuple({"t1", "t2", "t3"})), schema);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->after[0].view(), "1");
  EXPECT_EQ(read->after[1].kind, DatumKind::kAbsent);
}

TEST_F(RowImages, ATableWithoutColumnsHasAnEmptyRow) {
  const auto read = RowImages::read(bytes::insert(7, bytes::tuple({})), table(0));
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->after);
  EXPECT_EQ(read->after.count, 0);
}

TEST_F(RowImages, ATruncatedTupleIsAnError) {
  const std::string whole =
      bytes::update(7, 'K', bytes::tuple({"tkey", "n"}), bytes::tuple({"t2", "tx"}));
  for (size_t length = 5; length < whole.size(); ++length) {
    SCOPED_TRACE(length);
    const auto read = RowImages::read(whole.substr(0, length), table(2));
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().kind, ErrorKind::kProtocol);
  }
}

TEST_F(RowImages, ColumnCountOtherThanTheTablesIsAnError) {
  EXPECT_FALSE(RowImages::read(bytes::insert(7, bytes::tuple({"t1"})), table(2)));
  EXPECT_FALSE(RowImages::read(bytes::insert(7, bytes::tuple({"t1", "n", "n"})), table(2)));
}

TEST_F(RowImages, UnknownValueKindIsAnError) {
  EXPECT_FALSE(RowImages::read(bytes::insert(7, bytes::tuple({"x1"})), table(1)));
}

TEST_F(RowImages, WrongImageKindIsAnError) {
  const std::string row = bytes::tuple({"t1"});
  EXPECT_FALSE(RowImages::read("I" + bytes::big_endian(uint32_t{7}) + "K" + row, table(1)));
  EXPECT_FALSE(RowImages::read("D" + bytes::big_endian(uint32_t{7}) + "N" + row, table(1)));
  EXPECT_FALSE(RowImages::read(bytes::update(7, 'X', row, row), table(1)));
}

TEST_F(RowImages, BytesAfterTheRowAreAnError) {
  EXPECT_FALSE(RowImages::read(bytes::insert(7, bytes::tuple({"t1"})) + "x", table(1)));
}

TEST_F(RowImages, AValueLongerThanTheMessageIsAnError) {
  const std::string row =
      bytes::big_endian(uint16_t{1}) + "t" + bytes::big_endian(uint32_t{0xffffffff}) + "abc";
  EXPECT_FALSE(RowImages::read(bytes::insert(7, row), table(1)));
}

}  // namespace
}  // namespace millrace::pgoutput
