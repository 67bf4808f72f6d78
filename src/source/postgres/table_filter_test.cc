#include "source/postgres/table_filter.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TableFilter filter(const PostgresConfig& config) {
  auto made = TableFilter::make(config);
  EXPECT_TRUE(made) << made.error().text();
  return made ? *made : *TableFilter::make(PostgresConfig{});
}

TEST(TableFilter, WithoutListsEveryTableOfUsersIsCaptured) {
  const TableFilter all = filter({});
  EXPECT_TRUE(all.captures_table("public", "t"));
  EXPECT_TRUE(all.captures_column("public", "t", "c"));
}

TEST(TableFilter, SystemSchemasAreNeverCaptured) {
  PostgresConfig config;
  config.table_include = {".*"};
  const TableFilter all = filter(config);
  for (const char* schema : {"pg_catalog", "information_schema", "pg_temp_3", "pg_toast"}) {
    EXPECT_FALSE(all.captures_table(schema, "t")) << schema;
  }
  EXPECT_FALSE(all.captures_table("public", "spatial_ref_sys"));
  EXPECT_TRUE(all.captures_table("pgbouncer", "t"));
}

TEST(TableFilter, ARegexMatchesTheWholeName) {
  PostgresConfig config;
  config.table_include = {"public.inv"};
  EXPECT_FALSE(filter(config).captures_table("public", "inventory"));
  EXPECT_FALSE(filter(config).captures_table("xpublic", "inv"));
  EXPECT_TRUE(filter(config).captures_table("public", "inv"));
}

TEST(TableFilter, CaseDoesNotMatter) {
  PostgresConfig config;
  config.table_include = {"PUBLIC.Inventory"};
  EXPECT_TRUE(filter(config).captures_table("public", "inventory"));
  EXPECT_TRUE(filter(config).captures_table("public", "INVENTORY"));
}

TEST(TableFilter, ExcludedTablesAreLeftOut) {
  PostgresConfig config;
  config.table_exclude = {"public.audit_.*", "s2\\..*"};
  EXPECT_FALSE(filter(config).captures_table("public", "audit_log"));
  EXPECT_FALSE(filter(config).captures_table("s2", "x"));
  EXPECT_TRUE(filter(config).captures_table("public", "x"));
}

TEST(TableFilter, SchemaAndTableListsBothCount) {
  PostgresConfig config;
  config.schema_include = {"a", "b"};
  config.table_include = {".*\\.t"};
  EXPECT_TRUE(filter(config).captures_table("a", "t"));
  EXPECT_FALSE(filter(config).captures_table("c", "t"));
  EXPECT_FALSE(filter(config).captures_table("a", "u"));
}

TEST(TableFilter, ColumnsMatchWithSchemaAndTable) {
  PostgresConfig config;
  config.column_exclude = {"public\\.p\\.secret", ".*\\.internal_.*", "sales.q.id"};
  const TableFilter columns = filter(config);
  EXPECT_FALSE(columns.captures_column("public", "p", "secret"));
  EXPECT_FALSE(columns.captures_column("x", "y", "internal_a"));
  EXPECT_FALSE(columns.captures_column("sales", "q", "id"));
  EXPECT_TRUE(columns.captures_column("sales", "q", "secret"));
}

TEST(TableFilter, AnEscapedCommaDoesNotSeparate) {
  PostgresConfig config;
  config.table_include = {"public.a{1\\", "2}", "public.z"};  // split at every comma
  EXPECT_TRUE(filter(config).captures_table("public", "aa"));
  EXPECT_TRUE(filter(config).captures_table("public", "z"));
  EXPECT_FALSE(filter(config).captures_table("public", "aaa"));
}

TEST(TableFilter, ACommaWithinBracesIsAnErrorThatSaysSo) {
  PostgresConfig config;
  config.table_include = {"public.a{1", "2}"};
  const auto made = TableFilter::make(config);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().kind, ErrorKind::kConfig);
  EXPECT_NE(made.error().cure.find("\\,"), std::string::npos);
}

TEST(TableFilter, JavaLookaheadIsAnErrorThatNamesSettingAndRegex) {
  PostgresConfig config;
  config.table_exclude = {"public.(?!a).*"};
  const auto made = TableFilter::make(config);
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().message.find("table.exclude.list"), std::string::npos);
  EXPECT_NE(made.error().message.find("public.(?!a).*"), std::string::npos);
  EXPECT_NE(made.error().cure.find("lookaround"), std::string::npos);
}

TEST(TableFilter, TheSnapshotListNarrowsTheSnapshotOnly) {
  PostgresConfig config;
  config.snapshot_include = {"public.u"};
  const TableFilter some = filter(config);
  EXPECT_TRUE(some.captures_table("public", "t"));
  EXPECT_FALSE(some.snapshots_table("public", "t"));
  EXPECT_TRUE(some.snapshots_table("public", "u"));
  EXPECT_TRUE(filter({}).snapshots_table("public", "t"));
}

}  // namespace
}  // namespace millrace
