// Which columns of a table stand in DuckDB, under which names, and why a row could not be stored.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "event/change.h"
#include "wire/duckdb/type_map.h"

namespace millrace::duckdb {

struct StoredColumn {
  uint16_t index = 0;  // in TableSchema::columns and in Tuples
  std::string name;
  StorageType type;
};

// The captured columns. DuckDB's names know no case: of two columns that differ in nothing else the
// later one gets "_2" (…) behind its name. `taken`: names that stand there already.
std::vector<StoredColumn> stored_columns(const TableSchema& table,
                                         const std::vector<std::string>& taken = {});

// `name`, or with a number behind it when `taken` has it already (in any case); adds it to `taken`.
std::string free_name(const std::string& name, std::vector<std::string>& taken);

bool same_ignoring_case(std::string_view a, std::string_view b);

// The value of column `index` in the image that a change left behind: where it is unchanged and the
// old row is known (REPLICA IDENTITY FULL), the old value.
const Datum& value_after(const Change& change, size_t index);

// A change that is left out because a value of it cannot be stored.
struct Refusal {
  const Change* change = nullptr;
  Error error;
};

// `reason` comes from write_text(). Names table, column and LSN, never the value.
Error refusal_error(const Change& change, const Column& column, const char* reason);

}  // namespace millrace::duckdb
