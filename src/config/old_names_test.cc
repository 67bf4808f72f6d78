#include "config/old_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class OldNames : public ::testing::Test {
 protected:
  void replace(std::initializer_list<std::pair<const char*, const char*>> pairs) {
    settings_ = {};
    problems_.clear();
    for (const auto& [key, value] : pairs)
      settings_.set(key, value, "c.json:1");
    replace_old_names(settings_, "", problems_);
  }

  std::string value(std::string_view key) const {
    const Setting* found = settings_.find(key);
    return found == nullptr ? "(none)" : found->value;
  }

  Settings settings_;
  Problems problems_;
};

TEST_F(OldNames, AloneTheyCountUnderTheirNewNames) {
  replace({{"database.server.name", "shop"},
           {"schema.whitelist", "a"},
           {"table.blacklist", "b"},
           {"column.whitelist", "c"},
           {"slot.drop_on_stop", "true"},
           {"toasted.value.placeholder", "?"},
           {"heartbeat.topics.prefix", "hb"}});
  EXPECT_EQ(value("topic.prefix"), "shop");
  EXPECT_EQ(value("schema.include.list"), "a");
  EXPECT_EQ(value("table.exclude.list"), "b");
  EXPECT_EQ(value("column.include.list"), "c");
  EXPECT_EQ(value("slot.drop.on.stop"), "true");
  EXPECT_EQ(value("unavailable.value.placeholder"), "?");
  EXPECT_EQ(value("topic.heartbeat.prefix"), "hb");
  EXPECT_EQ(value("database.server.name"), "(none)");
  EXPECT_THAT(problems_, SizeIs(7));
  for (const Problem& problem : problems_)
    EXPECT_EQ(problem.severity, Problem::Severity::kWarning);
}

TEST_F(OldNames, BesideTopicPrefixTheyAreIgnored) {
  replace(
      {{"topic.prefix", "new"}, {"database.server.name", "old"}, {"table.whitelist", "public.a"}});
  EXPECT_EQ(value("topic.prefix"), "new");
  EXPECT_EQ(value("table.include.list"), "(none)");
  EXPECT_EQ(value("table.whitelist"), "(none)");
  ASSERT_THAT(problems_, SizeIs(2));
  EXPECT_THAT(problems_[0].message, HasSubstr("ignored"));
}

TEST_F(OldNames, BesideItsNewNameAnOldOneIsIgnored) {
  replace({{"database.server.name", "s"}, {"table.whitelist", "a"}, {"table.include.list", "b"}});
  EXPECT_EQ(value("table.include.list"), "b");
}

TEST_F(OldNames, TodaysNamesMakeNoProblem) {
  replace({{"topic.prefix", "p"}, {"table.include.list", "a"}, {"plugin.name", "pgoutput"}});
  EXPECT_THAT(problems_, IsEmpty());
}

TEST_F(OldNames, TruncatesWereLeftOutUnlessIncluded) {
  replace({{"database.server.name", "s"}, {"truncate.handling.mode", "include"}});
  EXPECT_EQ(value("skipped.operations"), "none");
  replace({{"database.server.name", "s"}, {"truncate.handling.mode", "skip"}});
  EXPECT_EQ(value("skipped.operations"), "t");
  replace({{"database.server.name", "s"}, {"skipped.operations", "u,d"}});
  EXPECT_EQ(value("skipped.operations"), "u,d,t");
  replace({{"database.server.name", "s"},
           {"skipped.operations", "u"},
           {"truncate.handling.mode", "include"}});
  EXPECT_EQ(value("skipped.operations"), "u");
  replace({{"database.server.name", "s"}});
  EXPECT_EQ(value("skipped.operations"), "(none)");
  replace({{"topic.prefix", "s"}, {"skipped.operations", "u"}});
  EXPECT_EQ(value("skipped.operations"), "u");
}

TEST_F(OldNames, TheTransactionTopicsTemplateIsTakenWhereItCanBeSaid) {
  replace({{"database.server.name", "s"}, {"transaction.topic", "${database.server.name}.tx"}});
  EXPECT_EQ(value("topic.transaction"), "tx");
  replace({{"database.server.name", "s"}, {"transaction.topic", "all-tx"}});
  EXPECT_EQ(value("topic.transaction"), "(none)");
}

TEST_F(OldNames, SanitizingFieldNamesIsAnAdjustmentMode) {
  replace({{"database.server.name", "s"}, {"sanitize.field.names", "true"}});
  EXPECT_EQ(value("field.name.adjustment.mode"), "avro");
}

TEST_F(OldNames, OldValuesAreReplaced) {
  for (const auto& [old, now] : {std::pair{"never", "no_data"},
                                 {"exported", "initial"},
                                 {"initial_schema_only", "no_data"},
                                 {"always", "always"}}) {
    replace({{"database.server.name", "s"}, {"snapshot.mode", old}});
    EXPECT_EQ(value("snapshot.mode"), now);
  }
  for (const char* plugin : {"decoderbufs", "wal2json", "wal2json_rds_streaming"}) {
    replace({{"topic.prefix", "s"}, {"plugin.name", plugin}});
    EXPECT_EQ(value("plugin.name"), "pgoutput");
    EXPECT_THAT(problems_, SizeIs(1));
  }
}

TEST_F(OldNames, FlushLsnSourceIsAFlushMode) {
  replace({{"topic.prefix", "s"}, {"flush.lsn.source", "false"}});
  EXPECT_EQ(value("lsn.flush.mode"), "manual");
  replace({{"topic.prefix", "s"}, {"flush.lsn.source", "false"}, {"lsn.flush.mode", "connector"}});
  EXPECT_EQ(value("lsn.flush.mode"), "connector");
}

TEST_F(OldNames, SettingsOfOtherDatabasesAreIgnored) {
  replace({{"database.server.name", "s"},
           {"database.history", "x"},
           {"database.history.kafka.topic", "y"},
           {"source.struct.version", "v1"}});
  EXPECT_EQ(value("database.history.kafka.topic"), "(none)");
  EXPECT_EQ(value("source.struct.version"), "(none)");
  EXPECT_THAT(problems_, SizeIs(4));  // with database.server.name
}

TEST_F(OldNames, EachKnowsItsNewName) {
  EXPECT_EQ(todays_name("database.server.name"), "topic.prefix");
  EXPECT_EQ(todays_name("topic.prefix"), std::nullopt);
  EXPECT_EQ(todays_name("source.struct.version"), std::nullopt);
}

}  // namespace
}  // namespace millrace
