// The suite's data: numbered items, as rows for sinks that take changes and as records for those
// that take what a converter made.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "event/batch.h"

namespace millrace::conformance {

struct Item {
  int id = 0;
  size_t padding = 0;
  // Made so that each sink refuses it: a value that is too large for a broker, a timestamp that
  // DuckDB does not have, an address that the mail server does not know.
  bool refused = false;
};

inline constexpr std::string_view kRefusedAddress = "refused@example.com";
inline constexpr size_t kRefusedBytes = 1'500'000;

// Batch `seq` is one transaction, committed at LSN 100 * seq; the change of item i is its ordinal i
// + 1.
inline Position position_of(uint64_t seq, size_t index) {
  return {seq * 100, index + 1};
}

class Items {
 public:
  // `run` tells the items of one test from those of others in a store that all share.
  Items(std::string run, bool keyless);

  BatchView batch(uint64_t seq, const std::vector<Item>& items) const;

 private:
  const std::string run_;
  std::shared_ptr<TableSchema> table_;
};

}  // namespace millrace::conformance
