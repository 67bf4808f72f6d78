// PostgreSQL types → DuckDB types. Nothing is rounded (I5): a type that DuckDB cannot hold in full
// is kept as the text that PostgreSQL writes.
//
//   boolean, int2, int4, int8, oid    BOOLEAN, SMALLINT, INTEGER, BIGINT, UINTEGER
//   float4, float8                    FLOAT, DOUBLE
//   numeric(p,s), p <= 38             DECIMAL(p,s)     numeric without limits, or wider: VARCHAR
//   date, time, timetz, interval      DATE, TIME, TIMETZ, INTERVAL
//   timestamp, timestamptz            TIMESTAMP, TIMESTAMPTZ (both in microseconds)
//   uuid, bytea, json, jsonb          UUID, BLOB, JSON, JSON (the text as it was sent)
//   all others (text, enums, arrays, ranges, money, bit, network, geometric, unknown)   VARCHAR
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "event/schema.h"
#include "wire/duckdb/api.h"

namespace millrace::duckdb {

enum class Storage : uint8_t {
  kBoolean,
  kSmallint,
  kInteger,
  kBigint,
  kUinteger,
  kFloat,
  kDouble,
  kDecimal,
  kVarchar,
  kJson,
  kBlob,
  kUuid,
  kDate,
  kTime,
  kTimetz,
  kTimestamp,
  kTimestamptz,
  kInterval,
  kOther,  // a type that we never make (a table that somebody else made)
};

struct StorageType {
  Storage kind = Storage::kVarchar;
  uint8_t width = 0;  // of kDecimal, 1..38
  uint8_t scale = 0;

  bool operator==(const StorageType&) const = default;
};

StorageType storage_of(const ColumnType& type);

// As it stands in CREATE TABLE: "DECIMAL(10,2)".
std::string sql_name(StorageType type);

// The type that holds every value of both without loss; VARCHAR where there is none nearer:
//   integers and decimals     the wider one, or a DECIMAL up to 38 digits
//   FLOAT with SMALLINT       FLOAT;  FLOAT or DOUBLE with INTEGER, UINTEGER or each other: DOUBLE
//   FLOAT or DOUBLE with BIGINT or DECIMAL    VARCHAR, for neither holds the other
//   DATE, TIMESTAMP, TIMESTAMPTZ              the later one: a day is its midnight, without zone is
//   UTC
StorageType widest(StorageType a, StorageType b);

// A type handle of DuckDB's, owned.
class LogicalType {
 public:
  LogicalType(const Api& api, TypeHandle handle) : api_(&api), handle_(handle) {}

  LogicalType(LogicalType&& other) noexcept
      : api_(other.api_), handle_(std::exchange(other.handle_, nullptr)) {}

  LogicalType& operator=(LogicalType&& other) noexcept {
    std::swap(api_, other.api_);
    std::swap(handle_, other.handle_);
    return *this;
  }

  LogicalType(const LogicalType&) = delete;
  LogicalType& operator=(const LogicalType&) = delete;

  ~LogicalType() {
    if (handle_ != nullptr) api_->destroy_logical_type(&handle_);
  }

  TypeHandle get() const { return handle_; }

 private:
  const Api* api_;
  TypeHandle handle_;
};

LogicalType logical_type(const Api& api, StorageType type);

// What a column of a table or a result is; kOther when it is none of ours.
StorageType storage_of(const Api& api, TypeHandle type);

// "name" with its quotes doubled; 'text' likewise.
std::string quote_name(std::string_view name);
std::string quote_text(std::string_view text);

}  // namespace millrace::duckdb
