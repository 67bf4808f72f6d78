#include "source/postgres/publication.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

PublishedTable table(uint32_t oid, std::set<uint32_t> ancestors = {}) {
  PublishedTable out;
  out.oid = oid;
  out.schema_oid = 1;
  out.name = "t" + std::to_string(oid);
  out.ancestors = std::move(ancestors);
  return out;
}

std::vector<uint32_t> missing(const PublicationState& publication,
                              const std::vector<PublishedTable>& tables) {
  std::vector<uint32_t> out;
  for (const PublishedTable& lacking : missing_from(publication, tables)) {
    out.push_back(lacking.oid);
  }
  return out;
}

TEST(Publication, ForAllTablesLacksNothing) {
  PublicationState all;
  all.all_tables = true;
  EXPECT_TRUE(missing(all, {table(10)}).empty());
}

TEST(Publication, TablesThatItDoesNotNameAreMissing) {
  PublicationState some;
  some.tables = {10, 11};
  EXPECT_EQ(missing(some, {table(10), table(12)}), std::vector<uint32_t>{12});
}

TEST(Publication, ANamedSchemaHasAllItsTables) {
  PublicationState schema;
  schema.schemas = {1};
  EXPECT_TRUE(missing(schema, {table(10)}).empty());
}

TEST(Publication, APartitionIsPublishedWithTheTableAboveIt) {
  PublicationState root;
  root.tables = {10};
  EXPECT_TRUE(missing(root, {table(11, {10})}).empty());
  EXPECT_EQ(missing(root, {table(12, {13})}), std::vector<uint32_t>{12});
}

TEST(Publication, WhatCannotBePublishedIsNotMissing) {
  PublishedTable unlogged = table(10);
  unlogged.publishable = false;
  EXPECT_TRUE(missing({}, {unlogged}).empty());
}

}  // namespace
}  // namespace millrace
