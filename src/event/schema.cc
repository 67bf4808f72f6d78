#include "event/schema.h"

#include <algorithm>
#include <atomic>
#include <iterator>

namespace millrace {

namespace {

constexpr int kVarHeaderBytes = 4;  // VARHDRSZ: typmods of char, varchar and numeric have it added

// In the order of PgType.
constexpr std::string_view kTypeNames[] = {
    "unknown",   "bool",    "int2",      "int4",      "int8",        "oid",       "float4",
    "float8",    "numeric", "money",     "text",      "varchar",     "bpchar",    "char",
    "name",      "citext",  "bytea",     "uuid",      "json",        "jsonb",     "xml",
    "date",      "time",    "timetz",    "timestamp", "timestamptz", "interval",  "bit",
    "varbit",    "inet",    "cidr",      "macaddr",   "macaddr8",    "int4range", "int8range",
    "numrange",  "tsrange", "tstzrange", "daterange", "enum",        "ltree",     "tsvector",
    "isbn",      "hstore",  "point",     "geometry",  "geography",   "vector",    "halfvec",
    "sparsevec", "array"};
static_assert(std::size(kTypeNames) == static_cast<size_t>(PgType::kArray) + 1);

}  // namespace

std::string_view name(PgType type) {
  return kTypeNames[static_cast<size_t>(type)];
}

std::optional<PgType> pg_type_named(std::string_view name) {
  const auto found = std::find(std::begin(kTypeNames), std::end(kTypeNames), name);
  if (found == std::end(kTypeNames)) return std::nullopt;
  return static_cast<PgType>(found - std::begin(kTypeNames));
}

int ColumnType::length() const {
  if (typmod < 0) return -1;
  const bool is_bits = type == PgType::kBit || type == PgType::kVarbit;
  return is_bits ? typmod : typmod - kVarHeaderBytes;
}

int ColumnType::precision() const {
  return typmod < kVarHeaderBytes ? -1 : (typmod - kVarHeaderBytes) >> 16 & 0xffff;
}

int ColumnType::scale() const {
  if (typmod < kVarHeaderBytes) return -1;
  const int low = (typmod - kVarHeaderBytes) & 0x7ff;  // 11 bits, signed, since PostgreSQL 15
  return (low ^ 1024) - 1024;
}

int ColumnType::fraction_digits() const {
  constexpr int kMost = 6;
  if (typmod < 0) return kMost;
  if (type != PgType::kInterval) return std::min<int>(typmod, kMost);
  return std::min(typmod & 0xffff, kMost);  // INTERVAL_PRECISION; 0xffff = full
}

uint64_t next_schema_version() {
  static std::atomic<uint64_t> last{0};
  return last.fetch_add(1) + 1;
}

}  // namespace millrace
