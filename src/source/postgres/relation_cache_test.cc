#include "source/postgres/relation_cache.h"

#include <gtest/gtest.h>

#include <map>

namespace millrace {
namespace {

using pgoutput::Relation;

constexpr uint32_t kInt4 = 23;
constexpr uint32_t kText = 25;

// A catalogue of one table, which tests change as DDL would.
class ScriptedLookup final : public TableLookup {
 public:
  bool captures_table(std::string_view, std::string_view table) const override {
    return table != "hidden";
  }

  bool captures_column(std::string_view, std::string_view, std::string_view column) const override {
    return column != "secret";
  }

  Result<std::optional<TableSchema>> table(uint32_t) override {
    ++asked;
    if (error) return Failure(*error);
    return known;
  }

  Result<ColumnType> type(uint32_t oid, int32_t typmod) override {
    if (oid == 99) return fail(ErrorKind::kNotFound, "no such type");
    ColumnType out;
    out.oid = oid;
    out.typmod = typmod;
    out.name = "asked";
    return out;
  }

  std::optional<TableSchema> known;
  std::optional<Error> error;
  int asked = 0;
};

Column column(std::string name, uint32_t oid, bool identity = false) {
  Column out;
  out.name = std::move(name);
  out.type.oid = oid;
  out.type.name = "known";
  out.identity = identity;
  out.nullable = false;
  out.default_expression = "0";
  return out;
}

class RelationCacheTest : public testing::Test {
 protected:
  void SetUp() override {
    TableSchema table;
    table.oid = 7;
    table.schema = "public";
    table.name = "t";
    table.columns = {column("id", kInt4, true), column("note", kText)};
    table.key = {0};
    table.primary_key = {0};
    lookup.known = table;
    relation.oid = 7;
    relation.schema = "public";
    relation.name = "t";
    relation.columns = {{"id", kInt4, -1, true}, {"note", kText, -1, false}};
  }

  SchemaPtr update() { return update(cache); }

  SchemaPtr update(RelationCache& one) {
    const auto updated = one.update(relation, 100, 1);
    EXPECT_TRUE(updated) << updated.error().text();
    const auto found = one.find(7, 100);
    return found && *found != nullptr ? (*found)->schema : nullptr;
  }

  ScriptedLookup lookup;
  RelationCache cache{lookup};
  Relation relation;
};

TEST_F(RelationCacheTest, TheCatalogueAddsWhatTheRelationLacks) {
  const SchemaPtr table = update();
  ASSERT_NE(table, nullptr);
  EXPECT_EQ(table->full_name(), "public.t");
  EXPECT_FALSE(table->columns[1].nullable);
  EXPECT_EQ(table->columns[1].default_expression, "0");
  EXPECT_EQ(table->columns[0].type.name, "known");
  EXPECT_EQ(table->key, std::vector<uint16_t>{0});
  EXPECT_EQ(table->primary_key, std::vector<uint16_t>{0});
}

TEST_F(RelationCacheTest, ThePrimaryKeyIsTheOneThatNamesTheRowsThatFollow) {
  lookup.known->primary_key = {1};
  EXPECT_EQ(update()->primary_key, std::vector<uint16_t>{0});
  relation.columns[0].identity = false;
  EXPECT_TRUE(update()->primary_key.empty());
  relation.identity = ReplicaIdentity::kFull;
  EXPECT_EQ(update()->primary_key, std::vector<uint16_t>{1});
}

TEST_F(RelationCacheTest, TheSameRelationKeepsItsVersion) {
  const SchemaPtr first = update();
  EXPECT_EQ(update(), first);
}

TEST_F(RelationCacheTest, ATableThatHasNotChangedKeepsItsVersionAlsoOnTheNextConnection) {
  const SchemaPtr first = update();
  RelationCache next(lookup);
  EXPECT_EQ(update(next), first);
  lookup.known->file_node = 8;
  lookup.known->attribute_count = 2;
  RelationCache third(lookup);
  EXPECT_GT(update(third)->version, first->version);
}

TEST_F(RelationCacheTest, AChangedNullabilityMakesANewVersion) {
  const SchemaPtr first = update();
  lookup.known->columns[1].nullable = true;
  const SchemaPtr second = update();
  EXPECT_NE(second->version, first->version);
  EXPECT_TRUE(second->columns[1].nullable);
  EXPECT_FALSE(first->columns[1].nullable);
}

TEST_F(RelationCacheTest, ColumnsFollowTheRelationsOrder) {
  std::swap(lookup.known->columns[0], lookup.known->columns[1]);
  lookup.known->key = {1};
  const SchemaPtr table = update();
  EXPECT_EQ(table->columns[0].name, "id");
  EXPECT_EQ(table->key, std::vector<uint16_t>{0});
}

TEST_F(RelationCacheTest, AColumnThatIsGoneSinceIsNullableAndKeepsItsType) {
  lookup.known->columns.pop_back();
  const SchemaPtr table = update();
  ASSERT_EQ(table->columns.size(), 2u);
  EXPECT_EQ(table->columns[1].type.oid, kText);
  EXPECT_EQ(table->columns[1].type.name, "asked");
  EXPECT_TRUE(table->columns[1].nullable);
  EXPECT_EQ(table->columns[1].default_expression, std::nullopt);
}

TEST_F(RelationCacheTest, AColumnThatCameSinceIsNotThereYet) {
  lookup.known->columns.push_back(column("later", kText));
  EXPECT_EQ(update()->columns.size(), 2u);
}

TEST_F(RelationCacheTest, AnotherTypeIsTheRelations) {
  lookup.known->columns[1].type.oid = kInt4;
  EXPECT_EQ(update()->columns[1].type.oid, kText);
}

TEST_F(RelationCacheTest, AKeyColumnThatIsRenamedSinceIsFoundByItsIdentity) {
  lookup.known->columns[0].name = "renamed";
  const SchemaPtr table = update();
  EXPECT_EQ(table->key, std::vector<uint16_t>{0});
  EXPECT_EQ(table->primary_key, std::vector<uint16_t>{0});
}

TEST_F(RelationCacheTest, ADroppedTableHasTheKeyOfItsIdentity) {
  lookup.known.reset();
  const SchemaPtr table = update();
  EXPECT_EQ(table->key, std::vector<uint16_t>{0});
  EXPECT_EQ(table->columns[1].name, "note");
}

TEST_F(RelationCacheTest, ADroppedTableWithFullIdentityHasNoKey) {
  lookup.known.reset();
  relation.identity = ReplicaIdentity::kFull;
  for (auto& from : relation.columns)
    from.identity = true;
  EXPECT_TRUE(update()->key.empty());
}

TEST_F(RelationCacheTest, FullIdentityKeepsThePrimaryKey) {
  relation.identity = ReplicaIdentity::kFull;
  for (auto& from : relation.columns)
    from.identity = true;
  EXPECT_EQ(update()->key, std::vector<uint16_t>{0});
}

TEST_F(RelationCacheTest, ATypeThatIsGoneIsOpaque) {
  relation.columns[1].type = 99;
  const SchemaPtr table = update();
  EXPECT_EQ(table->columns[1].type.type, PgType::kUnknown);
  EXPECT_EQ(table->columns[1].type.oid, 99u);
}

TEST_F(RelationCacheTest, ATableThatIsNotCapturedIsRememberedAndNotAskedFor) {
  relation.name = "hidden";
  EXPECT_EQ(update(), nullptr);
  EXPECT_EQ(lookup.asked, 0);
}

TEST_F(RelationCacheTest, ARowOfAnUnknownRelationIsAnError) {
  const auto found = cache.find(8, 100);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, ErrorKind::kProtocol);
}

TEST_F(RelationCacheTest, ALostCatalogueIsAnErrorThatNamesTheTable) {
  lookup.error = Error(ErrorKind::kUnreachable, "connection lost");
  const auto updated = cache.update(relation, 100, 1);
  ASSERT_FALSE(updated);
  EXPECT_EQ(updated.error().kind, ErrorKind::kUnreachable);
  EXPECT_NE(updated.error().message.find("public.t"), std::string::npos);
}

}  // namespace
}  // namespace millrace
