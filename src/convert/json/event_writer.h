// Writes the key and the value of one event:
// {"before","after","source","transaction","op","ts_ms","ts_us","ts_ns"}.
#pragma once

#include <optional>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "convert/json/record_list.h"
#include "convert/json/source_block.h"
#include "convert/json/table_plan.h"
#include "event/change.h"

namespace millrace {

// What one event says: an update of the key is two of them.
struct Event {
  const Change* change = nullptr;
  char op = 'c';
  Tuple before;
  Tuple after;
  std::optional<EventOrder> order;  // with provide.transaction.metadata
};

class EventWriter : private ValueTrouble {
 public:
  explicit EventWriter(const JsonConverterConfig& config);

  // The bytes belong to `to`. `other` has the values that `row` lacks as unchanged; may be none.
  Result<std::string_view> key(const Change& change, const TablePlan& plan, const Tuple& row,
                               const Tuple& other, RecordList& to);
  // The key as a header value.
  Result<std::string_view> header_key(const Change& change, const TablePlan& plan, const Tuple& row,
                                      const Tuple& other, RecordList& to);
  Result<std::string_view> value(const Event& event, TablePlan& plan, RecordList& to);

  SourceBlock& source() { return source_; }

 private:
  void malformed(const Column& column) override;
  Result<void> inconvertible(const Column& column) override;
  bool may_warn();

  // How a key is written: as the record's key, or as a header.
  struct KeyForm {
    const RowWriter& writer;
    const Wrapping& wrapping;
  };

  Result<std::string_view> key_of(const Change& change, const KeyForm& form, const Tuple& row,
                                  const Tuple& other, RecordList& to);
  Result<void> write_row(const TablePlan& plan, const Tuple& row, const Tuple& other,
                         RecordList& to);

  const ConversionFailure conversion_failure_;
  SourceBlock source_;
  const Change* change_ = nullptr;  // that is being written
  SteadyTime next_warning_{};
};

}  // namespace millrace
