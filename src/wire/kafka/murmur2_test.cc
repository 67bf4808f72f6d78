#include "wire/kafka/murmur2.h"

#include <gtest/gtest.h>

#include <utility>

namespace millrace::kafka {
namespace {

TEST(Murmur2, HashesAsJavaDoes) {
  // Kafka's own UtilsTest.testMurmur2.
  const std::pair<std::string_view, int32_t> cases[] = {
      {"21", -973932308},
      {"foobar", -790332482},
      {"a-little-bit-long-string", -985981536},
      {"a-little-bit-longer-string", -1486304829},
      {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
      {"abc", 479470107},
  };
  for (const auto& [text, hash] : cases) {
    EXPECT_EQ(static_cast<int32_t>(murmur2(text)), hash) << text;
  }
}

TEST(Murmur2, PartitionIsOfThePositiveHash) {
  EXPECT_EQ(partition_of("21", 6), (-973932308 & 0x7fffffff) % 6);
  EXPECT_EQ(partition_of("anything", 1), 0);
}

}  // namespace
}  // namespace millrace::kafka
