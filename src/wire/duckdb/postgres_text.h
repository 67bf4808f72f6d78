// A stored value as the text that PostgreSQL writes for it, and the canonical form in which both
// sides are compared.
//
// Canonical is PostgreSQL's text output (DateStyle ISO, TimeZone UTC, bytea hex), but
//   float4, float8   the shortest digits that give the same bits back, as std::to_chars writes them
//   numeric          without zeros behind the last digit of the fraction ("1.50" → "1.5"; NaN as
//                    it is)
//   interval         "months days microseconds"
#pragma once

#include <string>
#include <string_view>

#include "wire/duckdb/type_map.h"

namespace millrace::duckdb {

// SQL that gives column `name` (quoted) of a type in PostgreSQL's text; of types that PostgreSQL
// has not, in DuckDB's.
std::string postgres_text(const std::string& name, StorageType type);

// SQL that gives column `name` (quoted) as the wider type `to`, as the server casts it; for ALTER …
// USING.
std::string widened(const std::string& name, StorageType from, StorageType to);

// The canonical form of a text of PostgreSQL's, or of postgres_text().
std::string canonical_text(const ColumnType& type, std::string_view text);

}  // namespace millrace::duckdb
