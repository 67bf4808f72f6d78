// Stores the progress of branches whose sinks can't, on a thread of its own: a store that is slow
// or away holds nobody up. What is not stored is not confirmed (I1).
#pragma once

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "pipeline/branch.h"
#include "store/offset_store.h"

namespace millrace {

class OffsetKeeper {
 public:
  // The stores and branches outlive the keeper.
  explicit OffsetKeeper(Millis interval) : interval_(std::max(interval, kIntervalMin)) {}

  ~OffsetKeeper() { stop(); }

  OffsetKeeper(const OffsetKeeper&) = delete;
  OffsetKeeper& operator=(const OffsetKeeper&) = delete;

  // Before start(). `stored`: what the store has now.
  void add(const Branch& branch, OffsetStore& store, Progress stored);
  void start();
  void stop();

  // Stores what is durable now, if it moved. The last error, if one of the stores failed.
  Result<void> flush();
  // Up to where the slot may move for what is stored of this branch; nullopt when its sink keeps it
  // itself.
  std::optional<Lsn> confirmable(const Branch& branch) const;
  // Why the last attempt to store this branch's progress failed; nullopt when it did not.
  std::optional<Error> failure(const Branch& branch) const;

 private:
  static constexpr Millis kIntervalMin{5};

  struct Entry {
    const Branch* branch;
    OffsetStore* store;
    Progress stored;
    std::optional<Error> failure;
  };

  Result<void> save(Entry& entry);
  const Entry* find(const Branch& branch) const;

  const Millis interval_;
  mutable std::mutex mutex_;  // guards add() and the entries' `stored` and `failure`
  std::mutex flush_mutex_;    // one flush at a time
  std::vector<Entry> entries_;
  std::condition_variable_any wake_;
  std::jthread thread_;
};

}  // namespace millrace
