#include "wire/duckdb/value_writer.h"

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>

#include "base/hex.h"
#include "wire/duckdb/temporal_text.h"

namespace millrace::duckdb {

namespace {

// Not ISO C++; every compiler that can build this program has it.
__extension__ typedef __int128 Int128;  // NOLINT(modernize-use-using)

// duckdb_hugeint, which also holds DECIMAL of more than 18 digits and UUID.
struct Hugeint {
  uint64_t lower;
  int64_t upper;
};

Hugeint hugeint(Int128 value) {
  return {static_cast<uint64_t>(value), static_cast<int64_t>(value >> 64)};
}

template <class T>
const char* write_number(Slots& slots, uint64_t row, std::string_view text) {
  T value = {};
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || at != end) return "is no number of the column's type";
  slots.set(row, value);
  return nullptr;
}

// Digits and a point, nothing lost: digits behind the scale must be zeros.
std::optional<Int128> parse_decimal(std::string_view text, StorageType type) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  const std::string_view fraction =
      point == std::string_view::npos ? std::string_view() : text.substr(point + 1);
  if (whole.empty() && fraction.empty()) return std::nullopt;
  Int128 value = 0;
  int digits = 0;
  auto add = [&](char c) {
    if (c < '0' || c > '9' || digits == type.width) return false;
    value = value * 10 + (c - '0');
    if (value != 0) ++digits;
    return true;
  };
  for (char c : whole) {
    if (!add(c)) return std::nullopt;
  }
  for (size_t i = 0; i < std::max<size_t>(fraction.size(), type.scale); ++i) {
    const char c = i < fraction.size() ? fraction[i] : '0';
    if (i >= type.scale) {
      if (c != '0') return std::nullopt;
    } else if (!add(c)) {
      return std::nullopt;
    }
  }
  return negative ? -value : value;
}

const char* write_decimal(Slots& slots, uint64_t row, StorageType type, std::string_view text) {
  const auto value = parse_decimal(text, type);
  if (!value) return "does not fit into the column's DECIMAL";
  if (type.width <= 4) {
    slots.set(row, static_cast<int16_t>(*value));
  } else if (type.width <= 9) {
    slots.set(row, static_cast<int32_t>(*value));
  } else if (type.width <= 18) {
    slots.set(row, static_cast<int64_t>(*value));
  } else {
    slots.set(row, hugeint(*value));
  }
  return nullptr;
}

const char* write_blob(Slots& slots, uint64_t row, std::string_view text) {
  std::string bytes;
  if (!read_bytea(text, bytes)) return "is no bytea in hex form";
  slots.set_bytes(row, bytes);
  return nullptr;
}

// As PostgreSQL writes it: 8-4-4-4-12 digits. DuckDB keeps it as a signed number with the top bit
// turned, so that its order is that of the text.
const char* write_uuid(Slots& slots, uint64_t row, std::string_view text) {
  constexpr size_t kPairs[] = {0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34};
  const bool is_shaped =
      text.size() == 36 && text[8] == '-' && text[13] == '-' && text[18] == '-' && text[23] == '-';
  if (!is_shaped) return "is no uuid";
  uint64_t halves[2] = {};
  int all = 0;
  for (size_t i = 0; i < std::size(kPairs); ++i) {
    const int high = nibble(text[kPairs[i]]);
    const int low = nibble(text[kPairs[i] + 1]);
    all |= high | low;
    halves[i / 8] = halves[i / 8] << 8 | static_cast<uint8_t>(high << 4 | low);
  }
  if (all < 0) return "is no uuid";
  slots.set(row, Hugeint{halves[1], static_cast<int64_t>(halves[0] ^ uint64_t{1} << 63)});
  return nullptr;
}

template <class T>
const char* write_parsed(Slots& slots, uint64_t row, const std::optional<T>& value,
                         const char* reason) {
  if (!value) return reason;
  slots.set(row, *value);
  return nullptr;
}

const char* write_string(Slots& slots, uint64_t row, std::string_view text) {
  if (!simdjson::validate_utf8(text.data(), text.size())) return "is no valid UTF-8";
  slots.set_bytes(row, text);
  return nullptr;
}

const char* write_boolean(Slots& slots, uint64_t row, std::string_view text) {
  if (text != "t" && text != "f") return "is no boolean";
  slots.set(row, text == "t");
  return nullptr;
}

const char* write_temporal(Slots& slots, uint64_t row, StorageType type, std::string_view text) {
  switch (type.kind) {
    case Storage::kDate:
      return write_parsed(slots, row, parse_date(text), "is out of the range of DATE");
    case Storage::kTime:
      return write_parsed(slots, row, parse_time(text), "is out of the range of TIME");
    case Storage::kTimetz:
      return write_parsed(slots, row, parse_timetz(text), "is out of the range of TIMETZ");
    case Storage::kTimestamp:
      return write_parsed(slots, row, parse_timestamp(text), "is out of the range of TIMESTAMP");
    case Storage::kTimestamptz:
      return write_parsed(slots, row, parse_timestamptz(text),
                          "is out of the range of TIMESTAMPTZ");
    default:
      return write_parsed(slots, row, parse_interval(text), "is out of the range of INTERVAL");
  }
}

std::optional<int64_t> midnight(std::string_view date) {
  constexpr int64_t kDayMicros = 86'400'000'000;
  const auto days = parse_date(date);
  if (!days) return std::nullopt;
  if (*days == INT32_MAX) return INT64_MAX;
  if (*days == -INT32_MAX) return -INT64_MAX;
  int64_t micros = 0;
  if (__builtin_mul_overflow(int64_t{*days}, kDayMicros, &micros)) return std::nullopt;
  return micros;
}

// Text of one type as a wider one, where that is more than to read it so.
const char* write_widened(Slots& slots, uint64_t row, StorageType type, Storage source,
                          std::string_view text) {
  const bool is_point = type.kind == Storage::kTimestamp || type.kind == Storage::kTimestamptz;
  if (is_point && source == Storage::kDate) {
    return write_parsed(slots, row, midnight(text), "is out of the range of TIMESTAMP");
  }
  if (type.kind == Storage::kTimestamptz && source == Storage::kTimestamp) {
    return write_temporal(slots, row, {Storage::kTimestamp}, text);
  }
  if (type.kind == Storage::kDouble && source == Storage::kFloat) {
    float value = 0;  // what the shortest text of a float means is the float
    const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || at != text.data() + text.size()) return "is no float";
    slots.set(row, double{value});
    return nullptr;
  }
  if (type.kind == Storage::kVarchar && source == Storage::kBoolean) {
    return write_string(slots, row, text == "t" ? "true" : "false");  // as the server casts it
  }
  return write_text(slots, row, type, text);
}

}  // namespace

const char* write_text(Slots& slots, uint64_t row, StorageType type, std::string_view text) {
  switch (type.kind) {
    case Storage::kBoolean:
      return write_boolean(slots, row, text);
    case Storage::kSmallint:
      return write_number<int16_t>(slots, row, text);
    case Storage::kInteger:
      return write_number<int32_t>(slots, row, text);
    case Storage::kBigint:
      return write_number<int64_t>(slots, row, text);
    case Storage::kUinteger:
      return write_number<uint32_t>(slots, row, text);
    case Storage::kFloat:
      return write_number<float>(slots, row, text);
    case Storage::kDouble:
      return write_number<double>(slots, row, text);
    case Storage::kDecimal:
      return write_decimal(slots, row, type, text);
    case Storage::kVarchar:
    case Storage::kJson:
      return write_string(slots, row, text);
    case Storage::kBlob:
      return write_blob(slots, row, text);
    case Storage::kUuid:
      return write_uuid(slots, row, text);
    case Storage::kDate:
    case Storage::kTime:
    case Storage::kTimetz:
    case Storage::kTimestamp:
    case Storage::kTimestamptz:
    case Storage::kInterval:
      return write_temporal(slots, row, type, text);
    case Storage::kOther:
      break;
  }
  return "has a column of a type that is not known here";
}

const char* write_datum(Slots& slots, uint64_t row, StorageType type, StorageType source,
                        const Datum& datum) {
  if (datum.kind == DatumKind::kText) {
    return type == source ? write_text(slots, row, type, datum.view())
                          : write_widened(slots, row, type, source.kind, datum.view());
  }
  slots.set_null(row);
  return nullptr;
}

}  // namespace millrace::duckdb
