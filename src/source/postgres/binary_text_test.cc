#include "source/postgres/binary_text.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace millrace::binary {
namespace {

constexpr int kVersion = 180000;

ColumnType type_of(PgType type, PgType element = PgType::kUnknown) {
  ColumnType out;
  out.type = type;
  out.element = element;
  return out;
}

std::string bytes(std::string_view hex) {
  std::string out;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    out += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  return out;
}

// nullopt: malformed
std::optional<std::string> text(const ColumnType& type, std::string_view hex,
                                int version = kVersion) {
  Arena arena(nullptr);
  const std::string value = bytes(hex);
  std::string_view out;
  if (!to_text(renderer_of(type, version), value, arena, out)) return std::nullopt;
  EXPECT_NE(out.data(), nullptr) << "an empty text is not null";
  return std::string(out);
}

std::optional<std::string> text(PgType type, std::string_view hex, int version = kVersion) {
  return text(type_of(type), hex, version);
}

// What the server gives for many more values: tests/e2e/test_binary.py.
TEST(BinaryText, ValuesOfEachKind) {
  EXPECT_EQ(text(PgType::kBool, "01"), "t");
  EXPECT_EQ(text(PgType::kInt8, "8000000000000000"), "-9223372036854775808");
  EXPECT_EQ(text(PgType::kOid, "ffffffff"), "4294967295");
  EXPECT_EQ(text(PgType::kFloat8, "44b52d02c7e14af6"), "9.999999999999999e+22");
  EXPECT_EQ(text(PgType::kFloat4, "49742400"), "1e+06");
  EXPECT_EQ(text(PgType::kFloat8, "8000000000000000"), "-0");
  EXPECT_EQ(text(PgType::kNumeric, "0003000140000004000104d2157c"), "-11234.5500");
  EXPECT_EQ(text(PgType::kNumeric, "00000000c0000000"), "NaN");
  EXPECT_EQ(text(PgType::kUuid, "0190163d8694739baea5966c26f8ad91"),
            "0190163d-8694-739b-aea5-966c26f8ad91");
  EXPECT_EQ(text(PgType::kBytea, "00ff"), "\\x00ff");
  EXPECT_EQ(text(PgType::kVarbit, "00000003a0"), "101");
  EXPECT_EQ(text(PgType::kDate, "fff49d7b"), "0044-03-15 BC");
  EXPECT_EQ(text(PgType::kTimestamptz, "0000000000000001"), "2000-01-01 00:00:00.000001+00");
  EXPECT_EQ(text(PgType::kTimetz, "000000141dd76000ffffb2a8"), "24:00:00+05:30");
  EXPECT_EQ(text(PgType::kInterval, "ffffffffffffffff00000003fffffff3"),
            "-1 years -1 mons +3 days -00:00:00.000001");
  EXPECT_EQ(text(PgType::kInet, "0380001000000000000000000000000000000001"), "::1");
  EXPECT_EQ(text(PgType::kCidr, "020801040a000000"), "10.0.0.0/8");
  EXPECT_EQ(text(PgType::kInt4range,
                 "02000000040000000100000004"
                 "00000005"),
            "[1,5)");
}

TEST(BinaryText, WhereTheBytesAreTheTextNothingIsCopied) {
  Arena arena(nullptr);
  const std::string value = "\1{\"a\": 1}";
  std::string_view out;
  ASSERT_TRUE(to_text(renderer_of(type_of(PgType::kJsonb), kVersion), value, arena, out));
  EXPECT_EQ(out, "{\"a\": 1}");
  EXPECT_EQ(out.data(), value.data() + 1);
  ASSERT_TRUE(to_text(renderer_of(type_of(PgType::kEnum), kVersion), value, arena, out));
  EXPECT_EQ(out.data(), value.data());
  EXPECT_EQ(arena.bytes(), 0U);
}

TEST(BinaryText, AnArrayQuotesWhatNeedsIt) {
  const ColumnType texts = type_of(PgType::kArray, PgType::kText);
  EXPECT_EQ(text(texts, "000000000000000000000019"), "{}");
  EXPECT_EQ(text(texts,
                 "000000010000000100000019"
                 "0000000400000000"
                 "00000000"
                 "ffffffff"
                 "000000046e556c6c"
                 "00000003"
                 "22205c"),
            R"([0:3]={"",NULL,"nUll","\" \\"})");
}

// A long text that has to be quoted moves when it grows.
TEST(BinaryText, ALongElementIsQuotedWhole) {
  std::string hex =
      "000000010000000000000019"
      "0000000100000001"
      "00000400";
  std::string expected = "{\"";
  for (int i = 0; i < 0x400; ++i) {
    hex += i % 2 == 0 ? "22" : "61";
    expected += i % 2 == 0 ? "\\\"" : "a";
  }
  EXPECT_EQ(text(type_of(PgType::kArray, PgType::kText), hex), expected + "\"}");
}

TEST(BinaryText, WhatDependsOnTheServersVersion) {
  const std::string_view most = "7fffffffffffffff7fffffff7fffffff";
  EXPECT_EQ(text(PgType::kInterval, most), "infinity");
  EXPECT_EQ(text(PgType::kInterval, most, 160000),
            "178956970 years 7 mons 2147483647 days 2562047788:00:54.775807");
  EXPECT_EQ(text(PgType::kChar, "e4", 150000), "\\344");
  EXPECT_EQ(renderer_of(type_of(PgType::kChar), 140000), nullptr);
  EXPECT_EQ(renderer_of(type_of(PgType::kArray, PgType::kChar), 140000), nullptr);
}

TEST(BinaryText, TypesThatAreNotKnownHaveNone) {
  for (const PgType type : {PgType::kUnknown, PgType::kMoney, PgType::kVector, PgType::kGeometry}) {
    EXPECT_EQ(renderer_of(type_of(type), kVersion), nullptr) << name(type);
    EXPECT_EQ(renderer_of(type_of(PgType::kArray, type), kVersion), nullptr) << name(type);
  }
}

TEST(BinaryText, MalformedValuesAreSeen) {
  EXPECT_EQ(text(PgType::kInt4, "000001"), std::nullopt);
  EXPECT_EQ(text(PgType::kJsonb, ""), std::nullopt);
  EXPECT_EQ(text(PgType::kJsonb, "027b7d"), std::nullopt);
  EXPECT_EQ(text(PgType::kNumeric, "00010000000000002710"), std::nullopt) << "a digit of 10000";
  EXPECT_EQ(text(PgType::kNumeric, "00020000000000000001"), std::nullopt) << "a digit too few";
  EXPECT_EQ(text(PgType::kNumeric, "0000000000004000"), std::nullopt) << "a scale too large";
  EXPECT_EQ(text(PgType::kTime, "ffffffffffffffff"), std::nullopt);
  EXPECT_EQ(text(PgType::kTimetz, "000000000000000080000000"), std::nullopt);
  EXPECT_EQ(text(PgType::kVarbit, "ffffffff"), std::nullopt);
  EXPECT_EQ(text(PgType::kInet,
                 "02210004"
                 "01020304"),
            std::nullopt)
      << "a mask of 33";
  const ColumnType ints = type_of(PgType::kArray, PgType::kInt4);
  EXPECT_EQ(text(ints, "00000007"), std::nullopt);
  EXPECT_EQ(text(ints, "00000001000000000000001700ffffff00000001"), std::nullopt);
  EXPECT_EQ(text(PgType::kInt4range, "0200000004000000"), std::nullopt);
  EXPECT_EQ(text(PgType::kHstore, "00000001"), std::nullopt);
}

}  // namespace
}  // namespace millrace::binary
