#include "wire/duckdb/type_map.h"

#include <algorithm>
#include <optional>
#include <string>

namespace millrace::duckdb {

namespace {

constexpr int kWidthMax = 38;

// numeric(p,s): s may be negative or larger than p.
StorageType decimal_storage(const ColumnType& type) {
  if (type.typmod < 0) return {Storage::kVarchar};
  const int scale = std::max(type.scale(), 0);
  const int width = std::max(type.precision() - std::min(type.scale(), 0), scale);
  if (width < 1 || width > kWidthMax) return {Storage::kVarchar};
  return {Storage::kDecimal, static_cast<uint8_t>(width), static_cast<uint8_t>(scale)};
}

// Digits before the point that an integer type needs; 0 when it is none.
int integer_digits(Storage kind) {
  switch (kind) {
    case Storage::kSmallint:
      return 5;
    case Storage::kInteger:
    case Storage::kUinteger:
      return 10;
    case Storage::kBigint:
      return 19;
    default:
      return 0;
  }
}

StorageType wider_decimal(StorageType a, StorageType b) {
  const int whole = std::max(a.width - a.scale, b.width - b.scale);
  const int scale = std::max<int>(a.scale, b.scale);
  if (whole + scale > kWidthMax) return {Storage::kVarchar};
  return {Storage::kDecimal, static_cast<uint8_t>(whole + scale), static_cast<uint8_t>(scale)};
}

StorageType as_decimal(StorageType type) {
  return {Storage::kDecimal, static_cast<uint8_t>(integer_digits(type.kind)), 0};
}

bool is_floating(Storage kind) {
  return kind == Storage::kFloat || kind == Storage::kDouble;
}

// A float's 24 bits hold a smallint, a double's 53 an integer, neither a bigint nor a decimal.
StorageType wider_floating(Storage floating, Storage other) {
  if (is_floating(other)) return {Storage::kDouble};
  if (other == Storage::kSmallint) return {floating};
  const bool fits = other == Storage::kInteger || other == Storage::kUinteger;
  return {fits ? Storage::kDouble : Storage::kVarchar};
}

// A day is its midnight, and what has no zone is in UTC.
std::optional<Storage> wider_temporal(Storage a, Storage b) {
  const auto rank = [](Storage kind) {
    switch (kind) {
      case Storage::kDate:
        return 1;
      case Storage::kTimestamp:
        return 2;
      case Storage::kTimestamptz:
        return 3;
      default:
        return 0;
    }
  };
  if (rank(a) == 0 || rank(b) == 0) return std::nullopt;
  return rank(a) > rank(b) ? a : b;
}

std::string quoted(std::string_view text, char quote) {
  std::string out(1, quote);
  for (char c : text) {
    if (c == quote) out += quote;
    out += c;
  }
  out += quote;
  return out;
}

TypeId type_id(Storage kind) {
  switch (kind) {
    case Storage::kBoolean:
      return TypeId::kBoolean;
    case Storage::kSmallint:
      return TypeId::kSmallint;
    case Storage::kInteger:
      return TypeId::kInteger;
    case Storage::kBigint:
      return TypeId::kBigint;
    case Storage::kUinteger:
      return TypeId::kUinteger;
    case Storage::kFloat:
      return TypeId::kFloat;
    case Storage::kDouble:
      return TypeId::kDouble;
    case Storage::kDecimal:
      return TypeId::kDecimal;
    case Storage::kBlob:
      return TypeId::kBlob;
    case Storage::kUuid:
      return TypeId::kUuid;
    case Storage::kDate:
      return TypeId::kDate;
    case Storage::kTime:
      return TypeId::kTime;
    case Storage::kTimetz:
      return TypeId::kTimetz;
    case Storage::kTimestamp:
      return TypeId::kTimestamp;
    case Storage::kTimestamptz:
      return TypeId::kTimestamptz;
    case Storage::kInterval:
      return TypeId::kInterval;
    case Storage::kVarchar:
    case Storage::kJson:
    case Storage::kOther:
      return TypeId::kVarchar;
  }
  return TypeId::kVarchar;
}

}  // namespace

StorageType storage_of(const ColumnType& type) {
  switch (type.type) {
    case PgType::kBool:
      return {Storage::kBoolean};
    case PgType::kInt2:
      return {Storage::kSmallint};
    case PgType::kInt4:
      return {Storage::kInteger};
    case PgType::kInt8:
      return {Storage::kBigint};
    case PgType::kOid:
      return {Storage::kUinteger};
    case PgType::kFloat4:
      return {Storage::kFloat};
    case PgType::kFloat8:
      return {Storage::kDouble};
    case PgType::kNumeric:
      return decimal_storage(type);
    case PgType::kBytea:
      return {Storage::kBlob};
    case PgType::kUuid:
      return {Storage::kUuid};
    case PgType::kJson:
    case PgType::kJsonb:
      return {Storage::kJson};
    case PgType::kDate:
      return {Storage::kDate};
    case PgType::kTime:
      return {Storage::kTime};
    case PgType::kTimetz:
      return {Storage::kTimetz};
    case PgType::kTimestamp:
      return {Storage::kTimestamp};
    case PgType::kTimestamptz:
      return {Storage::kTimestamptz};
    case PgType::kInterval:
      return {Storage::kInterval};
    default:
      return {Storage::kVarchar};
  }
}

std::string sql_name(StorageType type) {
  switch (type.kind) {
    case Storage::kBoolean:
      return "BOOLEAN";
    case Storage::kSmallint:
      return "SMALLINT";
    case Storage::kInteger:
      return "INTEGER";
    case Storage::kBigint:
      return "BIGINT";
    case Storage::kUinteger:
      return "UINTEGER";
    case Storage::kFloat:
      return "FLOAT";
    case Storage::kDouble:
      return "DOUBLE";
    case Storage::kDecimal:
      return "DECIMAL(" + std::to_string(type.width) + "," + std::to_string(type.scale) + ")";
    case Storage::kJson:
      return "JSON";
    case Storage::kBlob:
      return "BLOB";
    case Storage::kUuid:
      return "UUID";
    case Storage::kDate:
      return "DATE";
    case Storage::kTime:
      return "TIME";
    case Storage::kTimetz:
      return "TIMETZ";
    case Storage::kTimestamp:
      return "TIMESTAMP";
    case Storage::kTimestamptz:
      return "TIMESTAMPTZ";
    case Storage::kInterval:
      return "INTERVAL";
    case Storage::kVarchar:
    case Storage::kOther:
      return "VARCHAR";
  }
  return "VARCHAR";
}

StorageType widest(StorageType a, StorageType b) {
  if (a == b) return a;
  if (a.kind == Storage::kDecimal && b.kind == Storage::kDecimal) return wider_decimal(a, b);
  const int digits_a = integer_digits(a.kind);
  const int digits_b = integer_digits(b.kind);
  if (digits_a > 0 && digits_b > 0) {
    if (digits_a == digits_b) return {Storage::kBigint};  // oid and int4
    return digits_a > digits_b ? a : b;
  }
  if (digits_a > 0 && b.kind == Storage::kDecimal) return wider_decimal(as_decimal(a), b);
  if (digits_b > 0 && a.kind == Storage::kDecimal) return wider_decimal(a, as_decimal(b));
  if (is_floating(a.kind)) return wider_floating(a.kind, b.kind);
  if (is_floating(b.kind)) return wider_floating(b.kind, a.kind);
  return {wider_temporal(a.kind, b.kind).value_or(Storage::kVarchar)};
}

LogicalType logical_type(const Api& api, StorageType type) {
  if (type.kind == Storage::kDecimal) {
    return {api, api.create_decimal_type(type.width, type.scale)};
  }
  LogicalType out(api, api.create_logical_type(static_cast<int>(type_id(type.kind))));
  if (type.kind == Storage::kJson) api.logical_type_set_alias(out.get(), "JSON");
  return out;
}

StorageType storage_of(const Api& api, TypeHandle type) {
  const TypeId id{api.get_type_id(type)};
  if (id == TypeId::kDecimal) {
    return {Storage::kDecimal, api.decimal_width(type), api.decimal_scale(type)};
  }
  if (id == TypeId::kVarchar) {
    char* alias = api.logical_type_get_alias(type);
    const bool is_json = alias != nullptr && std::string_view(alias) == "JSON";
    if (alias != nullptr) api.free(alias);
    return {is_json ? Storage::kJson : Storage::kVarchar};
  }
  for (int kind = 0; kind < static_cast<int>(Storage::kOther); ++kind) {
    const Storage storage = static_cast<Storage>(kind);
    if (storage != Storage::kDecimal && type_id(storage) == id) return {storage};
  }
  return {Storage::kOther};
}

std::string quote_name(std::string_view name) {
  return quoted(name, '"');
}

std::string quote_text(std::string_view text) {
  return quoted(text, '\'');
}

}  // namespace millrace::duckdb
