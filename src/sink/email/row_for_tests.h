// A row with named text columns, for this folder's tests.
#pragma once

#include <deque>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "event/change.h"

namespace millrace {

class TestRow {
 public:
  using Columns = std::initializer_list<std::pair<const char*, std::optional<std::string>>>;

  TestRow(Columns columns, Position position = {0x1000, 1}) {
    table_.schema = "public";
    table_.name = "restocked";
    for (const auto& [name, text] : columns) {
      table_.columns.emplace_back().name = name;
      if (!text) {
        values_.push_back({});
        continue;
      }
      texts_.push_back(*text);
      const std::string& kept = texts_.back();
      values_.push_back({kept.data(), static_cast<uint32_t>(kept.size()), DatumKind::kText});
    }
    change_.op = Op::kUpdate;
    change_.table = &table_;
    change_.lsn = 0xabc;
    change_.position = position;
    change_.after = {values_.data(), static_cast<uint16_t>(values_.size()), TupleKind::kFull};
  }

  TestRow(const TestRow&) = delete;
  TestRow& operator=(const TestRow&) = delete;

  Change& change() { return change_; }

  Datum& value(size_t i) { return values_[i]; }

  TableSchema& table() { return table_; }

 private:
  TableSchema table_;
  std::deque<std::string> texts_;
  std::vector<Datum> values_;
  Change change_;
};

}  // namespace millrace
