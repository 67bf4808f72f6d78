#include "convert/json/default_expression.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

std::optional<std::string> default_of(PgType type, std::string expression, uint32_t oid = 0,
                                      std::string name = "") {
  Column column;
  column.type.type = type;
  column.type.oid = oid;
  column.type.name = std::move(name);
  column.default_expression = std::move(expression);
  return default_text(column);
}

TEST(DefaultExpressionTest, TakesWhatStandsBetweenTheFirstQuotes) {
  EXPECT_EQ(default_of(PgType::kText, "'x'::text"), "x");
  EXPECT_EQ(default_of(PgType::kVarchar, "'x''y'::character varying"), "x");
  EXPECT_EQ(default_of(PgType::kInt8, "'9223372036854775807'::bigint"), "9223372036854775807");
  EXPECT_EQ(default_of(PgType::kText, "''::text"), "");
  EXPECT_EQ(default_of(PgType::kText, "('a'::text || 'b'::text)"), "a");
}

TEST(DefaultExpressionTest, TakesAllWhereThereAreNoQuotes) {
  EXPECT_EQ(default_of(PgType::kInt4, "42"), "42");
  EXPECT_EQ(default_of(PgType::kText, "CURRENT_USER"), "CURRENT_USER");
}

TEST(DefaultExpressionTest, FunctionsHaveAFixedValuePerType) {
  EXPECT_EQ(default_of(PgType::kInt4, "nextval('t_id_seq'::regclass)"), "0");
  EXPECT_EQ(default_of(PgType::kInt4, "length('abc'::text)"), "0");
  EXPECT_EQ(default_of(PgType::kText, "upper('abc'::text)"), "");
  EXPECT_EQ(default_of(PgType::kTimestamptz, "now()"), "1970-01-01 00:00:00+00");
  EXPECT_EQ(default_of(PgType::kTimestamptz, "(now() + '1 day'::interval)"),
            "1970-01-01 00:00:00+00");
  EXPECT_EQ(default_of(PgType::kTimestamp, "CURRENT_TIMESTAMP"), "1970-01-01 00:00:00");
  EXPECT_EQ(default_of(PgType::kDate, "CURRENT_DATE"), "1970-01-01");
  EXPECT_EQ(default_of(PgType::kUuid, "gen_random_uuid()"), "00000000-0000-0000-0000-000000000000");
}

TEST(DefaultExpressionTest, TypesWithoutAMapperHaveNone) {
  EXPECT_EQ(default_of(PgType::kBytea, "'\\x00'::bytea"), std::nullopt);
  EXPECT_EQ(default_of(PgType::kMoney, "'$0.00'::money"), std::nullopt);
  EXPECT_EQ(default_of(PgType::kArray, "'{}'::text[]"), std::nullopt);
  EXPECT_EQ(default_of(PgType::kInet, "'10.0.0.1'::inet"), std::nullopt);
  EXPECT_EQ(default_of(PgType::kCitext, "'a'::citext"), std::nullopt);
  EXPECT_EQ(default_of(PgType::kTimetz, "'00:00:00+00'::time with time zone"), std::nullopt);
}

TEST(DefaultExpressionTest, NullAndDomainsHaveNone) {
  EXPECT_EQ(default_of(PgType::kText, "NULL::text"), std::nullopt);
  EXPECT_EQ(default_of(PgType::kInt4, "5", 16999), std::nullopt);
  EXPECT_EQ(default_of(PgType::kInt4, "5", 23), "5");
  EXPECT_EQ(default_of(PgType::kNumeric, "'NaN'::numeric"), std::nullopt);
  EXPECT_EQ(default_of(PgType::kFloat8, "'NaN'::double precision"), "NaN");
}

TEST(DefaultExpressionTest, EnumsNeedALabelCastToTheirType) {
  EXPECT_EQ(default_of(PgType::kEnum, "'ok'::mood", 17000, "mood"), "ok");
  EXPECT_EQ(default_of(PgType::kEnum, "other()", 17000, "mood"), std::nullopt);
}

}  // namespace
}  // namespace millrace
