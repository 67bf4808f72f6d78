#include "sink/record_line.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(RecordLine, HasJsonVerbatimAndNullWhereThereIsNone) {
  const Header headers[] = {{"h\"1", "\"v\""}, {"h2", {}}};
  std::string out;
  append_record_line(
      out, Record{.topic = "s.public.t", .key = R"({"id":1})", .value = {}, .headers = headers});
  EXPECT_EQ(out, R"({"topic":"s.public.t","key":{"id":1},"value":null,)"
                 R"("headers":[{"key":"h\"1","value":"v"},{"key":"h2","value":null}]})"
                 "\n");
}

TEST(RecordLine, HasThePartitionOnlyWhenSet) {
  std::string out;
  append_record_line(out,
                     Record{.topic = "t", .key = "1", .value = "2", .headers = {}, .partition = 0});
  EXPECT_EQ(out, "{\"topic\":\"t\",\"partition\":0,\"key\":1,\"value\":2,\"headers\":[]}\n");
}

}  // namespace
}  // namespace millrace
