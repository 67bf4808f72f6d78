// Each row: a type, what is set, PostgreSQL's text, and the JSON that Debezium 3.3.1 writes for it.
#include "convert/json/value_encoding.h"

#include <gtest/gtest.h>

#include "convert/json/type_schema.h"

namespace millrace {
namespace {

constexpr int numeric_typmod(int precision, int scale) {
  return (precision << 16 | (scale & 0x7ff)) + 4;
}

ColumnType type(PgType pg, int32_t typmod = -1, std::string name = "",
                PgType element = PgType::kUnknown) {
  ColumnType out;
  out.type = pg;
  out.typmod = typmod;
  out.name = std::move(name);
  out.element = element;
  return out;
}

constexpr std::string_view kFails = "(fails)";

std::string json_of(const ColumnType& column, const JsonConverterConfig& config,
                    std::string_view text, bool snapshot = false) {
  const auto encoding = value_encoding(column, config);
  if (!encoding) return "(left out)";
  Arena arena(nullptr);
  JsonWriter writer(arena);
  EncodeContext context(writer);
  context.snapshot = snapshot;
  context.decimal_format = config.value_decimal_format;
  writer.begin(16);
  const bool good = encoding->write(*encoding, text, context);
  return std::string(good ? writer.end() : kFails);
}

std::string json(const ColumnType& column, std::string_view text) {
  return json_of(column, {}, text);
}

TEST(ValueEncodingTest, NumbersAreWrittenAsJavaWritesThem) {
  EXPECT_EQ(json(type(PgType::kInt8), "-9223372036854775808"), "-9223372036854775808");
  EXPECT_EQ(json(type(PgType::kOid), "4294967295"), "4294967295");
  EXPECT_EQ(json(type(PgType::kInt4), "4x"), kFails);
  EXPECT_EQ(json(type(PgType::kInt4), "007"), kFails);  // would be no JSON
  EXPECT_EQ(json(type(PgType::kBool), "t"), "true");
  EXPECT_EQ(json(type(PgType::kBool), "f"), "false");
  EXPECT_EQ(json(type(PgType::kFloat8), "1e+21"), "1.0E21");
  EXPECT_EQ(json(type(PgType::kFloat8), "-0"), "-0.0");
  EXPECT_EQ(json(type(PgType::kFloat8), "NaN"), R"("NaN")");
  EXPECT_EQ(json(type(PgType::kFloat8), "-Infinity"), R"("-Infinity")");
  EXPECT_EQ(json(type(PgType::kFloat8), "5e-324"), "4.9E-324");
  EXPECT_EQ(json(type(PgType::kFloat4), "1e-45"), "1.4E-45");
  EXPECT_EQ(json(type(PgType::kFloat4), "16777216"), "1.6777216E7");
  EXPECT_EQ(json(type(PgType::kFloat4), "0.001"), "0.001");
}

TEST(ValueEncodingTest, NoTypeHasMoreDigitsOfASecondThanTheServer) {
  EXPECT_EQ(type(PgType::kTimestamptz, 1000).fraction_digits(), 6);
  EXPECT_EQ(type(PgType::kInterval, 1000).fraction_digits(), 6);
  EXPECT_EQ(type(PgType::kTimestamptz, 3).fraction_digits(), 3);
}

TEST(ValueEncodingTest, PreciseDecimalsAreTheUnscaledValue) {
  const ColumnType n92 = type(PgType::kNumeric, numeric_typmod(9, 2));
  EXPECT_EQ(json(n92, "1234567.89"), R"("B1vNFQ==")");
  EXPECT_EQ(json(n92, "-9999999.99"), R"("xGU2AQ==")");
  EXPECT_EQ(json(n92, "0.00"), R"("AA==")");
  EXPECT_EQ(json(n92, "-0.50"), R"("zg==")");
  EXPECT_EQ(json(n92, "0.001"), kFails);
  EXPECT_EQ(json(n92, "NaN"), kFails);
  EXPECT_EQ(json(type(PgType::kNumeric, numeric_typmod(38, 10)),
                 "1234567890123456789012345678.0123456789"),
            R"("CUmw9vACMxPESZBOzGdFFQ==")");
}

TEST(ValueEncodingTest, NumericWithoutPrecisionCarriesItsScale) {
  const ColumnType free = type(PgType::kNumeric);
  EXPECT_EQ(json(free, "0.1"), R"({"scale":1,"value":"AQ=="})");
  EXPECT_EQ(json(free, "1.50"), R"({"scale":1,"value":"Dw=="})");
  EXPECT_EQ(json(free, "100"), R"({"scale":0,"value":"ZA=="})");
  EXPECT_EQ(json(free, "100000000000000000000"), R"({"scale":0,"value":"BWvHXi1jEAAA"})");
  EXPECT_EQ(json(free, "-12345678901234567890.123456789"),
            R"({"scale":9,"value":"2BvkzblBNk6Rxn7r"})");
}

TEST(ValueEncodingTest, ANegativeScaleIsThatOfItsSchema) {
  JsonConverterConfig config;
  for (const int scale : {-1, -2}) {
    const ColumnType hundreds = type(PgType::kNumeric, numeric_typmod(5, scale));
    const auto schema = type_schema(hundreds, config);
    ASSERT_TRUE(schema);
    EXPECT_NE(schema->attributes.find("\"scale\":\"" + std::to_string(scale) + "\""),
              std::string::npos);
    EXPECT_EQ(json_of(hundreds, config, "12300"), scale == -2 ? R"("ew==")" : R"("BM4=")");
    EXPECT_EQ(json_of(hundreds, config, "0"), R"("AA==")");
  }
  config.decimal_handling = DecimalHandling::kString;
  EXPECT_EQ(json_of(type(PgType::kNumeric, numeric_typmod(5, -2)), config, "12300"), R"("12300")");
}

TEST(ValueEncodingTest, DecimalsAsDoubleOrString) {
  JsonConverterConfig config;
  config.decimal_handling = DecimalHandling::kDouble;
  const ColumnType free = type(PgType::kNumeric);
  EXPECT_EQ(json_of(free, config, "123456789012345678901234567890"), "1.2345678901234568E29");
  EXPECT_EQ(json_of(free, config, "NaN"), R"("NaN")");
  EXPECT_EQ(json_of(free, config, "0"), "0.0");
  config.decimal_handling = DecimalHandling::kString;
  EXPECT_EQ(json_of(free, config, "1.50"), R"("1.50")");
  EXPECT_EQ(json_of(free, config, "NaN"), R"("NAN")");
  EXPECT_EQ(json_of(free, config, "-Infinity"), R"("NEGATIVE_INFINITY")");
  EXPECT_EQ(json_of(type(PgType::kNumeric, numeric_typmod(10, 2)), config, "1"), R"("1.00")");
}

// A few bytes must not become gigabytes of zeros.
TEST(ValueEncodingTest, AnExponentThatNoNumericHasIsRefused) {
  JsonConverterConfig config;
  config.decimal_handling = DecimalHandling::kString;
  const ColumnType free = type(PgType::kNumeric);
  EXPECT_EQ(json_of(free, config, "1e3"), R"("1000")");
  EXPECT_EQ(json_of(free, config, "1e131071").size(), 131074u);
  EXPECT_EQ(json_of(free, config, "1e2000000000"), kFails);
  EXPECT_EQ(json_of(free, config, "1e-2000000000"), kFails);
}

TEST(ValueEncodingTest, NumericDecimalFormatWritesNumbers) {
  JsonConverterConfig config;
  config.value_decimal_format = DecimalFormat::kNumeric;
  EXPECT_EQ(json_of(type(PgType::kNumeric, numeric_typmod(9, 2)), config, "-0.50"), "-0.50");
  EXPECT_EQ(json_of(type(PgType::kNumeric, numeric_typmod(12, 10)), config, "0.0000000001"),
            "1E-10");
}

// As a double, which a snapshot writes between quotes, it would be infinite, and no JSON.
TEST(ValueEncodingTest, MoreDigitsThanMoneyHasAreRefused) {
  JsonConverterConfig config;
  config.decimal_handling = DecimalHandling::kString;
  EXPECT_EQ(json_of(type(PgType::kMoney), config, "$" + std::string(310, '9'), true), kFails);
  EXPECT_EQ(json_of(type(PgType::kMoney), config, "$92,233,720,368,547,758.07", true),
            R"("9.223372036854776E16")");
}

TEST(ValueEncodingTest, MoneyIsRoundedToItsDigits) {
  JsonConverterConfig config;
  EXPECT_EQ(json_of(type(PgType::kMoney), config, "$1,234.56"), R"("AeJA")");
  EXPECT_EQ(json_of(type(PgType::kMoney), config, "-$0.01"), R"("/w==")");
  for (const char* text : {"1.234,56 €", "1234,56", "kr. 1.234,56", "1 234,56 €", "Fr. 1'234.56"})
    EXPECT_EQ(json_of(type(PgType::kMoney), config, text), R"("AeJA")") << text;
  EXPECT_EQ(json_of(type(PgType::kMoney), config, "￥123,456"), R"("ALxhAA==")");  // no fraction
  EXPECT_EQ(json_of(type(PgType::kMoney), config, "1.234,560 KD"), R"("AeJA")");
  EXPECT_EQ(json_of(type(PgType::kMoney), config, "$92,233,720,368,547,758.07"),
            R"("f/////////8=")");
  config.money_fraction_digits = 1;
  EXPECT_EQ(json_of(type(PgType::kMoney), config, "$0.25"), R"("Aw==")");
  config.decimal_handling = DecimalHandling::kDouble;
  EXPECT_EQ(json_of(type(PgType::kMoney), config, "-$3.49"), "-3.49");
  config.decimal_handling = DecimalHandling::kString;
  EXPECT_EQ(json_of(type(PgType::kMoney), config, "$12.50"), R"("12.50")");
  EXPECT_EQ(json_of(type(PgType::kMoney), config, "$12.50", true), R"("12.5")");
}

TEST(ValueEncodingTest, StringsAreEscapedAsJacksonDoes) {
  const ColumnType text = type(PgType::kText);
  EXPECT_EQ(json(text, "a \"q\" \\ b/"), R"("a \"q\" \\ b/")");
  EXPECT_EQ(json(text, "tab\tnl\ncr\r\b\f\x1f\x7f"), "\"tab\\tnl\\ncr\\r\\b\\f\\u001F\x7f\"");
  EXPECT_EQ(json(text, "ünï ☕ 名"), "\"ünï ☕ 名\"");
  EXPECT_EQ(json(text, "𝄞"), R"("\uD834\uDD1E")");
  EXPECT_EQ(json(text, "eight bytes and ü"), "\"eight bytes and ü\"");
}

TEST(ValueEncodingTest, MalformedTextGetsReplacementCharacters) {
  const ColumnType text = type(PgType::kText);
  EXPECT_EQ(json(text, "a\xff\x62"),
            "\"a\xEF\xBF\xBD"
            "b\"");
  EXPECT_EQ(json(text, "\xe2\x82"), "\"\xEF\xBF\xBD\"");
  EXPECT_EQ(json(text, "\xf0\x9f\x98z"), "\"\xEF\xBF\xBDz\"");
  EXPECT_EQ(json(text, "\xc0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

TEST(ValueEncodingTest, ByteaInEachMode) {
  JsonConverterConfig config;
  EXPECT_EQ(json_of(type(PgType::kBytea), config, "\\xfbefff3e3f"), R"("++//Pj8=")");
  config.binary_handling = BinaryHandling::kBase64UrlSafe;
  EXPECT_EQ(json_of(type(PgType::kBytea), config, "\\xfbefff3e3f"), R"("--__Pj8=")");
  config.binary_handling = BinaryHandling::kHex;
  EXPECT_EQ(json_of(type(PgType::kBytea), config, "\\x00ff10"), R"("00ff10")");
  EXPECT_EQ(json_of(type(PgType::kBytea), config, "\\x"), R"("")");
  EXPECT_EQ(json_of(type(PgType::kBytea), config, "\\x0"), kFails);
}

TEST(ValueEncodingTest, BitsAreLittleEndianUpToTheHighest) {
  EXPECT_EQ(json(type(PgType::kBit, 1), "1"), "true");
  EXPECT_EQ(json(type(PgType::kBit, 8), "10000001"), R"("gQ==")");
  EXPECT_EQ(json(type(PgType::kBit, 8), "00000000"), R"("")");
  EXPECT_EQ(json(type(PgType::kVarbit), "0000000011111111"), R"("/w==")");
  EXPECT_EQ(json(type(PgType::kVarbit, 12), "111111111111"), R"("/w8=")");
}

TEST(ValueEncodingTest, DatesAndTheirEnds) {
  const ColumnType date = type(PgType::kDate);
  EXPECT_EQ(json(date, "2024-02-29"), "19782");
  EXPECT_EQ(json(date, "1582-10-04"), "-141438");
  EXPECT_EQ(json(date, "0001-12-31 BC"), "-719163");
  EXPECT_EQ(json(date, "99999-12-31"), "35804721");
  EXPECT_EQ(json(date, "-infinity"), "-2147472691");
  EXPECT_EQ(json_of(date, {}, "infinity", true), "-622191234");
  EXPECT_EQ(json_of(date, {}, "0044-03-15 BC", true), "-703383");
  EXPECT_EQ(json(date, "tomorrow"), kFails);
  JsonConverterConfig iso;
  iso.time_precision = TimePrecision::kIsoString;
  EXPECT_EQ(json_of(date, iso, "2017-09-15"), R"("2017-09-15Z")");
  EXPECT_EQ(json_of(date, iso, "0044-03-15 BC"), R"("-0043-03-15Z")");
}

struct TimeRow {
  TimePrecision precision;
  std::string_view time0;
  std::string_view time6;
  std::string_view timestamp3;
  std::string_view timestamp6;
};

class TimePrecisionTest : public testing::TestWithParam<TimeRow> {};

TEST_P(TimePrecisionTest, WritesTimesInItsUnit) {
  JsonConverterConfig config;
  config.time_precision = GetParam().precision;
  EXPECT_EQ(json_of(type(PgType::kTime, 0), config, "24:00:00"), GetParam().time0);
  EXPECT_EQ(json_of(type(PgType::kTime), config, "01:02:03.456789"), GetParam().time6);
  EXPECT_EQ(json_of(type(PgType::kTimestamp, 3), config, "1969-12-31 23:59:59.999"),
            GetParam().timestamp3);
  EXPECT_EQ(json_of(type(PgType::kTimestamp), config, "2024-02-29 01:02:03.456789"),
            GetParam().timestamp6);
}

INSTANTIATE_TEST_SUITE_P(
    All, TimePrecisionTest,
    testing::Values(TimeRow{TimePrecision::kAdaptive, "86400000", "3723456789", "-1",
                            "1709168523456789"},
                    TimeRow{TimePrecision::kAdaptiveTimeMicroseconds, "86400000000", "3723456789",
                            "-1", "1709168523456789"},
                    TimeRow{TimePrecision::kConnect, "86400000", "3723456", "-1", "1709168523456"},
                    TimeRow{TimePrecision::kMicroseconds, "86400000000", "3723456789", "-1000",
                            "1709168523456789"},
                    TimeRow{TimePrecision::kNanoseconds, "86400000000000", "3723456789000",
                            "-1000000", "1709168523456789000"},
                    TimeRow{TimePrecision::kIsoString, R"("00:00:00Z")", R"("01:02:03.456789Z")",
                            R"("1969-12-31T23:59:59.999Z")", R"("2024-02-29T01:02:03.456789Z")"}));

TEST(ValueEncodingTest, TimestampsBeyondTheUsual) {
  const ColumnType ts = type(PgType::kTimestamp);
  EXPECT_EQ(json(ts, "infinity"), "9223372036825200000");
  EXPECT_EQ(json(ts, "-infinity"), "-9223372036832400000");
  EXPECT_EQ(json(ts, "0001-12-31 23:59:59.999999 BC"), "-62135596800000001");
  EXPECT_EQ(json_of(ts, {}, "0044-03-15 12:00:00 BC", true), "-63517953600000000");
  JsonConverterConfig millis;
  millis.time_precision = TimePrecision::kConnect;
  EXPECT_EQ(json_of(ts, millis, "294276-12-31 23:59:59"), "9224318015999000");
  EXPECT_EQ(json_of(ts, millis, "9999999999-12-31 23:59:59"), kFails);
  JsonConverterConfig nanos;
  nanos.time_precision = TimePrecision::kNanoseconds;
  EXPECT_EQ(json_of(ts, nanos, "1000-01-01 00:00:00"), "6283264147419103232");
}

TEST(ValueEncodingTest, ZonedTimesAreUtc) {
  EXPECT_EQ(json(type(PgType::kTimestamptz), "2024-02-29 01:02:03.456789+02"),
            R"("2024-02-28T23:02:03.456789Z")");
  EXPECT_EQ(json(type(PgType::kTimestamptz), "2024-02-29 01:02:03+00"),
            R"("2024-02-29T01:02:03.000000Z")");
  EXPECT_EQ(json(type(PgType::kTimestamptz, 3), "2024-02-29 01:02:03.457+00"),
            R"("2024-02-29T01:02:03.457Z")");
  EXPECT_EQ(json(type(PgType::kTimestamptz, 0), "2024-02-29 01:02:03+00"),
            R"("2024-02-29T01:02:03Z")");
  EXPECT_EQ(json(type(PgType::kTimestamptz), "12024-02-29 01:02:03.004+00"),
            R"("+12024-02-29T01:02:03.004000Z")");
  EXPECT_EQ(json(type(PgType::kTimestamptz), "-infinity"), R"("-infinity")");
  EXPECT_EQ(json_of(type(PgType::kTimestamptz), {}, "0044-03-15 12:00:00+00 BC", true),
            R"("-0043-03-13T12:00:00.000000Z")");
  EXPECT_EQ(json(type(PgType::kTimetz), "23:59:59.999999-03"), R"("02:59:59.999999Z")");
  EXPECT_EQ(json(type(PgType::kTimetz), "01:02:03+05:30"), R"("19:32:03Z")");
  EXPECT_EQ(json(type(PgType::kTimetz), "24:00:00+00"), R"("00:00:00Z")");
}

TEST(ValueEncodingTest, Intervals) {
  const ColumnType interval = type(PgType::kInterval);
  EXPECT_EQ(json(interval, "1 year 2 mons 3 days 04:05:06.789012"), "37091106789012");
  EXPECT_EQ(json(interval, "-1 years -2 mons +3 days -04:05:06.789"), "-36572706789000");
  EXPECT_EQ(json(interval, "00:00:00"), "0");
  EXPECT_EQ(json(interval, "00:00:00.000001"), "1");
  EXPECT_EQ(json(interval, "soon"), kFails);
  EXPECT_EQ(json(interval, "178000000 years"), "9223372036854775807");
  EXPECT_EQ(json(interval, "-178000000 years"), "-9223372036854775808");
  EXPECT_EQ(json(interval, "9223372036854775807 days"), kFails);
  EXPECT_EQ(json(interval, "--1 days"), kFails);
  JsonConverterConfig text;
  text.interval_handling = IntervalHandling::kString;
  EXPECT_EQ(json_of(interval, text, "1 year 2 mons 3 days 04:05:06.789012"),
            R"("P1Y2M3DT4H5M6.789012S")");
  EXPECT_EQ(json_of(interval, text, "P-1Y-2M3DT-4H-5M-6.789S"), R"("P-1Y-2M3DT-4H-5M-6.789S")");
  EXPECT_EQ(json_of(interval, text, "-00:00:01.5"), R"("P0Y0M0DT0H0M-1.5S")");
}

TEST(ValueEncodingTest, Arrays) {
  const auto array = [](PgType element) { return type(PgType::kArray, -1, "_x", element); };
  EXPECT_EQ(json(array(PgType::kInt4), "{1,NULL,-3}"), "[1,null,-3]");
  EXPECT_EQ(json(array(PgType::kText), R"({a,"b c","d\"e","NULL",NULL,"{x}"})"),
            R"(["a","b c","d\"e","NULL",null,"{x}"])");
  EXPECT_EQ(json(array(PgType::kText), "[0:1]={x,y}"), R"(["x","y"])");
  EXPECT_EQ(json(array(PgType::kInt4), "{{1,2},{3,4}}"), "[null,null]");
  EXPECT_EQ(json(array(PgType::kInt4), "{}"), "[]");
  EXPECT_EQ(json(array(PgType::kBytea), R"({"\\x0102",NULL})"), R"(["AQI=",null])");
  EXPECT_EQ(json(array(PgType::kEnum), "{a,NULL}"), kFails);
  EXPECT_EQ(json(array(PgType::kInt4), "{1"), kFails);
  EXPECT_EQ(json(array(PgType::kMoney), "{$1.00}"), "(left out)");
}

TEST(ValueEncodingTest, Hstore) {
  JsonConverterConfig config;
  EXPECT_EQ(json_of(type(PgType::kHstore), config, R"("a"=>"1", "b"=>NULL, "c d"=>"x\"y")"),
            R"("{\"a\":\"1\",\"b\":null,\"c d\":\"x\\\"y\"}")");
  EXPECT_EQ(json_of(type(PgType::kHstore), config, ""), R"("{}")");
  config.hstore_handling = HstoreHandling::kMap;
  EXPECT_EQ(json_of(type(PgType::kHstore), config, R"("a"=>"1", "b"=>NULL)"),
            R"({"a":"1","b":null})");
}

TEST(ValueEncodingTest, PointsAndVectors) {
  EXPECT_EQ(json(type(PgType::kPoint), "(1.5,-2.5)"),
            R"({"x":1.5,"y":-2.5,"wkb":"AQEAAAAAAAAAAAD4PwAAAAAAAATA","srid":null})");
  EXPECT_EQ(json(type(PgType::kGeometry), "0101000020E6100000000000000000F03F0000000000000040"),
            R"({"wkb":"AQEAACDmEAAAAAAAAAAA8D8AAAAAAAAAQA==","srid":4326})");
  EXPECT_EQ(json(type(PgType::kVector), "[1,2.5,-3]"), "[1.0,2.5,-3.0]");
  EXPECT_EQ(json(type(PgType::kSparsevec), "{1:1.5,3:2}/5"),
            R"({"dimensions":5,"vector":[[1,1.5],[3,2.0]]})");
  EXPECT_EQ(json(type(PgType::kSparsevec), "{}/5"), kFails);
}

TEST(ValueEncodingTest, UnknownTypesAreLeftOutUnlessAskedFor) {
  JsonConverterConfig config;
  EXPECT_EQ(json_of(type(PgType::kUnknown, -1, "pair"), config, "(1,x)"), "(left out)");
  EXPECT_FALSE(type_schema(type(PgType::kUnknown, -1, "pair"), config));
  config.include_unknown_datatypes = true;
  EXPECT_EQ(json_of(type(PgType::kUnknown, -1, "pair"), config, "(1,x)"), R"("KDEseCk=")");
  EXPECT_EQ(json_of(type(PgType::kUnknown, -1, "lseg"), config, "[(0.5,0),(1,10000000000)]"),
            R"("WygwLjUsMC4wKSwoMS4wLDEuMEUxMCld")");
  const auto box = [&](std::string_view text) {
    return json_of(type(PgType::kUnknown, -1, "box"), config, text);
  };
  EXPECT_EQ(json_of(type(PgType::kArray, -1, "_box"), config, "{(1,1),(0,0);(3,3),(2,2)}"),
            "[" + box("(1,1),(0,0)") + "," + box("(3,3),(2,2)") + "]");
}

TEST(TypeSchemaTest, MembersStandInTheOrderOfJsonConverter) {
  const JsonConverterConfig config;
  EXPECT_EQ(type_schema(type(PgType::kNumeric, numeric_typmod(9, 2)), config)
                ->json(false, R"("ATo=")", "n"),
            R"({"type":"bytes","optional":false,"name":"org.apache.kafka.connect.data.Decimal",)"
            R"("version":1,"parameters":{"scale":"2","connect.decimal.precision":"9"},)"
            R"("default":"ATo=","field":"n"})");
  EXPECT_EQ(
      type_schema(type(PgType::kArray, -1, "_int4", PgType::kInt4), config)->json(true, "", "a"),
      R"({"type":"array","items":{"type":"int32","optional":true},"optional":true,"field":"a"})");
  ColumnType mood = type(PgType::kEnum, -1, "mood");
  mood.labels = {"sad", "very happy"};
  EXPECT_EQ(type_schema(mood, config)->json(true, "", "m"),
            R"({"type":"string","optional":true,"name":"io.debezium.data.Enum","version":1,)"
            R"("parameters":{"allowed":"sad,very happy"},"field":"m"})");
}

TEST(PlaceholderTest, HasTheColumnsType) {
  JsonConverterConfig config;
  config.unavailable_value_placeholder = "~missing~";
  const auto placeholder = [&](const ColumnType& column) {
    return unavailable_json(column, config);
  };
  EXPECT_EQ(placeholder(type(PgType::kText)), R"("~missing~")");
  EXPECT_EQ(placeholder(type(PgType::kBytea)), R"("fm1pc3Npbmd+")");
  EXPECT_EQ(placeholder(type(PgType::kArray, -1, "_int4", PgType::kInt4)),
            "[126,109,105,115,115,105,110,103,126]");
  EXPECT_EQ(placeholder(type(PgType::kArray, -1, "_text", PgType::kText)), R"(["~missing~"])");
  EXPECT_EQ(placeholder(type(PgType::kNumeric)), std::nullopt);
  config.hstore_handling = HstoreHandling::kMap;
  EXPECT_EQ(placeholder(type(PgType::kHstore)), R"({"~missing~":"~missing~"})");
  config.unavailable_value_placeholder = "__debezium_unavailable_value";
  EXPECT_EQ(placeholder(type(PgType::kArray, -1, "_uuid", PgType::kUuid)),
            R"(["b68a35a7-17ad-35b3-af2a-ae46edb4545a"])");
}

}  // namespace
}  // namespace millrace
