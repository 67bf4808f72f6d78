// What happens when a branch takes less than the source gives. Used by the reader's thread.
//
//  - The stream waits for a moment for a branch that holds its share of memory; then the branch is
//    parked, and the others go on without it. It is well again when it has delivered all that it
//    was given. Far behind, it then catches up on a stream of its own until it is where the others
//    are; else the source is opened again, at the position of that branch.
//  - A snapshot goes at the pace of the slowest branch that takes part, for what a branch misses of
//    a table has to be read from the start. One that takes nothing any more is left behind.
//  - A branch for which the server keeps more WAL than branch.lag.max.bytes is given up: the slot
//    moves on without it. When it is well again, it comes back with a snapshot.
#pragma once

#include <set>

#include "base/clock.h"
#include "pipeline/lane.h"
#include "source/source.h"

namespace millrace {

class Parking {
 public:
  // All outlive it.
  Parking(const Lanes& lanes, Source& source, Lsn lag_max)
      : lanes_(lanes), source_(source), lag_max_(lag_max) {}

  // Whether the source may be read. To be asked before every poll: parks who holds the stream up.
  bool has_room();

  // Bit i: branch i has enough of a snapshot, or of a stream of its own, for now.
  uint64_t full() const;

  // True when a branch came back, or the only one that a snapshot is read for is gone: the source
  // has to be opened again.
  bool wants_open();

  // Before the source is opened: who is well takes part again, who is not is away.
  void prepare_open();

  // Every batch of the source, in order.
  void passed(const Batch& batch);

  // Up to where the slot may move when no branch holds it: what has passed.
  Lsn passed_lsn() const { return passed_.lsn_commit; }

 private:
  struct Pace {  // of a branch that holds a snapshot, or the slot, up
    uint64_t finished = 0;
    SteadyTime since;
  };

  template <class Condition>
  uint64_t bits_of(Condition condition) const;
  void park_laggards();
  uint64_t taking_part() const;
  void leave_behind();
  void send_back();
  bool is_far_behind(const Lane& lane) const;
  bool is_far_behind_others(const Lane& lane) const;
  bool bring_back(size_t index);
  bool joins(size_t index);
  bool takes_nothing(size_t index);
  void give_up_lagging();

  const Lanes& lanes_;
  Source& source_;
  const Lsn lag_max_;  // 0: none
  Offset passed_;      // of the slot's own stream, since it was opened; {} = nothing yet
  SteadyTime lag_due_{};
  std::set<size_t> were_away_;  // of those that catch up: tables may have come meanwhile
  SteadyTime no_room_since_{};  // epoch: there is room
  std::vector<Pace> paces_;
  std::vector<Pace> slot_paces_;
};

}  // namespace millrace
