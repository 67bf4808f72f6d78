// A table's schema at one point of the stream. Immutable once published; shared by the batches
// that use it. The stream's Relation message gives names, types, order and the replica identity;
// the catalogue gives what that lacks: nullability, defaults, enum labels, the primary key (I9).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

// What we know how to read. Domains are resolved to their base type; an array has kArray and
// `element`.
enum class PgType : uint8_t {
  kUnknown,  // any other type: text in, opaque
  kBool,
  kInt2,
  kInt4,
  kInt8,
  kOid,
  kFloat4,
  kFloat8,
  kNumeric,
  kMoney,
  kText,
  kVarchar,
  kBpchar,
  kChar /* "char" */,
  kName,
  kCitext,
  kBytea,
  kUuid,
  kJson,
  kJsonb,
  kXml,
  kDate,
  kTime,
  kTimetz,
  kTimestamp,
  kTimestamptz,
  kInterval,
  kBit,
  kVarbit,
  kInet,
  kCidr,
  kMacaddr,
  kMacaddr8,
  kInt4range,
  kInt8range,
  kNumrange,
  kTsrange,
  kTstzrange,
  kDaterange,
  kEnum,
  kLtree,
  kTsvector,
  kIsbn,
  kHstore,
  kPoint,
  kGeometry,
  kGeography,
  kVector,
  kHalfvec,
  kSparsevec,
  kArray,
};

// "int4", "timestamptz", "array": stable, for files; and back (nullopt when there is none so).
std::string_view name(PgType type);
std::optional<PgType> pg_type_named(std::string_view name);

struct ColumnType {
  PgType type = PgType::kUnknown;
  PgType element = PgType::kUnknown;  // of kArray
  uint32_t oid = 0;                   // as the server names it, before domains are resolved
  int32_t typmod = -1;                // pg_attribute.atttypmod (of the domain, where it is one)
  std::string name;                   // pg_type.typname of the base type ("int4", "_text", "mood")
  std::vector<std::string> labels;    // of kEnum (or of the element), in enumsortorder

  bool operator==(const ColumnType&) const = default;

  // length of char(n), varchar(n), bit(n), varbit(n); -1 when unbounded
  int length() const;
  // numeric(p, s): precision and scale, -1 when the type has none
  int precision() const;
  int scale() const;
  // digits of fractional seconds of time and timestamp types: 0..6 (6 when not given)
  int fraction_digits() const;
};

struct Column {
  std::string name;
  ColumnType type;
  bool nullable = true;
  bool captured = true;    // column.include/exclude.list: not in the row, though perhaps in the key
  bool generated = false;  // GENERATED ALWAYS AS (…): in snapshots, not in the stream
  bool identity = false;   // part of the replica identity (pgoutput Relation flag)
  int16_t attnum = 0;      // pg_attribute.attnum; 0 when unknown
  // pg_get_expr(adbin, adrelid): "'x'::text", "now()"; nullopt when there is none
  std::optional<std::string> default_expression;
  // pg_attribute.attmissingval, as text: what rows have there that are older than the column.
  // nullopt: NULL, or no more known, for the server has rewritten the rows since.
  std::optional<std::string> missing_value;

  bool operator==(const Column&) const = default;

  // Whether a copy of the table can keep it current.
  bool is_kept() const { return captured && !generated; }
};

enum class ReplicaIdentity : char { kDefault = 'd', kNothing = 'n', kFull = 'f', kIndex = 'i' };

struct TableSchema {
  uint32_t oid = 0;
  std::string schema;
  std::string name;
  ReplicaIdentity identity = ReplicaIdentity::kDefault;
  std::vector<Column> columns;
  // Indices into columns, in the key's own order: message.key.columns, else the primary key, else
  // the first usable unique index; empty when the table has no key.
  std::vector<uint16_t> key;
  // By which the table's rows are told apart, also where `key` is another one. Empty: there is
  // none, or a deferrable one, which two rows may share in the middle of a transaction.
  std::vector<uint16_t> primary_key;
  // pg_class.relnatts: the highest attnum that a column of the table ever had; 0 = unknown
  int16_t attribute_count = 0;
  // pg_class.relfilenode: another one after the server has written all rows anew; 0 = unknown
  uint32_t file_node = 0;
  // Differs between any two schemas of one process: a cheap key for caches.
  uint64_t version = 0;

  bool operator==(const TableSchema&) const = default;

  std::string full_name() const { return schema + "." + name; }
};

using SchemaPtr = std::shared_ptr<const TableSchema>;

// The next value of TableSchema::version. Any thread.
uint64_t next_schema_version();

}  // namespace millrace
