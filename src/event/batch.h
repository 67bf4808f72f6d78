// What travels from the source to the branches: immutable once published, shared by the branches,
// alive until the last of them has made it durable, or has it in a transaction. And a branch's own
// view of it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "event/change.h"

namespace millrace {

struct Batch {
  explicit Batch(MemoryBudget* memory) : arena(memory), budget(memory) {}

  ~Batch() {
    if (budget != nullptr) budget->release(charged);
  }

  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  // Charges `changes` to the budget; the arena charges itself. Once, when the batch is complete.
  void account() {
    charged = changes.capacity() * sizeof(Change);
    if (budget != nullptr) budget->charge(charged);
  }

  size_t bytes() const { return arena.bytes() + charged; }

  uint64_t seq = 0;  // 1, 2, 3 … in the order of the source; made by pipeline/
  std::string stream{kSlotStream};
  Arena arena;                       // the bytes that the changes point to
  std::vector<SchemaPtr> schemas;    // keeps Change::table alive
  std::vector<Change> changes;       // may be empty: an idle source whose position moved
  Offset offset;                     // where `stream` stands after this batch
  uint64_t audience = ~uint64_t{0};  // bit i: branch i gets it (a snapshot that only some need)
  bool catch_up =
      false;  // of a stream of its own, for a branch that the slot's stream has left behind
  bool shaped = false;          // the branch's transforms have made these changes already
  bool snapshot_start = false;  // first batch of a snapshot: what an unfinished one left is void
  bool resumes = false;         // of a snapshot that goes on: some of its rows may be there already
  uint64_t chunk = 0;  // of a snapshot by key chunks: the number of the bound that ends its chunk
  MemoryBudget* budget = nullptr;  // may be null (tests)
  size_t charged = 0;
};

using BatchPtr = std::shared_ptr<const Batch>;

struct Header {
  std::string_view name;
  std::string_view value;
};

// A record as a log or a file takes it. data() == nullptr of key or value: null (no key; a
// tombstone).
struct Record {
  uint32_t change = 0;         // index into BatchView::changes of the change that made it
  bool last_of_change = true;  // the records of one change are one unit
  std::string_view topic;      // points into the converter's table, which outlives all batches
  std::string_view key;
  std::string_view value;
  std::span<const Header> headers;
  int32_t partition = -1;  // -1: by the key (heartbeats: 0)
};

// What one branch sees of a batch: overlays over the shared batch, owned by the branch.
struct BatchView {
  BatchPtr batch;
  std::span<const Change>
      changes;  // the branch's tables, after its transforms, without what it has had
  std::span<const Record> records;                // where a converter stands before the sink
  std::vector<std::shared_ptr<const void>> keep;  // owns what overlays point to
  size_t made_bytes = 0;                          // of what was made of the batch for this branch
  // The source would give it again, and the same would be made of it: a sink whose transaction has
  // it may let it go before it is durable.
  bool repeatable = false;

  // Lets all go but what progress needs.
  void let_go();

  uint64_t seq() const { return batch->seq; }

  // What it holds of the memory budget.
  size_t bytes() const { return batch->bytes() + made_bytes; }
};

inline void BatchView::let_go() {
  constexpr size_t kMostOfRest = 1024;  // it counts too: a transaction may have many small batches
  auto rest = std::make_shared<Batch>(nullptr);
  rest->charged = std::min(bytes(), kMostOfRest);
  rest->seq = batch->seq;
  rest->stream = batch->stream;
  rest->offset = batch->offset;
  rest->catch_up = batch->catch_up;
  *this = {};
  batch = std::move(rest);
}

}  // namespace millrace
