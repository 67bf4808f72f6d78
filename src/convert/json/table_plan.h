// All that the records of one table have in common, worked out once per schema version: topic,
// schemas as ready bytes, writers of key and row, the constant parts of the source block.
#pragma once

#include <string>
#include <string_view>

#include "base/memory_budget.h"
#include "convert/json/envelope_schema.h"
#include "convert/json/json_config.h"
#include "convert/json/row_writer.h"
#include "event/schema.h"

namespace millrace {

class TablePlan {
 public:
  // `topic_name` outlives the plan. The bytes that the plan holds are charged to `budget`, which
  // may be null.
  TablePlan(const TableSchema& schema, const JsonConverterConfig& config,
            std::string_view topic_name, MemoryBudget* budget);
  ~TablePlan();

  TablePlan(const TablePlan&) = delete;
  TablePlan& operator=(const TablePlan&) = delete;

  const TableSchema table;  // a copy: batches that brought it may be gone
  const std::string_view topic;
  const std::string full_name;  // schema.table, for the transaction's counters
  const bool has_key;
  const RowWriter key;
  const RowWriter header_key;  // the key as a header value
  const RowWriter value;
  const Wrapping key_wrapping;
  const Wrapping header_key_wrapping;
  const Wrapping value_wrapping;
  const std::string source_table;  // ,"schema":"public","table":"t"
  size_t value_bytes = 0;          // of the last record: what the next will need

 private:
  MemoryBudget* budget_;
  size_t charged_ = 0;
};

}  // namespace millrace
