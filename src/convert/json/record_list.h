// The records of one batch while they are made, and their bytes. Handed to the BatchView when it is
// full.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "convert/json/json_writer.h"
#include "convert/json/transaction_order.h"
#include "convert/json/value_encoding.h"
#include "event/batch.h"

namespace millrace {

class RecordList {
 public:
  RecordList(MemoryBudget* budget, size_t changes)
      : arena_(std::make_shared<Arena>(budget)), writer_(*arena_), context_(writer_) {
    records_.reserve(changes);
  }

  JsonWriter& writer() { return writer_; }

  // Writes to writer(); here for the sake of its scratch space.
  EncodeContext& context() { return context_; }

  Arena& arena() { return *arena_; }

  void start_change(size_t index) {
    change_ = static_cast<uint32_t>(index);
    change_start_ = records_.size();
  }

  // Drops what the change has made so far.
  void undo_change() { records_.resize(change_start_); }

  void add(Record record) {
    record.change = change_;
    if (records_.size() > change_start_) records_.back().last_of_change = false;
    records_.push_back(record);
  }

  // The newest; there is one.
  const Record& last() const { return records_.back(); }

  void give_to(BatchView& view) {
    auto* records = arena_->allocate_array<Record>(records_.size());
    std::uninitialized_copy(records_.begin(), records_.end(), records);
    view.records = {records, records_.size()};
    view.made_bytes += arena_->bytes();
    view.keep.push_back(arena_);
  }

 private:
  std::shared_ptr<Arena> arena_;
  JsonWriter writer_;
  EncodeContext context_;
  std::vector<Record> records_;
  uint32_t change_ = 0;
  size_t change_start_ = 0;
};

// "transaction": null, or {"id":"<xid>:<lsn>","total_order":…,"data_collection_order":…}
void write_transaction_block(const Change& change, const std::optional<EventOrder>& order,
                             JsonWriter& out);

}  // namespace millrace
