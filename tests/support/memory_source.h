// A source that replays numbered transactions from memory, from the lowest position that it is
// asked for, as a slot does. Used by tests of pipeline/; one change a transaction, commit LSN 10,
// 20, 30 ….
#pragma once

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <vector>

#include "event/progress.h"
#include "source/source.h"

namespace millrace {

class MemorySource : public Source {
 public:
  MemorySource(MemoryBudget* budget, int transactions, size_t bytes_each)
      : budget_(budget), transactions_(transactions), bytes_each_(bytes_each) {}

  Result<void> open(std::span<const BranchProgress> branches) override {
    ++opens;
    Lsn lowest = ~Lsn{0};
    for (const BranchProgress& branch : branches) {
      lowest = std::min(lowest, branch.progress ? confirmable(*branch.progress) : 0);
    }
    next_ = static_cast<int>(std::max(lowest, confirmed.load()) / 10) + 1;
    return {};
  }

  Result<std::shared_ptr<Batch>> poll(SteadyTime, uint64_t full) override {
    if (snapshot_left > 0 && (full & snapshot_audience()) != 0) return nullptr;
    if (snapshot_left > 0) return snapshot_batch();
    if (lose_at && next_ == *lose_at) {
      lose_at.reset();
      return fail(ErrorKind::kUnreachable, "connection lost");
    }
    if (next_ > transactions_) return nullptr;
    auto batch = std::make_shared<Batch>(budget_);
    batch->arena.allocate(bytes_each_);
    const Lsn commit = static_cast<Lsn>(next_) * 10;
    Change change;
    change.op = Op::kMessage;
    change.position = {commit, 1};
    change.lsn = commit - 5;
    batch->changes.push_back(change);
    batch->offset.position = {commit, ~uint64_t{0}};
    batch->offset.lsn_commit = commit;
    ++next_;
    return batch;
  }

  Result<void> confirm(Lsn lsn) override {
    if (lsn > confirmed) confirmed = lsn;
    return {};
  }

  Result<void> close() override { return {}; }

  bool finished() const override {
    return finish_at_end && confirmed >= static_cast<Lsn>(transactions_) * 10;
  }

  uint64_t snapshot_audience() const override { return snapshot_left > 0 ? ~uint64_t{0} : 0; }

  SourceStatus status() const override { return {}; }

  std::atomic<Lsn> confirmed{0};
  std::atomic<int> opens{0};
  std::optional<int> lose_at;  // lose the connection once, before this transaction
  bool finish_at_end = true;   // finished once all is confirmed
  int snapshot_left = 0;       // batches of a table, for all, that come first

 private:
  std::shared_ptr<Batch> snapshot_batch() {
    auto batch = std::make_shared<Batch>(budget_);
    batch->stream = table_stream(1);
    batch->arena.allocate(bytes_each_);
    batch->changes.emplace_back().op = Op::kRead;
    --snapshot_left;
    batch->offset.lsn = 1;
    batch->offset.snapshot =
        snapshot_left > 0 ? SnapshotPhase::kRunning : SnapshotPhase::kCompleted;
    return batch;
  }

  MemoryBudget* budget_;
  const int transactions_;
  const size_t bytes_each_;
  int next_ = 1;
};

}  // namespace millrace
