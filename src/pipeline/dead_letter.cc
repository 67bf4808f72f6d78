#include "pipeline/dead_letter.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json_text.h"
#include "base/log.h"
#include "pipeline/dead_letter_text.h"

namespace millrace {

namespace {

// A batch may have refused many: memory stays bounded, durability is still flush()'s.
constexpr size_t kPendingBytes = 1024 * 1024;

std::string place(const Change& change) {
  return (change.table == nullptr ? std::string() : change.table->full_name() + " at ") +
         format_lsn(change.lsn);
}

}  // namespace

FileDeadLetters::FileDeadLetters(DeadLetterOptions options)
    : options_(std::move(options)), file_(options_.path) {}

Result<void> FileDeadLetters::load() {
  if (loaded_) return {};
  auto marks = read_letter_marks(options_.path);
  if (!marks) return Failure(marks.error());
  uint64_t damaged = 0;
  auto read = for_each_letter(options_.path, [&](uint64_t id, const std::string& line) {
    Batch batch(nullptr);
    bool shaped = true;
    const auto change = LetterReader(batch).read(line, &shaped);
    if (!change) {
      ++damaged;
      return Result<void>();
    }
    index_.add(id, *change, shaped).superseded = marks->superseded.contains(id);
    line_bytes_[id] = line.size() + 1;
    if (!marks->settled.contains(id)) return Result<void>();
    index_.close(id);
    settled_bytes_ += line.size() + 1;
    return Result<void>();
  });
  if (!read) return read;
  if (damaged > 0) {
    log::warn("dead letters are damaged and left out",
              {{"branch", options_.branch}, {"path", options_.path}, {"letters", damaged}});
  }
  next_id_ = marks->next_id;
  replay_number_ = marks->replay;
  unfinished_ = std::move(marks->unfinished);
  open_ = index_.open();
  loaded_ = true;
  return {};
}

Result<void> FileDeadLetters::add(const Change& change, const Error& why) {
  const std::lock_guard lock(mutex_);
  return add_one(change, why, true);
}

Result<void> FileDeadLetters::add_unshaped(const Change& change, const Error& why) {
  const std::lock_guard lock(mutex_);
  if (auto added = add_one(change, why, false); !added) return added;
  return flush_pending();
}

Result<void> FileDeadLetters::add_one(const Change& change, const Error& why, bool shaped) {
  if (auto loaded = load(); !loaded) return loaded;
  if (auto* letter = index_.find(change)) {
    // Read again after a kill, or replayed and refused again.
    if (letter->replaying && letter->again == Refused::kNo) {
      letter->again = shaped ? Refused::kBySink : Refused::kBeforeSink;
      pending_ += mark_line("again", {{letter->id}},
                            fmt::format(R"("message":{})", json_quoted(why.message)));
      outcomes_.push_back({letter->id, LetterOutcome::What::kRefused, why.message});
    }
    return {};
  }
  if (index_.knows(change)) return {};  // dropped since
  if (!options_.tolerate) {
    return fail(ErrorKind::kRefused, place(change) + " was refused: " + why.message,
                "mend the cause; with errors.tolerance = all the change goes to the dead letters "
                "and the branch goes on");
  }
  const std::string line = letter_line(
      {.id = next_id_, .pipeline = options_.pipeline, .branch = options_.branch, .shaped = shaped},
      change, why);
  if (auto room = check_room(change, why, line.size()); !room) return room;
  index_.add(next_id_, change, shaped);
  line_bytes_[next_id_] = line.size();
  ++next_id_;
  pending_ += line;
  ++pending_letters_;
  pending_what_ = place(change);
  if (shaped) {
    refused_.insert(&change);
    unscanned_ = options_.latest_wins;
  }
  return pending_.size() < kPendingBytes ? Result<void>() : flush_pending();
}

// The letters up to here are durable before the branch ends: they say what is wrong.
Result<void> FileDeadLetters::check_room(const Change& change, const Error& why,
                                         size_t line_bytes) {
  if (auto opened = file_.open(); !opened) return opened;
  const bool many = options_.max_count > 0 && index_.open() >= options_.max_count;
  const bool large =
      options_.max_bytes > 0 && file_.size() + pending_.size() + line_bytes > options_.max_bytes;
  if (!many && !large) return {};
  if (auto flushed = flush_pending(); !flushed) return flushed;
  const std::string limit =
      many ? fmt::format("{} changes wait in \"{}\" (dead.letter.max.count)", index_.open(),
                         options_.path)
           : fmt::format("\"{}\" would grow past {} bytes (dead.letter.max.bytes)", options_.path,
                         options_.max_bytes);
  return fail(ErrorKind::kRefused,
              fmt::format("a flood of refused changes: {}; the next is {}: {}", limit,
                          place(change), why.message),
              "see why with millrace dead-letters FILE list and mend it; then replay or drop them, "
              "or raise the limit");
}

Result<void> FileDeadLetters::flush() {
  const std::lock_guard lock(mutex_);
  if (unscanned_ && in_flight_) {
    in_flight_([this](const BatchView& view) { mark_superseded_by(view); });
  }
  unscanned_ = false;
  return flush_pending();
}

Result<void> FileDeadLetters::flush_pending() {
  if (pending_.empty()) return {};
  if (auto written = file_.append(pending_); !written) return written;
  if (pending_letters_ > 0) {
    log::warn("changes were refused: they are in the dead letters", {{"branch", options_.branch},
                                                                     {"letters", pending_letters_},
                                                                     {"newest", pending_what_},
                                                                     {"path", options_.path}});
  }
  pending_.clear();
  pending_letters_ = 0;
  open_ = index_.open();
  return {};
}

void FileDeadLetters::mark_superseded(const LetterIds& ids, Lsn by) {
  if (ids.empty()) return;
  for (const uint64_t id : ids)
    index_.find(id)->superseded = true;
  pending_ += mark_line("superseded", ids, fmt::format(R"("by":"{}")", format_lsn(by)));
}

void FileDeadLetters::mark_superseded_by(const BatchView& view) {
  if (view.batch->stream == kReplayStream) return;
  for (const Change& change : view.changes)
    mark_superseded(index_.before(change), change.lsn);
}

// A replay's changes whose rows have changed since it was asked for.
void FileDeadLetters::take_out_superseded(BatchView& view) {
  for (const uint64_t id : replaying_) {  // what the sink has refused, it has undone
    auto& again = index_.find(id)->again;
    if (again == Refused::kBySink) again = Refused::kNo;
  }
  std::erase_if(outcomes_, [this](const LetterOutcome& outcome) {
    return outcome.what == LetterOutcome::What::kRefused &&
           index_.find(outcome.id)->again == Refused::kNo;
  });
  const auto is_out = [this](const Change& change) {
    auto* letter = index_.find(change);
    if (letter == nullptr || !letter->superseded || replay_forced_) return false;
    if (std::erase(replaying_, letter->id) > 0) {
      letter->replaying = false;
      outcomes_.push_back({letter->id, LetterOutcome::What::kSuperseded, {}});
    }
    return true;
  };
  if (std::ranges::none_of(view.changes, is_out)) return;
  if (!view.records.empty()) {  // they refer to the changes by number, so those stay
    auto kept = std::make_shared<std::vector<Record>>();
    std::ranges::copy_if(view.records, std::back_inserter(*kept), [&](const Record& record) {
      return !is_out(view.changes[record.change]);
    });
    view.records = *kept;
    view.keep.push_back(std::move(kept));
    return;
  }
  auto kept = std::make_shared<std::vector<Change>>();
  std::ranges::remove_copy_if(view.changes, std::back_inserter(*kept), is_out);
  view.changes = *kept;
  view.keep.push_back(std::move(kept));
}

Result<void> FileDeadLetters::passing(BatchView& view) {
  const std::lock_guard lock(mutex_);
  if (auto loaded = load(); !loaded) return loaded;
  if (index_.open() == 0) return {};
  if (view.batch->stream == kReplayStream) {
    take_out_superseded(view);
    return {};
  }
  if (view.batch->snapshot_start) {
    const bool reads_only = !options_.latest_wins;
    mark_superseded(index_.before_snapshot(view.batch->schemas, reads_only),
                    view.batch->offset.lsn);
  }
  if (options_.latest_wins) mark_superseded_by(view);
  return flush_pending();
}

void FileDeadLetters::left_out(const BatchView& view) {
  const std::lock_guard lock(mutex_);
  if (refused_.empty()) return;
  for (const Change& change : view.changes)
    refused_.erase(&change);
}

Result<void> FileDeadLetters::durable(const BatchView& view, size_t changes) {
  const std::lock_guard lock(mutex_);
  if (view.batch->stream == kReplayStream) return end_replay();
  if (changes == 0 || (refused_.empty() && in_a_row_ == 0)) return {};
  uint64_t refused = 0;
  for (const Change& change : view.changes)
    refused += refused_.erase(&change);
  in_a_row_ = refused < changes ? 0 : in_a_row_ + refused;
  if (options_.max_in_a_row == 0 || in_a_row_ < options_.max_in_a_row) return {};
  return fail(ErrorKind::kRefused,
              fmt::format("{} changes one after the other were refused, none was taken "
                          "(dead.letter.max.in.a.row): the target or a setting must be wrong",
                          in_a_row_),
              "see why with millrace dead-letters FILE list and mend it; start again, and replay "
              "them");
}

}  // namespace millrace
