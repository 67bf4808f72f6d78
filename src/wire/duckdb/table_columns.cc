#include "wire/duckdb/table_columns.h"

#include <algorithm>

namespace millrace::duckdb {

namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

bool same_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

std::string free_name(const std::string& name, std::vector<std::string>& taken) {
  auto is_taken = [&](const std::string& candidate) {
    return std::any_of(taken.begin(), taken.end(), [&](const std::string& other) {
      return same_ignoring_case(candidate, other);
    });
  };
  std::string out = name;
  for (int number = 2; is_taken(out); ++number)
    out = name + "_" + std::to_string(number);
  taken.push_back(out);
  return out;
}

std::vector<StoredColumn> stored_columns(const TableSchema& table,
                                         const std::vector<std::string>& taken) {
  std::vector<StoredColumn> out;
  std::vector<std::string> names = taken;
  for (size_t i = 0; i < table.columns.size(); ++i) {
    const Column& column = table.columns[i];
    if (!column.is_kept()) continue;
    out.push_back(
        {static_cast<uint16_t>(i), free_name(column.name, names), storage_of(column.type)});
  }
  return out;
}

const Datum& value_after(const Change& change, size_t index) {
  const Datum& value = change.after[index];
  const bool has_old = change.before.kind == TupleKind::kFull;
  return value.kind == DatumKind::kUnchanged && has_old ? change.before[index] : value;
}

Error refusal_error(const Change& change, const Column& column, const char* reason) {
  return Error(ErrorKind::kData,
               change.table->full_name() + " at " + format_lsn(change.lsn) +
                   ": the value of column " + column.name + " " + reason,
               "change the value at the source, or exclude the column");
}

}  // namespace millrace::duckdb
