#include "store/file/java_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace {
namespace {

using ::testing::HasSubstr;

// Each was written by a JDK 17: ObjectOutputStream.writeObject(new HashMap<byte[], byte[]>(…)); the
// first two by Kafka 4.1's FileOffsetBackingStore.
constexpr std::string_view kClassHex =
    "aced0005737200116a6176612e7574696c2e486173684d61700507dac1c31660d103000246000a6c6f616446616374"
    "6f72"
    "4900097468726573686f6c6478703f400000";
constexpr std::string_view kOneHex =
    "0000000c77080000001000000001757200025b42acf317f8060854e00200007870000000145b2263222c7b22736572"
    "766572"
    "223a2273227d5d7571007e0002000000097b226c736e223a317d78";
constexpr std::string_view kNullValueHex =
    "0000000c77080000001000000002757200025b42acf317f8060854e00200007870000000145b2263222c7b22736572"
    "766572"
    "223a2273227d5d707571007e0002000000145b2264222c7b22736572766572223a2273227d5d7571007e0002000000"
    "097b22"
    "6c736e223a327d78";
constexpr std::string_view kEmptyHex =
    "0000000077080000001000000000"
    "78";
// Key and value are one and the same array; the other key is null.
constexpr std::string_view kReferencesHex =
    "0000000c7708000000100000000270757200025b42acf317f8060854e00200007870000000016e7571007e00020000"
    "000178"
    "71007e000478";
constexpr std::string_view kStringsHex = "0000000c77080000001000000001740001617400016278";

std::string bytes_of(std::string_view hex) {
  std::string out;
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    out += static_cast<char>(digit(hex[i]) * 16 + digit(hex[i + 1]));
  return out;
}

std::string java(std::string_view rest) {
  return bytes_of(std::string(kClassHex) + std::string(rest));
}

const JavaMap kOne = {{R"(["c",{"server":"s"}])", R"({"lsn":1})"}};
const JavaMap kNullValue = {{R"(["c",{"server":"s"}])", std::nullopt},
                            {R"(["d",{"server":"s"}])", R"({"lsn":2})"}};

TEST(JavaMap, WritesTheBytesThatJavaWrites) {
  EXPECT_EQ(write_java_map(kOne), java(kOneHex));
  EXPECT_EQ(write_java_map(kNullValue), java(kNullValueHex));
  EXPECT_EQ(write_java_map({}), java(kEmptyHex));
}

TEST(JavaMap, ReadsWhatJavaWrites) {
  EXPECT_EQ(read_java_map(java(kOneHex)), kOne);
  EXPECT_EQ(read_java_map(java(kNullValueHex)), kNullValue);
  EXPECT_EQ(read_java_map(java(kEmptyHex)), JavaMap{});
}

TEST(JavaMap, FollowsReferencesToArrays) {
  const JavaMap expected = {{std::nullopt, "n"}, {"x", "x"}};
  EXPECT_EQ(read_java_map(java(kReferencesHex)), expected);
}

TEST(JavaMap, AnEmptyFileIsAnEmptyMap) {
  EXPECT_EQ(read_java_map(""), JavaMap{});
}

TEST(JavaMap, GrowsAsJavasHashMapDoes) {
  JavaMap map;
  for (char i = 0; i < 13; ++i)
    map.emplace_back(std::string(1, i), std::string(1, i));
  const std::string bytes = write_java_map(map);
  EXPECT_EQ(bytes.substr(bytes_of(kClassHex).size(), 14), bytes_of("00000018770800000020"
                                                                   "0000000d"));
  EXPECT_EQ(read_java_map(bytes), map);
}

TEST(JavaMap, EveryCutIsAnError) {
  const std::string whole = java(kReferencesHex);
  for (size_t n = 1; n < whole.size(); ++n) {
    const auto map = read_java_map(std::string_view(whole).substr(0, n));
    ASSERT_FALSE(map) << n;
    EXPECT_EQ(map.error().kind, ErrorKind::kProtocol);
  }
}

TEST(JavaMap, EveryChangedByteIsAnErrorOrAnotherMap) {
  const std::string whole = java(kReferencesHex);
  for (size_t n = 0; n < whole.size(); ++n) {
    for (const int bit : {0x01, 0x10, 0x80, 0xff}) {
      std::string changed = whole;
      changed[n] = static_cast<char>(changed[n] ^ bit);
      const auto map = read_java_map(changed);
      EXPECT_LE(map ? map->size() : 0, 2U);
    }
  }
}

TEST(JavaMap, OtherObjectsAreRefused) {
  const auto strings = read_java_map(java(kStringsHex));
  ASSERT_FALSE(strings);
  EXPECT_THAT(strings.error().message, HasSubstr("no byte array"));
  EXPECT_THAT(read_java_map("{\"a\":1}").error().message, HasSubstr("no Java serialisation"));
  EXPECT_THAT(read_java_map(java(kEmptyHex) + "x").error().message, HasSubstr("after the map"));
}

TEST(JavaMap, ASizeThatTheFileCannotHoldIsAnError) {
  EXPECT_FALSE(read_java_map(java("0000000c770800000010ffffffff78")));
  EXPECT_FALSE(read_java_map(
      java("0000000c77080000001000000001757200025b42acf317f8060854e002000078707fffffff78")));
}

// 5 bytes name an array of a megabyte again and again.
TEST(JavaMap, ReferencesDoNotMakeAFileGrowWithoutEnd) {
  constexpr size_t kEntries = 255;
  std::string bytes =
      java("0000000c770800000010000000ff757200025b42acf317f8060854e0020000787000100000") +
      std::string(1 << 20, 'x');
  for (size_t i = 1; i < 2 * kEntries; ++i)
    bytes += bytes_of("71007e0003");
  const auto map = read_java_map(bytes + bytes_of("78"));
  ASSERT_FALSE(map);
  EXPECT_THAT(map.error().message, HasSubstr("64 MiB"));
}

}  // namespace
}  // namespace millrace
