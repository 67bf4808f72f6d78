// pg_type → ColumnType, for many types in one query. Types are known by name: the built-in ones
// where they stand in pg_catalog, those of extensions (hstore, citext, PostGIS …) in whatever
// schema they are.
#pragma once

#include <cstdint>
#include <set>
#include <string_view>
#include <unordered_map>

#include "base/result.h"
#include "event/schema.h"
#include "wire/postgres/connection.h"

namespace millrace {

// By oid, with the typmod that the type itself gives (that of a domain), else -1. A domain is
// resolved to its base type; of nested domains the outermost that has a typmod gives it.
using TypeMap = std::unordered_map<uint32_t, ColumnType>;

Result<TypeMap> read_types(postgres::Connection& connection, const std::set<uint32_t>& oids);

// A column's type: `typmod` is the column's own.
ColumnType type_of_column(const TypeMap& types, uint32_t oid, int32_t typmod);

// What is read of a type named so; kUnknown for any other.
PgType builtin_type(std::string_view name);
PgType extension_type(std::string_view name);

}  // namespace millrace
