// Where to go on after a (re)start: compares the slot with what the branches have (I10). Pure: no
// connection.
//
// Rules
//  - A branch without progress is snapshotted (snapshot.mode says otherwise: always, no_data). The
//    slot that is there is kept: a temporary slot gives the snapshot, and its consistent point
//    becomes the position of the tables that are read. A snapshot that was interrupted goes on with
//    the tables that are not complete; the complete ones go on in the stream from where theirs was
//    taken. A table of which key chunks are complete goes on too: what is read of it follows the
//    stream up to the new snapshot, then the other chunks are read in that one. So such a branch
//    has a place in the stream from then on, and its snapshot is read beside it.
//  - Every other branch needs the slot to have all that commits after its progress: same server, a
//    timeline that descends from the stored one at or after the progress, a slot that exists, is
//    not lost, and was not moved beyond the progress (the server would start there without a word).
//    Else kGap, unless snapshot.mode=when_needed (a new snapshot) or
//    offset.mismatch.strategy=trust_slot, trust_greater_lsn (go on at the slot, with a warning).
//  - A table that such a branch does not know is snapshotted alone; one that it has no more is
//    forgotten, so that it is snapshotted when it comes back.
//  - A lost slot is dropped and made again only when every branch gets a snapshot.
//  - The stream starts at the lowest progress of the branches that take part; each drops what it
//  has
//    had, by position. One that is away and far behind catches up on a stream of its own.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "source/postgres/postgres_config.h"
#include "source/postgres/replication_stream.h"
#include "source/postgres/slot.h"
#include "source/source.h"

namespace millrace {

struct CapturedTable {
  uint32_t oid = 0;
  std::string full_name;
  bool was_published = false;  // before this start; true for one that cannot be
  bool has_snapshot = true;    // snapshot.include.collection.list
};

struct StartFacts {
  std::optional<SlotState> slot;
  SystemIdentity server;
  std::string timeline_history;  // as TIMELINE_HISTORY gives it; empty on the first timeline
  std::span<const BranchProgress> branches;
  std::span<const CapturedTable> tables;
  // This process has completed a snapshot, and only reconnects (snapshot.mode=always).
  bool has_snapshotted = false;
  // This process has streamed: a published table that is new now was made since, and the stream has
  // all of it (or it had another name, which nothing tells: docs/delivery.md).
  bool has_streamed = false;
};

// A table to be read. Branch i is of one of the shares, by bit.
struct TableRead {
  struct Share {
    Lsn since = 0;  // the branch goes on from here in the stream; 0: from the snapshot
    uint64_t audience = 0;
  };

  // A branch that has key chunks of it, and goes on with the rest.
  struct Rest {
    size_t branch = 0;
    Offset own;             // of the table, as it stands in the branch
    Lsn since_if_anew = 0;  // Share::since, where it has to start over after all
  };

  uint32_t oid = 0;
  bool has_rows = true;  // false: it counts as read
  std::vector<Share> shares;
  std::vector<Rest> rests{};
  size_t place = 0;  // in facts.tables

  uint64_t audience() const;

  // The branches of `rests`.
  uint64_t followers() const;

  void add_share(Lsn since, size_t branch);

  // The branches that go on with what they have start over.
  void start_over();
};

// What one branch is told before anything else: how its progress changes without any data.
struct Mark {
  uint64_t audience = 0;
  std::string stream;
  Offset offset;
};

struct StartPlan {
  uint64_t restarts = 0;         // bit i: what branch i had is void
  uint64_t whole = 0;            // bit i: branch i has no place in the stream before all is read
  uint64_t streaming = 0;        // bit i: it has one
  std::vector<TableRead> reads;  // in the order of facts.tables
  std::vector<Mark> marks;
  bool drop_slot = false;
  bool make_slot = false;
  bool streams = true;
  // The lowest progress of the branches that have a place in the stream and are not away (of those
  // that are, where all are); nullopt: there is none.
  std::optional<Offset> from;

  bool needs_snapshot() const { return whole != 0 || !reads.empty(); }

  // The snapshot is of use only once the stream has come to where it was taken.
  bool snapshot_waits() const;

  uint64_t snapshot_audience() const;

  // All that is read goes on from the snapshot, and nothing else goes on: the stream starts there.
  bool is_first_snapshot() const;
};

Result<StartPlan> plan_start(const PostgresConfig& config, const StartFacts& facts);

// What START_REPLICATION is asked for, for an offset of ours or of Debezium's.
Lsn start_lsn(const Offset& offset);

// "Everything that commits before `lsn`", as an offset without any event.
Offset offset_at(Lsn lsn, const SystemIdentity& server);

// The lower of two, as the start of a stream for both.
Offset lower_offset(const Offset& a, const Offset& b);

}  // namespace millrace
