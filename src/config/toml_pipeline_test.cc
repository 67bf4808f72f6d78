#include <gmock/gmock.h>

#include "config/config_files_test.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

constexpr std::string_view kShop = R"(name = "shop"
memory.max = "16MiB"

[source]
database.hostname = "localhost"
table.include.list = ["public.inventory", "public.products"]

[branch.mirror]
[branch.mirror.sink]
type = "duckdb"
duckdb.path = "shop.duckdb"

[branch.mail]
tables = ["public.products"]
after = "mirror"
sql = "SELECT 1"
[branch.mail.sink]
type = "email"
smtp.host = "localhost"
key.converter = "json"
"key.converter.schemas.enable" = true

[branch.history.sql]
"public.inventory" = "SELECT 2"
public.products = "SELECT 3"
[branch.history.sink]
type = "duckdb"
)";

class TomlPipeline : public ConfigFiles {};

TEST_F(TomlPipeline, ThePartsGoWhereTheyBelong) {
  const PipelineConfig config = load("p.toml", kShop);
  EXPECT_THAT(problems, IsEmpty()) << told();
  EXPECT_EQ(config.name, "shop");
  EXPECT_EQ(config.form, ConfigForm::kToml);
  EXPECT_EQ(value(config.common, "memory.max"), "16MiB");
  EXPECT_EQ(value(config.source, "table.include.list"), "public.inventory,public.products");
  EXPECT_EQ(config.source.find("database.hostname")->origin, config.file + ":5");
  EXPECT_EQ(config.source_prefix, "source.");
  ASSERT_THAT(config.branches, SizeIs(3));
  EXPECT_EQ(config.branches[0].name, "mirror");
  EXPECT_EQ(config.branches[0].sink, "duckdb");
  EXPECT_THAT(config.branches[0].tables, IsEmpty());
  EXPECT_EQ(value(config.branches[0].sink_settings, "duckdb.path"), "shop.duckdb");
  EXPECT_EQ(value(config.branches[0].sink_settings, "type"), "(none)");
  EXPECT_EQ(config.branches[1].after, "mirror");
  EXPECT_THAT(config.branches[1].tables, ElementsAre("public.products"));
  EXPECT_THAT(config.branches[1].sql, ElementsAre(Pair("", "SELECT 1")));
  EXPECT_EQ(config.sink_prefix(config.branches[1]), "branch.mail.sink.");
  EXPECT_THAT(config.branches[2].sql, ElementsAre(Pair("public.inventory", "SELECT 2"),
                                                  Pair("public.products", "SELECT 3")));
}

TEST_F(TomlPipeline, TheLagOfBranchesIsASettingOfThePipeline) {
  const PipelineConfig config =
      load("p.toml", "branch.lag.max.bytes = \"1GiB\"\n" + std::string(kShop));
  EXPECT_THAT(problems, IsEmpty()) << told();
  EXPECT_EQ(value(config.common, "branch.lag.max.bytes"), "1GiB");
  EXPECT_THAT(config.branches, SizeIs(3));
}

TEST_F(TomlPipeline, WithoutANameThePipelineHasItsFiles) {
  EXPECT_EQ(load("orders.toml", "[source]\n[branch.a.sink]\ntype = 'file'\n").name, "orders");
  EXPECT_THAT(problems, IsEmpty()) << told();
}

TEST_F(TomlPipeline, SetLaysItsValuesOverTheFile) {
  const PipelineConfig config = load("p.toml", kShop,
                                     {.file = "",
                                      .to = "",
                                      .set = {{"branch.mail.sink.smtp.host", "mx"},
                                              {"source.slot.name", "s"},
                                              {"memory.max", "8MiB"},
                                              {"memory.max", "9MiB"},
                                              {"branch.mail.tables", "public.a,public.b"}}});
  EXPECT_THAT(problems, IsEmpty()) << told();
  EXPECT_EQ(value(config.branches[1].sink_settings, "smtp.host"), "mx");
  EXPECT_EQ(config.branches[1].sink_settings.find("smtp.host")->origin, "--set");
  EXPECT_THAT(config.branches[1].tables, ElementsAre("public.a", "public.b"));
  EXPECT_EQ(value(config.source, "slot.name"), "s");
  EXPECT_EQ(value(config.common, "memory.max"), "9MiB");
}

TEST_F(TomlPipeline, SetCannotNameABranchThatIsNotThere) {
  load("p.toml", kShop, {.file = "", .to = "", .set = {{"branch.mial.sink.host", "x"}}});
  ASSERT_THAT(problems, SizeIs(1)) << told();
  EXPECT_EQ(problems[0].origin, "--set");
  EXPECT_EQ(problems[0].cure, "did you mean branch.mail?");
}

TEST_F(TomlPipeline, ToReplacesTheSinksButKeepsConvertersAndWhatSetGave) {
  const PipelineConfig config = load(
      "p.toml", kShop, {.file = "", .to = "stdout", .set = {{"branch.mail.sink.pretty", "true"}}});
  EXPECT_THAT(problems, IsEmpty()) << told();
  for (const BranchConfig& branch : config.branches)
    EXPECT_EQ(branch.sink, "stdout");
  EXPECT_EQ(value(config.branches[1].sink_settings, "smtp.host"), "(none)");
  EXPECT_EQ(value(config.branches[1].sink_settings, "key.converter.schemas.enable"), "true");
  EXPECT_EQ(value(config.branches[1].sink_settings, "pretty"), "true");
}

TEST_F(TomlPipeline, ToTheSameSinkKeepsItsSettings) {
  const PipelineConfig config = load("p.toml", kShop, {.file = "", .to = "email", .set = {}});
  EXPECT_EQ(value(config.branches[1].sink_settings, "smtp.host"), "localhost");
}

TEST_F(TomlPipeline, TheSameFlatKeyTwiceIsAnErrorWithBothPlaces) {
  load(
      "p.toml",
      "[source]\n\"slot.name\" = 'a'\n[source.slot]\nname = 'b'\n[branch.a.sink]\ntype = 'file'\n");
  ASSERT_THAT(problems, SizeIs(1)) << told();
  EXPECT_EQ(problems[0].key, "source.slot.name");
  EXPECT_THAT(problems[0].origin, HasSubstr("p.toml:4"));
  EXPECT_THAT(problems[0].message, HasSubstr("p.toml:2"));
}

TEST_F(TomlPipeline, AllProblemsAreToldAtOnce) {
  load("p.toml", R"(source.database.server.name = "x"
[branch.a]
table = "public.a"
tables = "public.(a"
transforms = "unwrap"
after = "c"
[branch.b]
after = "b"
[branch.b.sink]
type = "file"
[branch."c d".sink]
type = "file"
)");
  EXPECT_THAT(problem("source.database.server.name")->cure, HasSubstr("source.topic.prefix"));
  EXPECT_EQ(problem("branch.a.table")->cure, "did you mean branch.a.tables?");
  EXPECT_THAT(problem("branch.a.tables")->message, HasSubstr("no regular expression"));
  EXPECT_THAT(problem("branch.a.transforms")->message, HasSubstr("not supported yet"));
  EXPECT_THAT(problem("branch.a.after")->message, HasSubstr("no branch c"));
  EXPECT_EQ(problem("branch.a.sink.type")->message, "is missing");
  EXPECT_THAT(problem("branch.b.after")->message, HasSubstr("wait for itself"));
  EXPECT_NE(problem("branch.c d"), nullptr);
  EXPECT_EQ(errors(), 8U) << told();
}

TEST_F(TomlPipeline, BranchesThatWaitForEachOtherAreAnError) {
  load(
      "p.toml",
      "[source]\n[branch.a]\nafter='b'\nsink.type='file'\n[branch.b]\nafter='c'\nsink.type='file'\n"
      "[branch.c]\nafter='b'\nsink.type='file'\n");
  EXPECT_EQ(problem("branch.a.after"), nullptr) << "a waits, but nobody waits for a";
  EXPECT_NE(problem("branch.b.after"), nullptr);
  EXPECT_NE(problem("branch.c.after"), nullptr);
}

TEST_F(TomlPipeline, AFileWithoutSourceOrBranchSaysSo) {
  load("p.toml", "");
  EXPECT_NE(problem("source"), nullptr);
  EXPECT_NE(problem("branch"), nullptr);
  load("p.toml", "source = 'x'\nbranch = 1\n");
  EXPECT_THAT(problem("branch")->message, HasSubstr("must be a table"));
}

TEST_F(TomlPipeline, AnotherConnectorClassIsAnError) {
  load("p.toml", "[source]\nconnector.class = 'MySql'\n[branch.a.sink]\ntype = 'file'\n");
  EXPECT_THAT(problem("source.connector.class")->cure, HasSubstr("PostgresConnector"));
}

TEST_F(TomlPipeline, AMalformedFileIsOneProblem) {
  load("p.toml", "[source\n");
  EXPECT_THAT(problems, SizeIs(1)) << told();
}

TEST_F(TomlPipeline, AVariableIsResolvedEverywhere) {
  ::setenv("MILLRACE_TEST_PW", "hunter2", 1);
  const PipelineConfig config = load(
      "p.toml",
      "[source]\ndatabase.password = '${env:MILLRACE_TEST_PW}'\n[branch.a.sink]\ntype = 'file'\n",
      {.file = "", .to = "", .set = {{"branch.a.sink.token", "${env:MILLRACE_TEST_PW}"}}});
  EXPECT_EQ(value(config.source, "database.password"), "hunter2");
  EXPECT_TRUE(config.source.find("database.password")->hidden);
  EXPECT_EQ(value(config.branches[0].sink_settings, "token"), "hunter2");
}

}  // namespace
}  // namespace millrace
