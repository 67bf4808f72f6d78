// The part of FileDeadLetters that lets letters go: replay and drop.
#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "pipeline/dead_letter.h"
#include "pipeline/dead_letter_text.h"

namespace millrace {

namespace {

// A file with so much of settled letters is cleaned up.
constexpr uint64_t kCleanUpBytes = 64 * 1024;

bool has_passed(const DeadLetterIndex::Entry& letter, const Progress& durable) {
  const auto slot = durable.find(kSlotStream);
  if (slot == durable.end()) return false;  // nothing, or a snapshot that is not complete
  return letter.is_read || letter.position <= slot->second.position;
}

}  // namespace

std::string_view name(LetterOutcome::What what) {
  switch (what) {
    case LetterOutcome::What::kDone:
      return "done";
    case LetterOutcome::What::kRefused:
      return "refused";
    case LetterOutcome::What::kSuperseded:
      return "superseded";
    case LetterOutcome::What::kNotPassed:
      return "not_passed";
    case LetterOutcome::What::kUnknown:
      return "unknown";
  }
  return "unknown";
}

LetterOutcome::What FileDeadLetters::fate(const DeadLetterIndex::Entry* letter,
                                          const Progress& durable, bool force) const {
  if (letter == nullptr) return LetterOutcome::What::kUnknown;
  if (!has_passed(*letter, durable)) return LetterOutcome::What::kNotPassed;
  return letter->superseded && !force ? LetterOutcome::What::kSuperseded
                                      : LetterOutcome::What::kDone;
}

// What was delivered before the kill is told by the sink that keeps progress with its data.
Result<void> FileDeadLetters::sink_opened(const std::optional<Progress>& progress) {
  const std::lock_guard lock(mutex_);
  if (auto loaded = load(); !loaded) return loaded;
  if (!progress || replay_runs_) return {};
  const auto stored = progress->find(kReplayStream);
  if (stored == progress->end()) return {};
  const uint64_t reached = stored->second.position.commit_lsn - kReplayBase;
  LetterIds delivered;
  if (!unfinished_.empty() && reached >= replay_number_) delivered = std::move(unfinished_);
  unfinished_.clear();
  // Also when the file was taken away: numbers must not come twice.
  replay_number_ = std::max(replay_number_, reached);
  return settle("delivered", delivered);
}

Result<void> FileDeadLetters::add_to_replay(const LetterIds& ids, bool shaped, Replay& replay,
                                            LetterIds& taken) {
  LetterReader reader(*replay.batch);
  return for_each_letter(options_.path, [&](uint64_t id, const std::string& line) -> Result<void> {
    if (std::ranges::find(ids, id) == ids.end()) return {};
    bool is_shaped = shaped;
    auto change = reader.read(line, &is_shaped);
    if (!change) return Failure(change.error().in(fmt::format("letter {}", id)));
    replay.batch->changes.push_back(*change);
    taken.push_back(id);
    return {};
  });
}

Result<FileDeadLetters::Replay> FileDeadLetters::begin_replay(const LetterIds& ids,
                                                              const Progress& durable, bool shaped,
                                                              bool force, MemoryBudget* budget) {
  const std::lock_guard lock(mutex_);
  if (auto loaded = load(); !loaded) return Failure(loaded.error());
  if (replay_runs_) {
    return fail(ErrorKind::kBusy, "another replay of branch " + options_.branch + " is under way",
                "wait until it has ended");
  }
  Replay replay;
  LetterIds wanted;
  for (const uint64_t id : ids) {
    const auto* letter = index_.find(id);
    const auto what = fate(letter, durable, force);
    if (letter != nullptr && letter->shaped != shaped) continue;
    if (what != LetterOutcome::What::kDone) {
      // A letter that there is not has no kind: told once.
      if (letter != nullptr || shaped) replay.outcomes.push_back({id, what, {}});
    } else if (std::ranges::find(wanted, id) == wanted.end()) {
      wanted.push_back(id);
    }
  }
  if (wanted.empty()) return replay;
  replay.batch = std::make_shared<Batch>(budget);
  LetterIds taken;
  if (auto added = add_to_replay(wanted, shaped, replay, taken); !added) {
    return Failure(added.error());
  }
  const std::string number = fmt::format(R"("number":{})", replay_number_ + 1);
  pending_ += mark_line("replay", taken, number);
  if (auto written = flush_pending(); !written) return Failure(written.error());
  replay.number = ++replay_number_;
  replay.batch->stream = kReplayStream;
  replay.batch->shaped = shaped;
  replay.batch->offset.position = {kReplayBase + replay.number, 0};
  for (const uint64_t id : taken) {
    auto& letter = *index_.find(id);
    letter.replaying = true;
    letter.again = Refused::kNo;
  }
  unfinished_.clear();
  replaying_ = std::move(taken);
  outcomes_.clear();
  replay_forced_ = force;
  replay_runs_ = true;
  return replay;
}

// The sink has made the replay durable: what it did not refuse is delivered.
Result<void> FileDeadLetters::end_replay() {
  LetterIds delivered;
  for (const uint64_t id : replaying_) {
    auto* letter = index_.find(id);
    letter->replaying = false;
    if (letter->again != Refused::kNo) continue;
    delivered.push_back(id);
    outcomes_.push_back({id, LetterOutcome::What::kDone, {}});
  }
  replaying_.clear();
  auto settled = settle("delivered", delivered);
  replay_runs_ = false;
  replay_ended_.notify_all();
  return settled;
}

Result<void> FileDeadLetters::settle(std::string_view mark, const LetterIds& ids) {
  if (ids.empty()) return flush_pending();
  pending_ += mark_line(mark, ids);
  if (auto written = flush_pending(); !written) return written;
  for (const uint64_t id : ids) {
    settled_bytes_ += line_bytes_[id];
    line_bytes_.erase(id);
    index_.close(id);
  }
  open_ = index_.open();
  log::info("dead letters are settled", {{"branch", options_.branch},
                                         {"what", mark},
                                         {"letters", ids.size()},
                                         {"open", index_.open()}});
  if (settled_bytes_ < kCleanUpBytes || settled_bytes_ < file_.size() / 2) return {};
  settled_bytes_ = 0;
  return file_.clean_up();
}

std::optional<std::vector<LetterOutcome>> FileDeadLetters::wait_replay(uint64_t number,
                                                                       SteadyTime deadline) {
  std::unique_lock lock(mutex_);
  const bool ended = replay_ended_.wait_until(
      lock, deadline, [&] { return !replay_runs_ || replay_number_ != number; });
  if (!ended) return std::nullopt;
  return outcomes_;
}

void FileDeadLetters::cancel_replay(uint64_t number) {
  const std::lock_guard lock(mutex_);
  if (!replay_runs_ || replay_number_ != number) return;
  for (const uint64_t id : replaying_) {
    if (auto* letter = index_.find(id)) letter->replaying = false;
  }
  replaying_.clear();
  replay_runs_ = false;
  replay_ended_.notify_all();
}

Result<std::vector<LetterOutcome>> FileDeadLetters::drop(const LetterIds& ids) {
  const std::lock_guard lock(mutex_);
  if (auto loaded = load(); !loaded) return Failure(loaded.error());
  std::vector<LetterOutcome> outcomes;
  LetterIds dropped;
  for (const uint64_t id : ids) {
    const auto* letter = index_.find(id);
    if (letter != nullptr && letter->replaying) {
      return fail(ErrorKind::kBusy, fmt::format("letter {} is being replayed", id),
                  "wait until the replay has ended");
    }
    const bool is_new = std::ranges::find(dropped, id) == dropped.end();
    if (letter != nullptr && is_new) dropped.push_back(id);
    if (letter != nullptr && !is_new) continue;
    outcomes.push_back(
        {id, letter != nullptr ? LetterOutcome::What::kDone : LetterOutcome::What::kUnknown, {}});
  }
  if (auto settled = settle("dropped", dropped); !settled) return Failure(settled.error());
  return outcomes;
}

}  // namespace millrace
