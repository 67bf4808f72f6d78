// Which tables a branch takes: regexes on schema.table, as in table.include.list; none = all.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "event/batch.h"

namespace re2 {
class RE2;
}

namespace millrace {

// One thread at a time. Full match without regard to case, as Debezium's lists.
class TableSelector {
 public:
  TableSelector();
  ~TableSelector();
  TableSelector(TableSelector&&) noexcept;
  TableSelector& operator=(TableSelector&&) noexcept;

  static Result<TableSelector> make(const std::vector<std::string>& patterns);

  bool takes(const TableSchema& table);
  // Any thread. `full_name`: schema.table.
  bool matches(std::string_view full_name) const;
  // Narrows view.changes to the selected tables. Changes without a table (messages, begin, end)
  // stay.
  void apply(BatchView& view);

 private:
  std::vector<std::unique_ptr<re2::RE2>> patterns_;
  std::unordered_map<uint64_t, bool> by_version_;
};

}  // namespace millrace
