#include "pipeline/table_selector.h"

#include <re2/re2.h>

#include <algorithm>

namespace millrace {

TableSelector::TableSelector() = default;
TableSelector::~TableSelector() = default;
TableSelector::TableSelector(TableSelector&&) noexcept = default;
TableSelector& TableSelector::operator=(TableSelector&&) noexcept = default;

Result<TableSelector> TableSelector::make(const std::vector<std::string>& patterns) {
  TableSelector selector;
  RE2::Options options;
  options.set_case_sensitive(false);
  options.set_log_errors(false);
  for (const std::string& pattern : patterns) {
    auto compiled = std::make_unique<RE2>(pattern, options);
    if (!compiled->ok()) {
      return fail(ErrorKind::kConfig,
                  "tables: '" + pattern + "' is not a regular expression: " + compiled->error());
    }
    selector.patterns_.push_back(std::move(compiled));
  }
  return selector;
}

bool TableSelector::takes(const TableSchema& table) {
  if (patterns_.empty()) return true;
  const auto [known, is_new] = by_version_.try_emplace(table.version, false);
  if (is_new) known->second = matches(table.full_name());
  return known->second;
}

bool TableSelector::matches(std::string_view full_name) const {
  if (patterns_.empty()) return true;
  return std::any_of(patterns_.begin(), patterns_.end(),
                     [&](const auto& pattern) { return RE2::FullMatch(full_name, *pattern); });
}

void TableSelector::apply(BatchView& view) {
  if (patterns_.empty()) return;
  const auto leaves_out = [&](const Change& change) {
    return change.table != nullptr && !takes(*change.table);
  };
  if (std::none_of(view.changes.begin(), view.changes.end(), leaves_out)) return;
  auto kept = std::make_shared<std::vector<Change>>();
  std::remove_copy_if(view.changes.begin(), view.changes.end(), std::back_inserter(*kept),
                      leaves_out);
  view.changes = *kept;
  view.keep.push_back(std::move(kept));
}

}  // namespace millrace
