#include "source/postgres/row_key.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

using Key = std::vector<uint16_t>;

TableSchema table(ReplicaIdentity identity = ReplicaIdentity::kDefault) {
  TableSchema out;
  out.schema = "public";
  out.name = "people";
  out.identity = identity;
  int16_t attnum = 0;
  for (const char* name : {"id", "first", "last", "born"}) {
    Column column;
    column.name = name;
    column.attnum = ++attnum;
    out.columns.push_back(column);
  }
  return out;
}

UniqueIndex index(std::string name, std::vector<int16_t> attnums) {
  UniqueIndex out;
  out.name = std::move(name);
  out.attnums = std::move(attnums);
  return out;
}

UniqueIndex primary(std::vector<int16_t> attnums) {
  UniqueIndex out = index("z_pkey", std::move(attnums));
  out.is_primary = true;
  return out;
}

MessageKeyColumns custom(std::string_view text = "") {
  auto made = MessageKeyColumns::make(text);
  EXPECT_TRUE(made) << made.error().text();
  return *made;
}

Key key_of(std::vector<UniqueIndex> indexes, std::string_view text = "") {
  TableSchema out = table();
  set_keys(out, std::move(indexes), custom(text));
  return out.key;
}

TEST(RowKey, ThePrimaryKeyComesFirstAndInItsOwnOrder) {
  EXPECT_EQ(key_of({index("a", {4}), primary({3, 1})}), (Key{2, 0}));
}

TEST(RowKey, WithoutAnyIndexThereIsNoKey) {
  EXPECT_TRUE(key_of({}).empty());
}

TEST(RowKey, OfUniqueIndexesTheFirstByNameCounts) {
  EXPECT_EQ(key_of({index("b", {1}), index("a", {3, 2})}), (Key{2, 1}));
}

TEST(RowKey, TheClusteredIndexComesBeforeOthers) {
  UniqueIndex clustered = index("b", {1});
  clustered.is_clustered = true;
  EXPECT_EQ(key_of({index("a", {2}), clustered}), (Key{0}));
}

TEST(RowKey, ExpressionPartialAndInvalidIndexesAreNoKey) {
  UniqueIndex partial = index("b", {1});
  partial.is_partial = true;
  UniqueIndex invalid = index("c", {2});
  invalid.is_valid = false;
  EXPECT_EQ(key_of({index("a", {1, 0}), partial, invalid, index("d", {4})}), (Key{3}));
}

TEST(RowKey, OnlyAPrimaryKeyIsCalledOne) {
  TableSchema with = table();
  set_keys(with, {primary({1})}, custom());
  EXPECT_EQ(with.primary_key, (Key{0}));
  TableSchema without = table();
  set_keys(without, {index("a", {1})}, custom());
  EXPECT_TRUE(without.primary_key.empty());
}

TEST(RowKey, MessageKeyColumnsReplaceThePrimaryKeyInTheirOrder) {
  TableSchema out = table();
  set_keys(out, {primary({1})}, custom("public.people:last,first;(.*).visits:who"));
  EXPECT_EQ(out.key, (Key{2, 1}));
  EXPECT_EQ(out.primary_key, (Key{0}));
}

TEST(RowKey, ADeferrablePrimaryKeyTellsNoRowsApart) {
  UniqueIndex deferrable = primary({1});
  deferrable.is_immediate = false;
  TableSchema out = table(ReplicaIdentity::kFull);
  set_keys(out, {deferrable}, custom());
  EXPECT_EQ(out.key, (Key{0}));
  EXPECT_TRUE(out.primary_key.empty());
}

TEST(RowKey, MessageKeyColumnsOfAnotherTableChangeNothing) {
  EXPECT_EQ(key_of({primary({1})}, "(.*).visits:who"), (Key{0}));
}

TEST(RowKey, MessageKeyColumnsMatchWithoutCase) {
  EXPECT_EQ(key_of({}, " (.*).PEOPLE:Born ; "), (Key{3}));
}

TEST(RowKey, AMalformedListIsAnError) {
  for (const char* text : {"public.people", "public.people:", ":id", "a:b:c"}) {
    EXPECT_FALSE(MessageKeyColumns::make(text)) << text;
  }
}

TEST(RowKey, IdentityFlagsFollowTheReplicaIdentity) {
  UniqueIndex chosen = index("a", {2, 3});
  chosen.is_identity = true;
  const auto flags = [&](ReplicaIdentity identity) {
    TableSchema out = table(identity);
    set_keys(out, {primary({1}), chosen}, custom());
    std::string text;
    for (const Column& column : out.columns)
      text += column.identity ? '1' : '0';
    return text;
  };
  EXPECT_EQ(flags(ReplicaIdentity::kDefault), "1000");
  EXPECT_EQ(flags(ReplicaIdentity::kIndex), "0110");
  EXPECT_EQ(flags(ReplicaIdentity::kFull), "1111");
  EXPECT_EQ(flags(ReplicaIdentity::kNothing), "0000");
}

}  // namespace
}  // namespace millrace
