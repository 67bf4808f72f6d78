// What a snapshot copies of a table: its captured columns and those of its key, or what
// snapshot.select.statement.overrides says instead.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "event/schema.h"
#include "source/postgres/binary_text.h"
#include "source/postgres/postgres_config.h"
#include "wire/postgres/connection.h"

namespace millrace {

struct CopyPlan {
  static constexpr int kSkip = -1;

  std::string statement;     // COPY (…) TO STDOUT
  std::vector<int> columns;  // for each field of its rows the index of the column, or kSkip
  // For each field, where the rows come in binary: when all of its types are known so. Else empty.
  std::vector<binary::Render> renders{};
};

// Asks the server for the names of an override's columns: kConfig where the table has no such
// column. `condition`: which rows, in SQL; none for an override.
Result<CopyPlan> plan_copy(postgres::Connection& connection, const TableSchema& table,
                           const PostgresConfig& config, const std::string& condition = {});

}  // namespace millrace
