// Where to go on after a (re)start: compares the slot with what the branches have (I10). Pure: no
// connection.
//
// Rules
//  - A branch without progress, or with an unfinished snapshot, is snapshotted (snapshot.mode says
//  otherwise: always,
//    no_data). The slot that is there is kept: a temporary slot gives the snapshot, and its
//    consistent point becomes the branch's position. So a first start that died half-way needs no
//    special case.
//  - Every other branch needs the slot to have all that commits after its progress: same server, a
//  timeline that
//    descends from the stored one at or after the progress, a slot that exists, is not lost, and
//    was not moved beyond the progress (the server would start there without a word). Else kGap,
//    unless snapshot.mode=when_needed (a new snapshot) or offset.mismatch.strategy=trust_slot,
//    trust_greater_lsn (go on at the slot, with a warning).
//  - A lost slot is dropped and made again only when every branch gets a snapshot.
//  - The stream starts at the lowest progress of all branches; each branch drops what it has had,
//  by position.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"
#include "source/postgres/postgres_config.h"
#include "source/postgres/replication_stream.h"
#include "source/postgres/slot.h"
#include "source/source.h"

namespace millrace {

struct StartFacts {
  std::optional<SlotState> slot;
  SystemIdentity server;
  std::string timeline_history;  // as TIMELINE_HISTORY gives it; empty on the first timeline
  std::span<const BranchProgress> branches;
  // snapshot.mode=always: this process has completed its snapshot, and only reconnects
  bool has_snapshotted = false;
};

struct StartPlan {
  uint64_t snapshot_audience = 0;  // bit i: branch i is snapshotted
  bool drop_slot = false;
  bool make_slot = false;
  bool streams = true;
  // The lowest progress of the branches that are not snapshotted; nullopt: there is none.
  std::optional<Offset> from;
};

Result<StartPlan> plan_start(const PostgresConfig& config, const StartFacts& facts);

// The progress that a branch goes on from: the slot's, or a completed snapshot's where that is
// newer; nullopt where it has none or its snapshot is unfinished.
std::optional<Offset> resume_offset(const BranchProgress& branch, uint64_t system_id);

// What START_REPLICATION is asked for, for an offset of ours or of Debezium's.
Lsn start_lsn(const Offset& offset);

// "Everything that commits before `lsn`", as an offset without any event.
Offset offset_at(Lsn lsn, const SystemIdentity& server);

// The lower of two, as the start of a stream for both.
Offset lower_offset(const Offset& a, const Offset& b);

}  // namespace millrace
