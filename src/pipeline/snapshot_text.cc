#include "pipeline/snapshot_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json_text.h"

namespace millrace {

namespace {

constexpr uint64_t kBarWidth = 20;
constexpr uint64_t kMostPercent = 99;  // the guess may be too low: it is not done before it is done
constexpr uint64_t kMinute = 60;

uint64_t expected(const TableSnapshotStatus& table) {
  return static_cast<uint64_t>(std::max<int64_t>(0, table.rows_expected));
}

std::string number_or_null(const std::optional<uint64_t>& number) {
  return number ? std::to_string(*number) : "null";
}

std::string size_text(uint64_t bytes) {
  constexpr double kMega = 1e6;
  constexpr double kGiga = 1e9;
  const auto size = static_cast<double>(bytes);
  return size < kGiga ? fmt::format("{:.1f} MB", size / kMega)
                      : fmt::format("{:.2f} GB", size / kGiga);
}

}  // namespace

uint64_t rows_per_second(const TableSnapshotStatus& table) {
  const auto ms = static_cast<uint64_t>(std::max<int64_t>(1, table.elapsed.count()));
  return table.rows * 1000 / ms;
}

std::optional<uint64_t> percent_done(const TableSnapshotStatus& table) {
  if (expected(table) == 0) return std::nullopt;
  return std::min(kMostPercent, table.rows * 100 / expected(table));
}

std::optional<uint64_t> seconds_left(const TableSnapshotStatus& table) {
  const uint64_t rate = rows_per_second(table);
  if (expected(table) == 0 || rate == 0) return std::nullopt;
  return table.rows >= expected(table) ? 0 : (expected(table) - table.rows) / rate;
}

std::string progress_bar(const TableSnapshotStatus& table) {
  std::string out = table.table + " ";
  if (const auto percent = percent_done(table)) {
    const auto full = static_cast<size_t>(*percent * kBarWidth / 100);
    out += fmt::format("[{}{}] {} % of ~{} rows", std::string(full, '#'),
                       std::string(kBarWidth - full, '.'), *percent, table.rows_expected);
  } else {
    out += fmt::format("{} rows", table.rows);
  }
  out += fmt::format(", {}, {} rows/s", size_text(table.bytes), rows_per_second(table));
  if (const auto left = seconds_left(table)) {
    out += fmt::format(", {}:{:02} left", *left / kMinute, *left % kMinute);
  }
  return out;
}

std::string snapshot_json(const TableSnapshotStatus& table) {
  return fmt::format(
      R"({{"table":{},"rows":{},"rows_expected":{},"bytes":{},"rows_per_s":{},"eta_s":{}}})",
      json_quoted(table.table), table.rows,
      table.rows_expected < 0 ? "null" : std::to_string(table.rows_expected), table.bytes,
      rows_per_second(table), number_or_null(seconds_left(table)));
}

}  // namespace millrace
