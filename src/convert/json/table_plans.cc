#include "convert/json/table_plans.h"

#include "convert/json/names.h"

namespace millrace {

namespace {

// Old versions are not told apart from those in use: when there are many, all are made anew.
constexpr size_t kPlansMax = 2048;

}  // namespace

TablePlan& TablePlans::plan_of(const TableSchema& table) {
  if (last_ != nullptr && last_->table.version == table.version) return *last_;
  auto found = plans_.find(table.version);
  if (found == plans_.end()) {
    if (plans_.size() >= kPlansMax) plans_.clear();
    const std::string& topic = *topics_.insert(table_topic(table, *config_)).first;
    auto plan = std::make_unique<TablePlan>(table, *config_, topic, budget_);
    found = plans_.emplace(table.version, std::move(plan)).first;
  }
  last_ = found->second.get();
  return *last_;
}

}  // namespace millrace
