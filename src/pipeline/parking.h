// What happens when a branch takes less than the source gives. Used by the reader's thread.
//
//  - The stream waits for a moment for a branch that holds its share of memory; then the branch is
//    parked, and the others go on without it. It is well again when it has delivered all that it
//    was given: then the source is opened again, at the position of that branch.
//  - A snapshot goes at the pace of the slowest branch that takes part, for what a branch misses of
//    a table has to be read from the start. One that takes nothing any more is left behind.
#pragma once

#include "base/clock.h"
#include "base/memory_budget.h"
#include "pipeline/lane.h"
#include "source/source.h"

namespace millrace {

class Parking {
 public:
  // All outlive it.
  Parking(const Lanes& lanes, const MemoryBudget& budget, const Source& source)
      : lanes_(lanes), budget_(budget), source_(source) {}

  // Whether the source may be read. To be asked before every poll: parks who holds the stream up.
  bool has_room();

  // Bit i: branch i has enough of a snapshot for now.
  uint64_t full() const;

  // True when a branch came back, or the only one that a snapshot is read for is gone: the source
  // has to be opened again.
  bool wants_open();

  // Before the source is opened: who is well takes part again, who is not is away.
  void prepare_open();

 private:
  struct Pace {  // of a branch that holds a snapshot up
    uint64_t finished = 0;
    SteadyTime since;
  };

  size_t share() const;
  bool is_full(const Lane& lane) const;
  void park_laggards();
  uint64_t taking_part() const;
  void leave_behind();

  const Lanes& lanes_;
  const MemoryBudget& budget_;
  const Source& source_;
  SteadyTime no_room_since_{};  // epoch: there is room
  std::vector<Pace> paces_;
};

}  // namespace millrace
