#include "wire/duckdb/postgres_text.h"

#include <charconv>
#include <cmath>

#include "wire/duckdb/temporal_text.h"

namespace millrace::duckdb {

namespace {

// DuckDB puts the era behind the date, PostgreSQL behind all.
std::string with_era_last(const std::string& text) {
  return "CASE WHEN " + text + " LIKE '% (BC)%' THEN replace(" + text +
         ", ' (BC)', '') || ' BC' ELSE " + text + " END";
}

std::string interval_text(const std::string& name) {
  auto part = [&](const char* unit) {
    return "datepart('" + std::string(unit) + "', " + name + ")";
  };
  return "(12 * " + part("year") + " + " + part("month") + ") || ' ' || " + part("day") +
         " || ' ' || (3600000000 * " + part("hour") + " + 60000000 * " + part("minute") + " + " +
         part("microsecond") + ")";
}

template <class T>
std::string shortest(std::string_view text) {
  T value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::string(text);
  if (std::isnan(value)) return "NaN";
  char buffer[64];
  const auto written = std::to_chars(buffer, buffer + sizeof buffer, value);
  return {buffer, written.ptr};
}

std::string without_zeros(std::string_view text) {
  if (text.find('.') == std::string_view::npos) return std::string(text);
  while (text.ends_with('0'))
    text.remove_suffix(1);
  if (text.ends_with('.')) text.remove_suffix(1);
  return std::string(text);
}

std::string canonical_interval(std::string_view text) {
  const auto value = parse_interval(text);
  if (!value) return std::string(text);
  return std::to_string(value->months) + " " + std::to_string(value->days) + " " +
         std::to_string(value->micros);
}

}  // namespace

std::string postgres_text(const std::string& name, StorageType type) {
  std::string text = "CAST(" + name + " AS VARCHAR)";
  switch (type.kind) {
    case Storage::kBoolean:
      return "CASE WHEN " + name + " IS NULL THEN NULL WHEN " + name + " THEN 't' ELSE 'f' END";
    case Storage::kFloat:
    case Storage::kDouble:
      return "CASE WHEN " + name + " IS NULL THEN NULL WHEN isnan(" + name +
             ") THEN 'NaN' WHEN NOT isinf(" + name + ") THEN " + text + " WHEN " + name +
             " > 0 THEN 'Infinity' ELSE '-Infinity' END";
    case Storage::kBlob:
      return "'\\x' || lower(hex(" + name + "))";
    case Storage::kDate:
    case Storage::kTimestamp:
    case Storage::kTimestamptz:
      return with_era_last(text);
    case Storage::kInterval:
      return interval_text(name);
    default:
      return text;
  }
}

std::string widened(const std::string& name, StorageType from, StorageType to) {
  const bool is_plain = to.kind != Storage::kVarchar || from.kind == Storage::kBoolean ||
                        from.kind == Storage::kInterval;
  if (is_plain) return "CAST(" + name + " AS " + sql_name(to) + ")";
  const std::string text = postgres_text(name, from);
  const bool is_floating = from.kind == Storage::kFloat || from.kind == Storage::kDouble;
  return is_floating ? "regexp_replace(" + text + ", '\\.0$', '')" : text;  // 1.0 is 1 there
}

std::string canonical_text(const ColumnType& type, std::string_view text) {
  switch (type.type) {
    case PgType::kFloat4:
      return shortest<float>(text);
    case PgType::kFloat8:
      return shortest<double>(text);
    case PgType::kNumeric:
      return without_zeros(text);
    case PgType::kInterval:
      return canonical_interval(text);
    default:
      return std::string(text);
  }
}

}  // namespace millrace::duckdb
