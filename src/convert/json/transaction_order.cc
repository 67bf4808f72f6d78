#include "convert/json/transaction_order.h"

#include "convert/json/java_hash_order.h"

namespace millrace {

void TransactionOrder::begin(uint32_t xid, uint64_t events_before) {
  end();
  xid_ = xid;
  total_ = events_before;
}

EventOrder TransactionOrder::count(std::string_view collection) {
  auto found = index_.find(collection);
  if (found == index_.end()) {
    found = index_.emplace(collection, counts_.size()).first;
    counts_.push_back({std::string(collection), 0});
    buckets_ = java_hash_buckets(counts_.size(), buckets_);
  }
  ++total_;
  return {total_, ++counts_[found->second].events};
}

void TransactionOrder::end() {
  xid_ = 0;
  total_ = 0;
  counts_.clear();
  index_.clear();
}

std::vector<CollectionCount> TransactionOrder::collections() const {
  std::vector<uint32_t> hashes;
  hashes.reserve(counts_.size());
  for (const CollectionCount& count : counts_)
    hashes.push_back(java_string_hash(count.name));
  std::vector<CollectionCount> ordered;
  ordered.reserve(counts_.size());
  for (const size_t i : java_hash_order(hashes, buckets_))
    ordered.push_back(counts_[i]);
  return ordered;
}

}  // namespace millrace
