// A branch, where its progress is stored, and what the reader gives it. Of the reader's thread, but
// for `feed`, which any thread may look at.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "pipeline/branch.h"
#include "store/offset_store.h"

namespace millrace {

enum class Feed : uint8_t {
  kAll,
  kSnapshot,  // parked: the stream goes on without it, the snapshot that it takes part in with it
  kNothing,   // parked, and the snapshot goes on without it too
  kCatchUp,   // parked, and given a stream of its own
  kGivenUp,   // parked, and what it lacks is let go (branch.lag.max.bytes)
};

struct Lane {
  std::unique_ptr<Branch> branch;
  std::unique_ptr<OffsetStore> store;
  std::string name;
  std::string after;
  std::atomic<Feed> feed{Feed::kAll};

  bool went_back = false;  // parked because its sink lost a transaction, not because it is slow

  bool parked() const { return feed != Feed::kAll; }

  void unpark() {
    feed = Feed::kAll;
    went_back = false;
  }

  // Whether this batch is for it, as far as parking goes.
  bool takes(const Batch& batch) const {
    if (batch.catch_up) return feed == Feed::kCatchUp;
    const bool is_snapshot = batch.stream != kSlotStream && batch.stream != kReplayStream;
    return feed == Feed::kAll || (feed == Feed::kSnapshot && is_snapshot);
  }
};

using Lanes = std::vector<std::unique_ptr<Lane>>;

}  // namespace millrace
