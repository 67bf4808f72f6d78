// Dates, times and intervals as PostgreSQL writes them (DateStyle ISO, IntervalStyle postgres), as
// the numbers that DuckDB stores. nullopt: not of that form, or not to be held without loss.
//
//   date          2024-02-29, 0044-03-15 BC, infinity     days since 1970-01-01; infinity =
//   ±INT32_MAX time          04:05:06.789, 24:00:00                  microseconds of the day timetz
//   04:05:06.789-08, 04:05:06+05:30:10 timestamp     2024-02-29 04:05:06.789 [BC], infinity
//   microseconds since 1970; infinity = ±INT64_MAX timestamptz   2024-02-29 04:05:06.789+00 [BC]
//   the same, in UTC interval      -1 years -2 mons +3 days -04:05:06.789
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace millrace::duckdb {

// duckdb_interval
struct IntervalValue {
  int32_t months = 0;
  int32_t days = 0;
  int64_t micros = 0;
};

std::optional<int32_t> parse_date(std::string_view text);
std::optional<int64_t> parse_time(std::string_view text);
// DuckDB's packed form: microseconds << 24 | (57599 - seconds east of UTC).
std::optional<uint64_t> parse_timetz(std::string_view text);
std::optional<int64_t> parse_timestamp(std::string_view text);
std::optional<int64_t> parse_timestamptz(std::string_view text);
std::optional<IntervalValue> parse_interval(std::string_view text);

}  // namespace millrace::duckdb
