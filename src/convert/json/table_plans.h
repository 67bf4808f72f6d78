// The plans of the tables seen so far, by schema version.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <unordered_map>

#include "convert/json/table_plan.h"

namespace millrace {

class TablePlans {
 public:
  // `config` outlives the plans; `budget` may be null.
  TablePlans(const JsonConverterConfig& config, MemoryBudget* budget)
      : config_(&config), budget_(budget) {}

  // Valid until the next call. Its topic is valid as long as this object: records point to it.
  TablePlan& plan_of(const TableSchema& table);

 private:
  const JsonConverterConfig* config_;
  MemoryBudget* budget_;
  std::set<std::string> topics_;
  std::unordered_map<uint64_t, std::unique_ptr<TablePlan>> plans_;
  TablePlan* last_ = nullptr;
};

}  // namespace millrace
