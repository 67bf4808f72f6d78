#include "config/known_keys.h"

#include <gmock/gmock.h>

#include <set>

#include "config/config_files_test.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class KnownKeysCheck : public ConfigFiles {
 protected:
  void check(const std::string& name, std::string_view text, RunOptions options = {}) {
    const PipelineConfig config = load(name, text, std::move(options));
    EXPECT_THAT(problems, IsEmpty()) << told();
    check_known(config, known_, problems);
  }

  const KnownKeys known_{
      .common = {"name", "memory.max"},
      .source = {"topic.prefix", "slot.name", "database.hostname"},
      .sinks = {{"kafka", {"bootstrap.servers", "producer.override.*"}}, {"file", {"file.path"}}}};
};

TEST_F(KnownKeysCheck, WhatTheTablesNameIsFine) {
  check("p.toml",
        "memory.max = 1\n[source]\nslot.name = 's'\n[branch.a.sink]\ntype = 'file'\nfile.path = "
        "'x'\n");
  EXPECT_THAT(problems, IsEmpty()) << told();
  check(
      "c.json",
      R"({"name": "n", "slot.name": "s", "bootstrap.servers": "k", "producer.override.acks": "all"})");
  EXPECT_THAT(problems, IsEmpty()) << told();
}

TEST_F(KnownKeysCheck, UnknownKeysAreErrorsInTomlWithTheirWholePath) {
  check(
      "p.toml",
      "memory.mx = 1\n[source]\nslot.nam = 's'\n[branch.a.sink]\ntype = 'file'\nfile.pth = 'x'\n");
  EXPECT_EQ(errors(), 3U) << told();
  EXPECT_EQ(problem("memory.mx")->cure, "did you mean memory.max?");
  EXPECT_EQ(problem("source.slot.nam")->cure, "did you mean source.slot.name?");
  EXPECT_EQ(problem("branch.a.sink.file.pth")->cure, "did you mean branch.a.sink.file.path?");
}

TEST_F(KnownKeysCheck, AnUnknownPathOfSetIsAnErrorToo) {
  check("p.toml", "[source]\n[branch.a.sink]\ntype = 'file'\n",
        {.file = "", .to = "", .set = {{"source.slot.nane", "x"}}});
  EXPECT_EQ(problem("source.slot.nane")->origin, "--set");
}

TEST_F(KnownKeysCheck, UnknownKeysAreWarningsInAConnector) {
  check("c.json", R"({"slot.nam": "s", "task.max": "1"})");
  EXPECT_EQ(errors(), 0U);
  EXPECT_EQ(problem("slot.nam")->cure, "did you mean slot.name?");
  EXPECT_EQ(problem("task.max")->cure, "did you mean tasks.max?");
}

TEST_F(KnownKeysCheck, ConnectsOwnKeysAreNotUnknown) {
  check("c.json",
        R"({"tasks.max": "1", "errors.log.enable": "true", "config.action.reload": "restart",
                      "max.batch.size": "2048", "sourceinfo.struct.maker": "x", "internal.x": "y",
                      "database.tcpKeepAlive": "true", "key.converter": "org.apache.kafka.connect.json.JsonConverter"})");
  EXPECT_THAT(problems, IsEmpty()) << told();
}

TEST_F(KnownKeysCheck, ASettingThatWouldChangeTheEventsIsRefused) {
  check("c.json",
        R"({"column.mask.hash.SHA-256.with.salt.x": "public.a.b", "post.processors": "reselect"})");
  EXPECT_EQ(errors(), 2U) << told();
}

TEST_F(KnownKeysCheck, WithItsDefaultItIsFine) {
  check("c.json", R"({"provide.transaction.metadata": "false", "topic.delimiter": ".",
                      "topic.naming.strategy": "io.debezium.schema.SchemaTopicNamingStrategy", "converters": ""})");
  EXPECT_THAT(problems, IsEmpty()) << told();
}

TEST_F(KnownKeysCheck, AMissingFeatureThatLeavesTheEventsAloneIsAWarning) {
  check("c.json", R"({"signal.data.collection": "public.signals"})");
  EXPECT_EQ(errors(), 0U);
  EXPECT_THAT(problem("signal.data.collection")->message, HasSubstr("not supported yet"));
}

TEST_F(KnownKeysCheck, InTomlItIsAnError) {
  check("p.toml", "[source]\nsignal.data.collection = 'x'\n[branch.a.sink]\ntype = 'file'\n");
  EXPECT_EQ(errors(), 1U);
  EXPECT_THAT(told(), HasSubstr("not supported yet"));
}

TEST_F(KnownKeysCheck, KeysOfASinkThatToReplacedStayKnown) {
  check("c.json", R"({"bootstrap.servers": "k"})", {.file = "", .to = "file", .set = {}});
  EXPECT_THAT(problems, IsEmpty()) << told();
}

TEST_F(KnownKeysCheck, DebeziumServersKeysAreToldWithTheirPrefix) {
  check("a.properties",
        "debezium.sink.type=kafka\ndebezium.source.slot.nam=s\ndebezium.sink.kafka.bootstrap."
        "server=k\n"
        "memory.mx=1\n");
  EXPECT_EQ(errors(), 0U);
  EXPECT_NE(problem("debezium.source.slot.nam"), nullptr) << told();
  EXPECT_NE(problem("debezium.sink.kafka.bootstrap.server"), nullptr) << told();
  EXPECT_NE(problem("memory.mx"), nullptr) << told();
  EXPECT_THAT(problems, SizeIs(3)) << told();
}

TEST(ForeignKeys, NoNameStandsTwice) {
  std::set<std::string_view> names;
  for (const ForeignKey& key : foreign_keys())
    EXPECT_TRUE(names.insert(key.name).second) << key.name;
}

TEST(ForeignKeys, NoneIsShadowedByAPatternAboveIt) {
  std::vector<std::string_view> patterns;
  for (const ForeignKey& key : foreign_keys()) {
    for (std::string_view pattern : patterns) {
      EXPECT_FALSE(key.name.starts_with(pattern.substr(0, pattern.size() - 1)))
          << key.name << " stands below " << pattern;
    }
    if (key.name.ends_with('*')) patterns.push_back(key.name);
  }
}

}  // namespace
}  // namespace millrace
