// Where the changes go that a branch's sink or sql refuses for what they are: a file (see
// dead_letter_file.h) that a person reads, and replays once the cause is mended.
//
// A change is there once, however often it is read and refused. A flood ends the branch: too many
// letters or bytes, or so many changes one after the other that the sink or the schema must be
// wrong. Every method may be called by any thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "pipeline/dead_letter_file.h"
#include "pipeline/dead_letter_index.h"
#include "sink/sink.h"

namespace millrace {

struct DeadLetterOptions {
  std::string path;
  std::string pipeline;
  std::string branch;
  bool tolerate = true;                   // errors.tolerance; else the first one ends the branch
  uint64_t max_bytes = 64 * 1024 * 1024;  // dead.letter.max.bytes; 0 = no limit
  uint64_t max_count = 10000;             // dead.letter.max.count; 0 = no limit
  uint64_t max_in_a_row = 500;            // dead.letter.max.in.a.row; 0 = no limit
  // The sink keeps the newest state of a row: an older change must not come after a newer one.
  bool latest_wins = false;
};

// What became of one letter that was to be replayed or dropped.
struct LetterOutcome {
  enum class What : uint8_t {
    kDone,        // delivered, or dropped
    kRefused,     // again: it stays, `message` says why
    kSuperseded,  // the row has changed since: not tried, it stays
    kNotPassed,   // the branch has not passed its change yet, which comes again by itself
    kUnknown,     // there is no such letter
  };

  uint64_t id = 0;
  What what = What::kUnknown;
  std::string message;
};

std::string_view name(LetterOutcome::What what);

class FileDeadLetters final : public DeadLetters {
 public:
  using VisitView = std::function<void(const BatchView&)>;

  // The file is read at the first use, and made by the first refused change.
  explicit FileDeadLetters(DeadLetterOptions options);

  // Before anything else: how to visit the views that the sink has or is being given. Called from
  // flush(), on its thread.
  void set_in_flight(std::function<void(const VisitView&)> visit) { in_flight_ = std::move(visit); }

  Result<void> add(const Change& change, const Error& why) override;
  Result<void> flush() override;
  // As both, for a change that the branch's transforms could not shape.
  Result<void> add_unshaped(const Change& change, const Error& why);

  // --- the branch's writer tells how it goes on

  // The sink is open; its own progress says what became of a replay that a kill has ended.
  Result<void> sink_opened(const std::optional<Progress>& progress);
  // The sink is about to get this view. Letters of its rows are outdated then; of a replay, what is
  // outdated is taken out.
  Result<void> passing(BatchView& view);
  // It had so many changes; those of a view that the sink has let go were all taken. kRefused: a
  // flood.
  Result<void> durable(const BatchView& view, size_t changes);
  // It will come again.
  void left_out(const BatchView& view);

  // --- replay and drop

  struct Replay {
    uint64_t number = 0;  // 0: nothing can be tried
    std::shared_ptr<Batch> batch;
    std::vector<LetterOutcome> outcomes;  // of letters that are not tried
  };

  // Those of `ids` that can be tried now, as a batch that the branch is to be given. One at a time:
  // kBusy. `durable`: the branch's progress. `shaped`: takes only letters of that kind. `force`:
  // superseded ones too.
  Result<Replay> begin_replay(const LetterIds& ids, const Progress& durable, bool shaped,
                              bool force, MemoryBudget* budget);
  // Until it has ended; nullopt at the deadline.
  std::optional<std::vector<LetterOutcome>> wait_replay(uint64_t number, SteadyTime deadline);
  // Its batch could not be handed over.
  void cancel_replay(uint64_t number);

  Result<std::vector<LetterOutcome>> drop(const LetterIds& ids);

  // Letters that wait, as far as they are durable.
  uint64_t open() const { return open_; }

 private:
  Result<void> load();
  Result<void> add_one(const Change& change, const Error& why, bool shaped);
  Result<void> check_room(const Change& change, const Error& why, size_t line_bytes);
  Result<void> flush_pending();
  void mark_superseded(const LetterIds& ids, Lsn by);
  void mark_superseded_by(const BatchView& view);
  void take_out_superseded(BatchView& view);
  Result<void> end_replay();
  Result<void> settle(std::string_view mark, const LetterIds& ids);
  Result<void> add_to_replay(const LetterIds& ids, bool shaped, Replay& replay, LetterIds& taken);
  LetterOutcome::What fate(const DeadLetterIndex::Entry* letter, const Progress& durable,
                           bool force) const;

  const DeadLetterOptions options_;
  std::function<void(const VisitView&)> in_flight_;
  std::atomic<uint64_t> open_{0};

  std::mutex mutex_;  // guards all below
  std::condition_variable replay_ended_;
  bool loaded_ = false;
  DeadLetterFile file_;
  using Refused = DeadLetterIndex::Refused;
  DeadLetterIndex index_;
  uint64_t next_id_ = 1;
  std::string pending_;
  uint64_t pending_letters_ = 0;
  std::string pending_what_;  // the newest of them, for the log
  bool unscanned_ = false;    // letters whose rows may have changed in what is in flight
  uint64_t settled_bytes_ = 0;
  std::map<uint64_t, uint64_t> line_bytes_;  // of open letters
  std::set<const Change*> refused_;          // of views that are not durable yet
  uint64_t in_a_row_ = 0;
  uint64_t replay_number_ = 0;
  LetterIds unfinished_;  // of the replay that a kill has ended
  LetterIds replaying_;   // letters of the running replay
  bool replay_runs_ = false;
  bool replay_forced_ = false;
  std::vector<LetterOutcome> outcomes_;  // of the last replay that ended
};

}  // namespace millrace
