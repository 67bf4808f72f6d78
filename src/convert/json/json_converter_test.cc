#include "convert/json/json_converter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

namespace millrace {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

Datum datum(std::string_view text) {
  return {text.data(), static_cast<uint32_t>(text.size()), DatumKind::kText};
}

Datum datum(DatumKind kind) {
  return {nullptr, 0, kind};
}

// customers(id int primary key, email text not null, vip boolean default false)
SchemaPtr customers() {
  auto table = std::make_shared<TableSchema>();
  table->schema = "public";
  table->name = "customers";
  table->version = next_schema_version();
  table->columns.resize(3);
  table->columns[0].name = "id";
  table->columns[0].nullable = false;
  table->columns[0].type.type = PgType::kInt4;
  table->columns[1].name = "email";
  table->columns[1].nullable = false;
  table->columns[1].type.type = PgType::kText;
  table->columns[2].name = "vip";
  table->columns[2].type.type = PgType::kBool;
  table->columns[2].default_expression = "false";
  table->key = {0};
  table->primary_key = {0};
  return table;
}

class JsonConverterTest : public testing::Test {
 protected:
  JsonConverterTest() {
    config_.topic_prefix = "shop";
    config_.database = "golden";
    config_.key_schemas = config_.value_schemas = false;
  }

  Change change(Op op) const {
    Change out;
    out.op = op;
    out.table = schema_.get();
    out.xid = 555;
    out.lsn = 24023128;
    out.last_commit_lsn = 24023120;
    out.commit_us = 1720000000123456;
    out.position = {24023200, 3};
    return out;
  }

  Tuple tuple(TupleKind kind, std::vector<Datum> values) {
    rows_.push_back(std::move(values));
    return {rows_.back().data(), static_cast<uint16_t>(rows_.back().size()), kind};
  }

  Tuple full(std::vector<Datum> values) { return tuple(TupleKind::kFull, std::move(values)); }

  Tuple key(std::vector<Datum> values) { return tuple(TupleKind::kKey, std::move(values)); }

  Result<void> try_convert(std::vector<Change> changes) {
    changes_ = std::move(changes);
    if (converter_ == nullptr) converter_ = make_json_converter(config_, nullptr);
    view_.changes = changes_;
    return converter_->convert(view_);
  }

  std::span<const Record> convert(std::vector<Change> changes) {
    const Result<void> converted = try_convert(std::move(changes));
    EXPECT_TRUE(converted) << converted.error().text();
    return view_.records;
  }

  // The value with the clock's readings, which are its last members, replaced.
  static std::string value(const Record& record) {
    std::string text(record.value);
    const size_t clock = text.rfind(R"("ts_ms":)");
    EXPECT_EQ(text.size() - clock, std::string_view(R"("ts_ms":1720000000123,)"
                                                    R"("ts_us":1720000000123456,)"
                                                    R"("ts_ns":1720000000123456000})")
                                       .size());
    return text.substr(0, clock) + "NOW}";
  }

  JsonConverterConfig config_;
  SchemaPtr schema_ = customers();
  std::deque<std::vector<Datum>> rows_;
  std::vector<Change> changes_;
  std::unique_ptr<Converter> converter_;
  BatchView view_;
};

constexpr std::string_view kSource =
    R"("source":{"version":"3.3.1.Final","connector":"postgresql","name":"shop","ts_ms":1720000000123,)"
    R"("snapshot":"false","db":"golden","sequence":"[\"24023120\",\"24023128\"]",)"
    R"("ts_us":1720000000123456,"ts_ns":1720000000123456000,"schema":"public","table":"customers",)"
    R"("txId":555,"lsn":24023128,"xmin":null},"transaction":null,)";

std::string payload(std::string_view before, std::string_view after, char op) {
  return R"({"before":)" + std::string(before) + R"(,"after":)" + std::string(after) + "," +
         std::string(kSource) + R"("op":")" + op + R"(",NOW})";
}

TEST_F(JsonConverterTest, AnInsertIsOneRecord) {
  Change insert = change(Op::kCreate);
  insert.after = full({datum("1"), datum("a@x.org"), datum("t")});
  const auto records = convert({insert});
  ASSERT_THAT(records, SizeIs(1));
  EXPECT_EQ(records[0].topic, "shop.public.customers");
  EXPECT_EQ(records[0].key, R"({"id":1})");
  EXPECT_EQ(value(records[0]), payload("null", R"({"id":1,"email":"a@x.org","vip":true})", 'c'));
  EXPECT_TRUE(records[0].last_of_change);
  EXPECT_EQ(records[0].partition, -1);
}

TEST_F(JsonConverterTest, HeadersNameTheConnector) {
  Change insert = change(Op::kCreate);
  insert.after = full({datum("1"), datum("a"), datum("t")});
  const auto records = convert({insert});
  ASSERT_THAT(records[0].headers, SizeIs(3));
  EXPECT_EQ(records[0].headers[0].name, "__debezium.context.connectorLogicalName");
  EXPECT_EQ(records[0].headers[0].value, "shop");
  EXPECT_EQ(records[0].headers[1].value, "0");
  EXPECT_EQ(records[0].headers[2].value, "postgresql");
}

TEST_F(JsonConverterTest, NullInAColumnWithADefaultIsTheDefault) {
  Change update = change(Op::kUpdate);
  update.after = full({datum("1"), datum("a"), datum(DatumKind::kNull)});
  EXPECT_THAT(value(convert({update})[0]), HasSubstr(R"("vip":false})"));
}

TEST_F(JsonConverterTest, NullStaysNullWhenAsked) {
  config_.value_replace_null = false;
  Change update = change(Op::kUpdate);
  update.after = full({datum("1"), datum("a"), datum(DatumKind::kNull)});
  const std::string event = value(convert({update})[0]);
  EXPECT_THAT(event, HasSubstr(R"("vip":null})"));
  EXPECT_THAT(event, HasSubstr(R"("snapshot":null)"));
}

TEST_F(JsonConverterTest, ADeleteIsFollowedByATombstone) {
  Change deleted = change(Op::kDelete);
  deleted.before = key({datum("1"), datum(DatumKind::kAbsent), datum(DatumKind::kAbsent)});
  const auto records = convert({deleted});
  ASSERT_THAT(records, SizeIs(2));
  EXPECT_EQ(value(records[0]), payload(R"({"id":1,"email":"","vip":false})", "null", 'd'));
  EXPECT_FALSE(records[0].last_of_change);
  EXPECT_EQ(records[1].key, R"({"id":1})");
  EXPECT_EQ(records[1].value.data(), nullptr);
  EXPECT_TRUE(records[1].last_of_change);
  EXPECT_THAT(records[1].headers, SizeIs(3));
}

TEST_F(JsonConverterTest, TombstonesCanBeOff) {
  config_.tombstones_on_delete = false;
  Change deleted = change(Op::kDelete);
  deleted.before = key({datum("1"), datum(DatumKind::kAbsent), datum(DatumKind::kAbsent)});
  EXPECT_THAT(convert({deleted}), SizeIs(1));
}

TEST_F(JsonConverterTest, AKeyChangeIsDeleteTombstoneCreate) {
  Change update = change(Op::kUpdate);
  update.before = key({datum("1"), datum(DatumKind::kAbsent), datum(DatumKind::kAbsent)});
  update.after = full({datum("100"), datum("a"), datum("t")});
  const auto records = convert({update});
  ASSERT_THAT(records, SizeIs(3));
  EXPECT_EQ(value(records[0]), payload(R"({"id":1,"email":"","vip":false})", "null", 'd'));
  EXPECT_EQ(records[0].headers[0].name, "__debezium.newkey");
  EXPECT_EQ(records[0].headers[0].value, R"({"id":100})");
  EXPECT_THAT(records[0].headers, SizeIs(4));
  EXPECT_EQ(records[1].key, R"({"id":1})");
  EXPECT_EQ(records[1].value.data(), nullptr);
  EXPECT_EQ(value(records[2]), payload("null", R"({"id":100,"email":"a","vip":true})", 'c'));
  EXPECT_EQ(records[2].headers[0].name, "__debezium.oldkey");
  EXPECT_EQ(records[2].headers[0].value, R"({"id":1})");
}

TEST_F(JsonConverterTest, AnUpdateWithTheSameKeyKeepsItsOldRow) {
  Change update = change(Op::kUpdate);
  update.before = full({datum("1"), datum("a"), datum("t")});
  update.after = full({datum("1"), datum(DatumKind::kUnchanged), datum("f")});
  const auto records = convert({update});
  ASSERT_THAT(records, SizeIs(1));
  EXPECT_EQ(value(records[0]), payload(R"({"id":1,"email":"a","vip":true})",
                                       R"({"id":1,"email":"a","vip":false})", 'u'));
}

TEST_F(JsonConverterTest, AnUnchangedLargeValueIsThePlaceholder) {
  Change update = change(Op::kUpdate);
  update.after = full({datum("1"), datum(DatumKind::kUnchanged), datum("f")});
  EXPECT_THAT(value(convert({update})[0]), HasSubstr(R"("email":"__debezium_unavailable_value")"));
}

TEST_F(JsonConverterTest, UpdatesWithoutChangeCanBeDropped) {
  config_.skip_without_change = true;
  Change update = change(Op::kUpdate);
  update.before = full({datum("1"), datum("a"), datum("t")});
  update.after = full({datum("1"), datum("a"), datum("t")});
  EXPECT_THAT(convert({update}), IsEmpty());
}

TEST_F(JsonConverterTest, TruncatesAreSkippedByDefault) {
  EXPECT_THAT(convert({change(Op::kTruncate)}), IsEmpty());
}

TEST_F(JsonConverterTest, ATruncateHasNoKeyAndNoRows) {
  config_.skipped_operations = {"none"};
  const auto records = convert({change(Op::kTruncate)});
  ASSERT_THAT(records, SizeIs(1));
  EXPECT_EQ(records[0].key.data(), nullptr);
  EXPECT_EQ(value(records[0]), payload("null", "null", 't'));
}

TEST_F(JsonConverterTest, ATableWithoutKeyHasNullKeys) {
  auto keyless = std::make_shared<TableSchema>(*schema_);
  keyless->key.clear();
  keyless->version = next_schema_version();
  schema_ = keyless;
  Change deleted = change(Op::kDelete);
  deleted.before = full({datum("1"), datum("a"), datum("t")});
  const auto records = convert({deleted});
  ASSERT_THAT(records, SizeIs(2));
  EXPECT_EQ(records[0].key.data(), nullptr);
  EXPECT_EQ(records[1].key.data(), nullptr);
}

TEST_F(JsonConverterTest, SnapshotRowsSayWhereTheyStand) {
  Change read = change(Op::kRead);
  read.snapshot = SnapshotMarker::kLast;
  read.last_commit_lsn = 0;
  read.after = full({datum("1"), datum("a"), datum("t")});
  const std::string event = value(convert({read})[0]);
  EXPECT_THAT(event, HasSubstr(R"("snapshot":"last")"));
  EXPECT_THAT(event, HasSubstr(R"("sequence":"[null,\"24023128\"]")"));
  EXPECT_THAT(event, HasSubstr(R"("op":"r")"));
}

TEST_F(JsonConverterTest, SchemasComeInDebeziumsOrder) {
  config_.key_schemas = config_.value_schemas = true;
  Change insert = change(Op::kCreate);
  insert.after = full({datum("1"), datum("a"), datum("t")});
  const auto records = convert({insert});
  EXPECT_EQ(
      records[0].key,
      R"({"schema":{"type":"struct","fields":[{"type":"int32","optional":false,"field":"id"}],)"
      R"("optional":false,"name":"shop.public.customers.Key"},"payload":{"id":1}})");
  EXPECT_THAT(
      std::string(records[0].value),
      HasSubstr(R"({"schema":{"type":"struct","fields":[{"type":"struct","fields":[)"
                R"({"type":"int32","optional":false,"field":"id"},)"
                R"({"type":"string","optional":false,"field":"email"},)"
                R"({"type":"boolean","optional":true,"default":false,"field":"vip"}],)"
                R"("optional":true,"name":"shop.public.customers.Value","field":"before"},)"));
}

TEST_F(JsonConverterTest, TransactionsAreCounted) {
  config_.transaction_metadata = true;
  Change begin = change(Op::kBegin);
  Change insert = change(Op::kCreate);
  insert.after = full({datum("1"), datum("a"), datum("t")});
  Change commit = change(Op::kCommit);
  commit.end_lsn = 24023300;
  const auto records = convert({begin, insert, insert, commit});
  ASSERT_THAT(records, SizeIs(4));
  EXPECT_EQ(records[0].topic, "shop.transaction");
  EXPECT_EQ(records[0].key, R"({"id":"555:24023128"})");
  EXPECT_EQ(records[0].value,
            R"({"status":"BEGIN","id":"555:24023128","event_count":null,"data_collections":null,)"
            R"("ts_ms":1720000000123})");
  EXPECT_THAT(
      std::string(records[2].value),
      HasSubstr(
          R"("transaction":{"id":"555:24023128","total_order":2,"data_collection_order":2})"));
  EXPECT_EQ(records[3].value,
            R"({"status":"END","id":"555:24023300","event_count":2,)"
            R"("data_collections":[{"data_collection":"public.customers","event_count":2}],)"
            R"("ts_ms":1720000000123})");
  EXPECT_THAT(records[3].headers, IsEmpty());
}

TEST_F(JsonConverterTest, LogicalMessagesHaveTheirTopic) {
  Change message = change(Op::kMessage);
  message.table = nullptr;
  message.transactional = false;
  message.xid = 0;
  message.prefix = "audit";
  message.content = std::string_view("\x00\xff\x10", 3);
  const auto records = convert({message});
  ASSERT_THAT(records, SizeIs(1));
  EXPECT_EQ(records[0].topic, "shop.message");
  EXPECT_EQ(records[0].key, R"({"prefix":"audit"})");
  EXPECT_THAT(std::string(records[0].value), HasSubstr(R"("schema":"","table":"","txId":null)"));
  EXPECT_THAT(std::string(records[0].value),
              HasSubstr(R"("transaction":null,"message":{"prefix":"audit","content":"AP8Q"}})"));
}

TEST_F(JsonConverterTest, HeartbeatsGoToPartitionZero) {
  const auto records = convert({change(Op::kHeartbeat)});
  ASSERT_THAT(records, SizeIs(1));
  EXPECT_EQ(records[0].topic, "__debezium-heartbeat.shop");
  EXPECT_EQ(records[0].key, R"({"serverName":"shop"})");
  EXPECT_EQ(records[0].partition, 0);
}

TEST_F(JsonConverterTest, HeadersAsJsonCarryTheirSchema) {
  config_.header_form = HeaderForm::kJson;
  Change insert = change(Op::kCreate);
  insert.after = full({datum("1"), datum("a"), datum("t")});
  EXPECT_EQ(convert({insert})[0].headers[0].value,
            R"({"schema":{"type":"string","optional":false},"payload":"shop"})");
}

TEST_F(JsonConverterTest, AValueThatCannotBeConvertedIsNullOrAnError) {
  auto table = std::make_shared<TableSchema>(*schema_);
  table->columns[2].type.type = PgType::kNumeric;
  table->columns[2].type.name = "numeric";
  table->columns[2].default_expression.reset();
  table->version = next_schema_version();
  schema_ = table;
  Change insert = change(Op::kCreate);
  insert.after = full({datum("1"), datum("a"), datum("NaN")});
  EXPECT_THAT(value(convert({insert})[0]), HasSubstr(R"("vip":null})"));
  config_.conversion_failure = ConversionFailure::kFail;
  converter_.reset();
  const Result<void> converted = try_convert({insert});
  ASSERT_FALSE(converted);
  EXPECT_EQ(converted.error().kind, ErrorKind::kRefused);
  EXPECT_THAT(converted.error().message, HasSubstr("column vip of table public.customers"));
  EXPECT_THAT(converted.error().message, HasSubstr("0/16E9058"));
}

TEST_F(JsonConverterTest, AChangeWithoutAValueForNotNullIsRefusedAloneAndWhole) {
  auto table = std::make_shared<TableSchema>(*schema_);
  table->columns[1].type.type = PgType::kVector;
  table->columns[1].type.name = "vector";
  table->version = next_schema_version();
  schema_ = table;
  Change good = change(Op::kCreate);
  good.after = full({datum("1"), datum("[1,2]"), datum("t")});
  Change other_key = change(Op::kUpdate);  // a delete and a create
  other_key.before = key({datum("1"), datum(DatumKind::kAbsent), datum(DatumKind::kAbsent)});
  other_key.after = full({datum("2"), datum(DatumKind::kUnchanged), datum("f")});
  EXPECT_EQ(try_convert({good, other_key}).error().kind, ErrorKind::kData);
  std::vector<std::string> refused;
  converter_ = make_json_converter(config_, nullptr, [&](const Change& change, const Error& why) {
    EXPECT_EQ(change.op, Op::kUpdate);
    refused.push_back(why.message);
    return Result<void>();
  });
  const auto records = convert({good, other_key, good});
  ASSERT_THAT(records, SizeIs(2));
  EXPECT_EQ(records[1].change, 2);
  EXPECT_TRUE(records[0].last_of_change);
  ASSERT_THAT(refused, SizeIs(1));
  EXPECT_THAT(refused[0], HasSubstr("column email of table public.customers (vector)"));
}

TEST_F(JsonConverterTest, AStructIsNullWhereItsValueWasNotSent) {
  auto table = std::make_shared<TableSchema>(*schema_);
  table->columns[1].type.type = PgType::kGeometry;
  table->version = next_schema_version();
  schema_ = table;
  Change update = change(Op::kUpdate);
  update.after = full({datum("1"), datum(DatumKind::kUnchanged), datum("t")});
  EXPECT_THAT(value(convert({update})[0]), HasSubstr(R"("email":null)"));
}

TEST_F(JsonConverterTest, LargeRowsOutgrowTheFirstRoom) {
  const std::string large(300000, 'x');
  Change insert = change(Op::kCreate);
  insert.after = full({datum("1"), datum(large), datum("t")});
  const auto records = convert({insert, insert});
  EXPECT_THAT(std::string(records[0].value), HasSubstr(large));
  EXPECT_EQ(value(records[0]), value(records[1]));
}

TEST_F(JsonConverterTest, ExcludedColumnsStayInTheKey) {
  auto table = std::make_shared<TableSchema>(*schema_);
  table->columns[0].captured = false;
  table->version = next_schema_version();
  schema_ = table;
  Change insert = change(Op::kCreate);
  insert.after = full({datum("1"), datum("a"), datum("t")});
  const auto records = convert({insert});
  EXPECT_EQ(records[0].key, R"({"id":1})");
  EXPECT_EQ(value(records[0]), payload("null", R"({"email":"a","vip":true})", 'c'));
}

}  // namespace
}  // namespace millrace
