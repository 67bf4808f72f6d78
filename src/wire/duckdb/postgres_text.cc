#include "wire/duckdb/postgres_text.h"

#include <fmt/format.h>

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

// IntervalStyle postgres: parts that are not zero, with a sign where one is negative, or the one
// before it was; the time also where all is zero (EncodeInterval of the server).
std::string interval_text(const std::string& name) {
  const auto part = [&](std::string_view unit) {
    return fmt::format("datepart('{}', {})", unit, name);
  };
  const std::string year = part("year");
  const std::string month = part("month");
  const std::string day = part("day");
  const std::string micros = fmt::format("(3600000000 * {} + 60000000 * {} + {})", part("hour"),
                                         part("minute"), part("microsecond"));
  const auto plus = [](const std::string& before, const std::string& value) {
    return fmt::format("CASE WHEN {} AND {} > 0 THEN '+' ELSE '' END", before, value);
  };
  const auto count = [&](const std::string& value, std::string_view unit,
                         const std::string& before) {
    return fmt::format(
        "CASE WHEN {0} <> 0 THEN {1} || {0} || ' {2}' || "
        "CASE WHEN {0} <> 1 THEN 's' ELSE '' END END",
        value, plus(before, value), unit);
  };
  const std::string before_month = fmt::format("{} < 0", year);
  const std::string before_day = fmt::format("({0} < 0 OR ({0} = 0 AND {1}))", month, before_month);
  const std::string before_time = fmt::format("({0} < 0 OR ({0} = 0 AND {1}))", day, before_day);
  const std::string time = fmt::format(
      "CASE WHEN {0} <> 0 OR ({1} = 0 AND {2} = 0 AND {3} = 0) THEN "
      "CASE WHEN {0} < 0 THEN '-' ELSE {4} END || "
      "format('{{:02d}}:{{:02d}}:{{:02d}}', abs({0}) // 3600000000, abs({0}) // 60000000 % 60, "
      "abs({0}) // 1000000 % 60) || CASE WHEN {0} % 1000000 <> 0 THEN "
      "rtrim(format('.{{:06d}}', abs({0}) % 1000000), '0') ELSE '' END END",
      micros, year, month, day, plus(before_time, micros));
  return fmt::format("CASE WHEN {} IS NOT NULL THEN concat_ws(' ', {}, {}, {}, {}) END", name,
                     count(year, "year", "false"), count(month, "mon", before_month),
                     count(day, "day", before_day), time);
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
  const bool is_plain = to.kind != Storage::kVarchar || from.kind == Storage::kBoolean;
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
