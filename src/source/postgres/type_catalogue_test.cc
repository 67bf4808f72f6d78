#include "source/postgres/type_catalogue.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(TypeCatalogue, BuiltInTypesAreKnownByName) {
  EXPECT_EQ(builtin_type("bit"), PgType::kBit);
  EXPECT_EQ(builtin_type("char"), PgType::kChar);
  EXPECT_EQ(builtin_type("int4"), PgType::kInt4);
  EXPECT_EQ(builtin_type("timestamptz"), PgType::kTimestamptz);
  EXPECT_EQ(builtin_type("xml"), PgType::kXml);
}

TEST(TypeCatalogue, EveryTableIsSorted) {  // they are searched by halves
  for (const char* name :
       {"bool", "bytea", "cidr", "date", "float8", "inet", "interval", "json", "macaddr8", "money",
        "numeric", "oid", "point", "text", "timetz", "tsvector", "uuid", "varbit", "varchar"}) {
    EXPECT_NE(builtin_type(name), PgType::kUnknown) << name;
  }
  for (const char* name : {"citext", "geography", "geometry", "halfvec", "hstore", "isbn", "ltree",
                           "sparsevec", "vector"}) {
    EXPECT_NE(extension_type(name), PgType::kUnknown) << name;
  }
}

TEST(TypeCatalogue, OthersAreUnknown) {
  EXPECT_EQ(builtin_type("tsquery"), PgType::kUnknown);
  EXPECT_EQ(builtin_type("hstore"), PgType::kUnknown);
  EXPECT_EQ(extension_type("text"), PgType::kUnknown);
}

TEST(TypeCatalogue, AColumnsOwnModifierGoesBeforeTheDomains) {
  ColumnType varchar20;
  varchar20.type = PgType::kVarchar;
  varchar20.typmod = 24;
  TypeMap types;
  types[100] = varchar20;
  EXPECT_EQ(type_of_column(types, 100, -1).length(), 20);
  EXPECT_EQ(type_of_column(types, 100, 14).length(), 10);
  EXPECT_EQ(type_of_column(types, 101, -1).type, PgType::kUnknown);
}

}  // namespace
}  // namespace millrace
