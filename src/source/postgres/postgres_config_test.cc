#include "source/postgres/postgres_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace millrace {
namespace {

using testing::_;
using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::Not;
using testing::Pair;

class PostgresConfigTest : public testing::Test {
 protected:
  PostgresConfigTest() {
    set("topic.prefix", "shop");
    set("database.hostname", "db.example");
    set("database.user", "cdc");
    set("database.dbname", "shop");
  }

  void set(std::string key, std::string value) {
    settings.set(std::move(key), std::move(value), "test");
  }

  PostgresConfig parse() {
    problems.clear();
    return parse_postgres_config(settings, problems);
  }

  Settings settings;
  Problems problems;
};

TEST_F(PostgresConfigTest, TheLeastConfigurationHasDebeziumsDefaults) {
  const PostgresConfig config = parse();
  EXPECT_TRUE(problems.empty());
  EXPECT_EQ(config.port, 5432);
  EXPECT_EQ(config.slot_name, "debezium");
  EXPECT_EQ(config.publication_name, "dbz_publication");
  EXPECT_EQ(config.snapshot_mode, SnapshotMode::kInitial);
  EXPECT_EQ(config.sslmode, SslMode::kPrefer);
  EXPECT_EQ(config.status_update_interval_ms, 10000);
  EXPECT_EQ(config.publication_mode, PublicationMode::kFiltered);
}

TEST_F(PostgresConfigTest, AllThatIsMissingIsToldAtOnce) {
  settings = Settings();
  parse();
  EXPECT_EQ(problems.size(), 4u);
}

TEST_F(PostgresConfigTest, SeveralHostsAreAPrimaryAndItsStandbys) {
  set("database.hostname", "db1, db2:6432,[::1]:7000");
  set("database.port", "5433");
  const auto options = connect_options(parse());
  EXPECT_TRUE(problems.empty());
  EXPECT_THAT(options.keywords, Contains(Pair("host", "db1")));
  EXPECT_THAT(options.keywords, Contains(Pair("port", "5433")));
  EXPECT_THAT(options.keywords, Contains(Pair("target_session_attrs", "primary")));
  EXPECT_THAT(options.more_servers, ElementsAre(Pair("db2", "6432"), Pair("::1", "7000")));
}

TEST_F(PostgresConfigTest, OneHostMayBeAStandby) {
  for (const char* host : {"db1", "::1", "/run/postgresql"}) {
    set("database.hostname", host);
    const auto options = connect_options(parse());
    EXPECT_TRUE(problems.empty());
    EXPECT_THAT(options.keywords, Contains(Pair("host", host)));
    EXPECT_THAT(options.keywords, Not(Contains(Pair("target_session_attrs", _))));
    EXPECT_TRUE(options.more_servers.empty());
  }
}

TEST_F(PostgresConfigTest, AHostsPortIsChecked) {
  for (const char* hosts : {"db1:99999", "db1,db2:", "[::1]:x", ","}) {
    set("database.hostname", hosts);
    parse();
    EXPECT_THAT(problems, Contains(Field(&Problem::key, "database.hostname"))) << hosts;
  }
}

TEST_F(PostgresConfigTest, BadNamesAreRefused) {
  for (const char* name : {"Shop", "a-b", "", "x y"}) {
    set("slot.name", name);
    parse();
    EXPECT_THAT(problems, Contains(Field(&Problem::key, "slot.name"))) << name;
  }
  set("slot.name", std::string(63, 'a'));
  set("topic.prefix", "a/b");
  parse();
  EXPECT_THAT(problems, Contains(Field(&Problem::key, "topic.prefix")));
  EXPECT_EQ(problems.size(), 1u);
}

TEST_F(PostgresConfigTest, IncludeAndExcludeOfAKindExcludeEachOther) {
  set("table.include.list", "a.b");
  set("table.exclude.list", "a.c");
  set("schema.include.list", "a");
  set("column.exclude.list", "a.b.c");
  parse();
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].key, "table.exclude.list");
}

TEST_F(PostgresConfigTest, OldModesAndPluginsAreUnderstood) {
  set("snapshot.mode", "never");
  set("plugin.name", "decoderbufs");
  EXPECT_EQ(parse().snapshot_mode, SnapshotMode::kNoData);
  set("snapshot.mode", "EXPORTED");
  EXPECT_EQ(parse().snapshot_mode, SnapshotMode::kInitial);
  EXPECT_TRUE(problems.empty());
}

TEST_F(PostgresConfigTest, SelectOverridesNeedAStatementEach) {
  set("snapshot.select.statement.overrides", "public.a,public.b");
  set("snapshot.select.statement.overrides.public.a", "SELECT 1");
  EXPECT_THAT(parse().select_overrides, Contains(Pair("public.a", "SELECT 1")));
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_THAT(problems[0].message, testing::HasSubstr("public.b"));
}

TEST_F(PostgresConfigTest, SkippedOperationsAreALetterEach) {
  set("skipped.operations", "u, d");
  EXPECT_EQ(parse().skipped_operations, (std::vector<std::string>{"u", "d"}));
  EXPECT_TRUE(problems.empty());
  for (const char* wrong : {"update", "none,c"}) {
    set("skipped.operations", wrong);
    parse();
    EXPECT_EQ(problems.size(), 1u) << wrong;
  }
}

TEST_F(PostgresConfigTest, StreamParametersArePairs) {
  set("slot.stream.params", "a=b;c=d;");
  parse();
  EXPECT_TRUE(problems.empty());
  for (const char* wrong : {"a=b;c", "a=b;binary=true"}) {
    problems.clear();
    set("slot.stream.params", wrong);
    parse();
    EXPECT_EQ(problems.size(), 1u) << wrong;
  }
}

TEST_F(PostgresConfigTest, TheConnectionHasDebeziumsApplicationName) {
  set("database.password", "secret");
  const postgres::ConnectOptions options = connect_options(parse(), kStreamingApplication);
  EXPECT_THAT(options.keywords, Contains(Pair("application_name", "Debezium Streaming")));
  EXPECT_THAT(options.keywords, Contains(Pair("password", "secret")));
  EXPECT_THAT(options.keywords, Contains(Pair("sslmode", "prefer")));
}

TEST_F(PostgresConfigTest, NoFieldStandsTwice) {
  std::set<std::string_view> names;
  for (const FieldSpec& spec : postgres_fields()) {
    EXPECT_TRUE(names.insert(spec.name).second) << spec.name;
    EXPECT_FALSE(spec.options.doc.empty()) << spec.name;
  }
}

}  // namespace
}  // namespace millrace
