// Counts events within a transaction (provide.transaction.metadata): over all and per table.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace millrace {

struct EventOrder {
  uint64_t total = 0;       // from 1
  uint64_t collection = 0;  // from 1, within the table
};

struct CollectionCount {
  std::string name;
  uint64_t events = 0;
};

class TransactionOrder {
 public:
  // `events_before`: of this transaction, delivered before a restart and not seen here.
  void begin(uint32_t xid, uint64_t events_before = 0);
  EventOrder count(std::string_view collection);
  void end();

  bool in_progress(uint32_t xid) const { return xid_ == xid && xid != 0; }

  uint64_t total() const { return total_; }

  // In the order of the java.util.HashMap that Debezium keeps them in.
  std::vector<CollectionCount> collections() const;

 private:
  struct Hash {
    using is_transparent = void;

    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };

  uint32_t xid_ = 0;
  uint64_t total_ = 0;
  std::vector<CollectionCount> counts_;  // in the order of their first event
  std::unordered_map<std::string, size_t, Hash, std::equal_to<>> index_;
  size_t buckets_ = 16;  // of Debezium's map: it never shrinks
};

}  // namespace millrace
