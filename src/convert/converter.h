// Turns changes into records (topic, key, value, headers) for sinks that take bytes. One instance a
// branch, driven by its transform thread; keeps caches per schema version and counters per
// transaction.
#pragma once

#include "base/result.h"
#include "event/batch.h"

namespace millrace {

class Converter {
 public:
  virtual ~Converter() = default;

  // Fills view.records from view.changes; their bytes are owned through view.keep, charged to the
  // memory budget and counted in view.made_bytes. The records of one change stand together, in
  // Debezium's order. A change that makes no record (skipped, a truncate by default) is just left
  // out. Errors name table, column and LSN.
  virtual Result<void> convert(BatchView& view) = 0;
};

}  // namespace millrace
