#include "tests/conformance/disk_work.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <fstream>
#include <map>

#include "event/progress.h"
#include "pipeline/dead_letter.h"
#include "sink/email/mail_ledger.h"
#include "store/file/file_offset_store.h"
#include "tests/conformance/items.h"
#include "tests/conformance/store.h"

namespace millrace::conformance {

namespace {

// What was confirmed and is not there.
Result<void> expect_there(uint64_t confirmed, uint64_t there) {
  if (there >= confirmed) return {};
  return fail(ErrorKind::kInternal,
              fmt::format("{} steps were confirmed, {} are there", confirmed, there));
}

constexpr Millis kPoll{1000};
constexpr int kItems = 3;
constexpr size_t kPadding = 3000;

Offset offset_of(uint64_t step) {
  Offset out;
  out.position = {step * 100, UINT64_MAX};
  out.lsn = out.lsn_proc = out.lsn_commit = step * 100 + 50;
  out.message_type = "COMMIT";
  return out;
}

uint64_t steps_of(const Progress& progress) {
  const auto slot = progress.find(kSlotStream);
  return slot == progress.end() ? 0 : slot->second.lsn_commit / 100;
}

// A sink: batch `step` has the items (step - 1) * kItems + 1 ….
class SinkWork final : public DiskWork {
 public:
  SinkWork(std::unique_ptr<Store> store, std::string folder)
      : store_(std::move(store)), folder_(std::move(folder)) {}

  Result<void> run(uint64_t confirmed, const Confirm& confirm) override {
    const auto sink = store_->make_sink({.pipeline = "disk",
                                         .branch = "b",
                                         .state_folder = folder_,
                                         .budget = nullptr,
                                         .dead_letters = nullptr});
    // What can pass, passes: opened again as often as a branch would in a short while.
    Result<void> done;
    for (int attempt = 0; attempt < 3; ++attempt) {
      done = deliver(*sink, confirmed, confirm);
      if (done || policy(done.error().kind) != ErrorPolicy::kRetry) return done;
    }
    return done;
  }

  std::string verdict() override {
    std::string found;
    std::string wanted;
    for (const StoredItem& item : store_->read())
      found += std::to_string(item.id) + " ";
    for (uint64_t id = 1; id <= kSteps * kItems; ++id)
      wanted += std::to_string(id) + " ";
    return found == wanted ? "" : "there is " + found;
  }

 private:
  Result<void> deliver(Sink& sink, uint64_t confirmed, const Confirm& confirm) {
    auto stored = sink.open();
    if (!stored) return Failure(stored.error());
    if (auto there = expect_there(confirmed, steps_of(**stored)); !there) return there;
    const Items items(store_->run(), store_->traits().keyless);
    for (uint64_t step = 1; step <= kSteps; ++step) {
      std::vector<Item> given;
      for (int i = 1; i <= kItems; ++i)
        given.push_back({.id = static_cast<int>(step - 1) * kItems + i, .padding = kPadding});
      BatchView view = items.batch(step, given);
      if (covers(**stored, *view.batch)) continue;
      if (auto written = sink.write(std::move(view)); !written) return written;
      for (uint64_t durable = 0; durable < step;) {
        auto report = sink.poll(steady_now() + kPoll);
        if (!report) return Failure(report.error());
        durable = report->durable_seq;
      }
      confirm(step);
    }
    return {};
  }

  const std::unique_ptr<Store> store_;
  const std::string folder_;
};

class OffsetWork final : public DiskWork {
 public:
  explicit OffsetWork(const std::string& folder)
      : store_(make_file_offset_store(
            {.path = folder + "/offsets", .connector = "c", .server = "s"})) {}

  Result<void> run(uint64_t confirmed, const Confirm& confirm) override {
    auto stored = store_->load();
    if (!stored) return Failure(stored.error());
    if (auto there = expect_there(confirmed, steps_of(*stored)); !there) return there;
    for (uint64_t step = steps_of(*stored) + 1; step <= kSteps; ++step) {
      if (auto saved = store_->save({{std::string(kSlotStream), offset_of(step)}}); !saved) {
        return saved;
      }
      confirm(step);
    }
    return {};
  }

  std::string verdict() override {
    auto stored = store_->load();
    if (!stored) return stored.error().text();
    return steps_of(*stored) == kSteps ? "" : fmt::format("{} steps", steps_of(*stored));
  }

 private:
  const std::unique_ptr<OffsetStore> store_;
};

// Letter `step` has the id and the LSN `step`.
class LetterWork final : public DiskWork {
 public:
  explicit LetterWork(const std::string& folder) : path_(folder + "/letters.jsonl") {}

  Result<void> run(uint64_t confirmed, const Confirm& confirm) override {
    if (auto there = expect_there(confirmed, count()); !there) return there;
    FileDeadLetters letters({.path = path_, .pipeline = "p", .branch = "b"});
    for (uint64_t step = count() + 1; step <= kSteps; ++step) {
      Change change;
      change.op = Op::kMessage;
      change.lsn = step;
      change.position = {step, 0};
      change.content = content_;
      if (auto added = letters.add(change, Error(ErrorKind::kData, "refused")); !added)
        return added;
      if (auto flushed = letters.flush(); !flushed) return flushed;
      confirm(step);
    }
    return {};
  }

  std::string verdict() override {
    return count() == kSteps ? "" : fmt::format("letters 1 to {} only", count());
  }

 private:
  // How many from the first on are there.
  uint64_t count() const {
    const auto marks = read_letter_marks(path_);
    uint64_t out = 0;
    while (marks && marks->size.contains(out + 1))
      ++out;
    return out;
  }

  const std::string path_;
  const std::string content_ = std::string(kPadding, 'x');
};

// The mail ledger, used as the sink uses it. Between two openings an end that was written is known.
class LedgerWork final : public DiskWork {
 public:
  explicit LedgerWork(std::string folder) : path_(std::move(folder) + "/b.ledger") {}

  Result<void> run(uint64_t confirmed, const Confirm& confirm) override {
    auto ledger = MailLedger::open({.path = path_, .boot_id = "boot", .rewrite_bytes = 300});
    if (!ledger) return Failure(ledger.error());
    if (auto there = expect_there(confirmed, steps_of(ledger->progress())); !there) return there;
    for (uint64_t step = steps_of(ledger->progress()) + 1; step <= kSteps; ++step) {
      const std::string stream(kSlotStream);
      const MailId id{stream, {step * 100, 1}, "hash"};
      const MailState* state = ledger->find(id);
      if (state == nullptr || !is_final(*state)) {
        if (auto done = ledger->intend({id}); !done) return done;
        for (const MailState next : {MailState::kStarted, MailState::kDelivered}) {
          if (auto done = ledger->note(id, next); !done) return done;
        }
      }
      if (auto done = ledger->advance(stream, offset_of(step)); !done) return done;
      if (auto done = ledger->sync(); !done) return done;
      confirm(step);
    }
    return {};
  }

  std::string verdict() override {
    auto ledger = MailLedger::open({.path = path_, .boot_id = "boot"});
    if (!ledger) return ledger.error().text();
    if (ledger->open_count() > 0) return "messages without an end";
    const uint64_t steps = steps_of(ledger->progress());
    return steps == kSteps ? "" : fmt::format("{} steps", steps);
  }

 private:
  const std::string path_;
};

constexpr std::string_view kNames[] = {"file",         "duckdb_history", "duckdb_mirror",
                                       "offset_store", "dead_letters",   "mail_ledger"};

}  // namespace

std::span<const std::string_view> disk_work_names() {
  return kNames;
}

std::unique_ptr<DiskWork> make_disk_work(std::string_view name, const std::string& folder) {
  if (name == "offset_store") return std::make_unique<OffsetWork>(folder);
  if (name == "dead_letters") return std::make_unique<LetterWork>(folder);
  if (name == "mail_ledger") return std::make_unique<LedgerWork>(folder);
  auto store =
      name == "file" ? make_file_store(folder) : make_duckdb_store(name == "duckdb_mirror", folder);
  return std::make_unique<SinkWork>(std::move(store), folder);
}

}  // namespace millrace::conformance
