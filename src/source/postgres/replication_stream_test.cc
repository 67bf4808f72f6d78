#include "source/postgres/replication_stream.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

StreamOptions options() {
  StreamOptions out;
  out.slot = "shop";
  out.publication = "dbz_publication";
  out.start = 0x16B374D848;
  return out;
}

TEST(StartReplicationCommand, AsksForMessagesFrom14On) {
  EXPECT_EQ(start_replication_command(options(), 150000),
            "START_REPLICATION SLOT \"shop\" LOGICAL 16/B374D848 (proto_version '1', "
            "publication_names '\"dbz_publication\"', messages 'true')");
  EXPECT_EQ(start_replication_command(options(), 130000),
            "START_REPLICATION SLOT \"shop\" LOGICAL 16/B374D848 (proto_version '1', "
            "publication_names '\"dbz_publication\"')");
}

TEST(StartReplicationCommand, AsksForBinary) {
  StreamOptions binary = options();
  binary.binary = true;
  EXPECT_TRUE(
      start_replication_command(binary, 150000).ends_with(", messages 'true', binary 'true')"));
}

TEST(StartReplicationCommand, QuotesNames) {
  StreamOptions odd = options();
  odd.publication = "it's \"odd\"";
  EXPECT_NE(start_replication_command(odd, 130000).find(R"('"it''s ""odd"""')"), std::string::npos);
}

TEST(StartReplicationCommand, AddsTheUsersOptions) {
  StreamOptions more = options();
  more.more_params = "origin=none;two-phase=it's";
  EXPECT_TRUE(start_replication_command(more, 130000)
                  .ends_with(R"(, "origin" 'none', "two-phase" 'it''s'))"));
}

TEST(EndOfTimeline, FindsTheSwitchPoint) {
  const std::string history = "1\t0/3000000\tno recovery target\n\n# note\n2\t16/B374D848\tx\n";
  EXPECT_EQ(end_of_timeline(history, 1), Lsn{0x3000000});
  EXPECT_EQ(end_of_timeline(history, 2), Lsn{0x16B374D848});
  EXPECT_EQ(end_of_timeline(history, 3), std::nullopt);
  EXPECT_EQ(end_of_timeline("", 1), std::nullopt);
}

}  // namespace
}  // namespace millrace
