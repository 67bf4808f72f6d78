#include "tests/conformance/memory_store.h"

#include <charconv>
#include <deque>
#include <thread>

#include "event/progress.h"
#include "tests/conformance/items.h"

namespace millrace::conformance {

namespace {

constexpr Millis kLate{1000};
constexpr Millis kBlock{1300};

class MemorySink final : public Sink {
 public:
  using State = MemoryStore::State;

  MemorySink(MemoryStore& store, Fault fault, const SinkContext& context)
      : store_(store), fault_(fault), context_(context) {}

  Result<std::optional<Progress>> open() override {
    if (store_.state == State::kAway) return away();
    pending_.clear();
    was_reopened_ = durable_ > 0;
    if (fault_ == Fault::kForgetsProgress) return Progress{};
    return store_.progress;
  }

  Result<void> write(BatchView view) override {
    written_ = view.seq();
    if (fault_ == Fault::kProgressAheadOfData) advance(store_.progress, *view.batch);
    const bool is_lost = fault_ == Fault::kLosesWhenReopened && was_reopened_;
    was_reopened_ = false;
    if (!is_lost) pending_.push_back(std::move(view));
    return {};
  }

  Result<SinkReport> poll(SteadyTime deadline) override {
    ++polls_;
    const State state = store_.state;
    if (fault_ == Fault::kReportsTooEarly && durable_ < written_) {
      durable_ = written_;
      return SinkReport{durable_};
    }
    if (state == State::kAway) return away();
    if (state == State::kHeld) return wait(deadline, fault_ == Fault::kBlocks);
    if (auto stored = store_pending(); !stored) return Failure(stored.error());
    if (state == State::kMute) return wait(deadline, false);
    durable_ = written_;
    if (fault_ == Fault::kGoesBack && polls_ % 2 == 0) return SinkReport{0};
    return SinkReport{durable_ + (fault_ == Fault::kReportsWhatWasNeverWritten ? 1 : 0)};
  }

  Result<SinkReport> drain(SteadyTime deadline) override {
    if (fault_ == Fault::kDrainsNothing) return SinkReport{durable_};
    if (store_.state == State::kHeld) return wait(deadline, fault_ == Fault::kDrainBlocks);
    return poll(deadline);
  }

 private:
  Failure away() const {
    const bool gives_up = fault_ == Fault::kGivesUp;
    return fail(gives_up ? ErrorKind::kIo : ErrorKind::kUnreachable, "the store is away");
  }

  Result<SinkReport> wait(SteadyTime deadline, bool blocks) {
    std::this_thread::sleep_until(deadline);
    if (blocks && !std::exchange(has_blocked_, true)) std::this_thread::sleep_for(kBlock);
    return SinkReport{durable_};
  }

  Result<void> store_pending() {
    for (const BatchView& view : pending_) {
      const size_t from = store_.rows.size();
      for (size_t i = 0; i < view.changes.size(); ++i) {
        if (auto stored = store(view, i); !stored) return stored;
      }
      if (fault_ == Fault::kReorders && store_.rows.size() > from + 1) {
        std::swap(store_.rows[from], store_.rows[from + 1]);
      }
      const bool forgets =
          fault_ == Fault::kDoublesAfterALostAnswer && store_.state == State::kMute;
      if (!forgets) advance(store_.progress, *view.batch);
    }
    pending_.clear();
    return {};
  }

  Result<void> store(const BatchView& view, size_t i) {
    const Tuple& row = view.changes[i].after;
    if (row[1].view() != kRefusedAddress) {
      const std::string_view text = row[0].view();
      int id = 0;
      std::from_chars(text.data(), text.data() + text.size(), id);
      store_.rows.push_back({.id = id, .bytes = std::string(row[1].view())});
      return {};
    }
    if (fault_ == Fault::kDropsTheRefused) return {};
    const size_t told = fault_ == Fault::kRefusesTheNeighbour ? (i == 0 ? 1 : i - 1) : i;
    if (told >= view.changes.size()) return {};
    const Error why(ErrorKind::kData, fault_ == Fault::kTellsTheValue
                                          ? "refused: " + std::string(kRefusedAddress)
                                          : "refused");
    if (auto added = context_.dead_letters->add(view.changes[told], why); !added) return added;
    return context_.dead_letters->flush();
  }

  MemoryStore& store_;
  const Fault fault_;
  const SinkContext context_;
  std::deque<BatchView> pending_;
  uint64_t written_ = 0;
  uint64_t durable_ = 0;
  int polls_ = 0;
  bool was_reopened_ = false;
  bool has_blocked_ = false;
};

}  // namespace

std::string_view name(Fault fault) {
  constexpr std::string_view kNames[] = {"None",
                                         "ReportsTooEarly",
                                         "ReportsWhatWasNeverWritten",
                                         "GoesBack",
                                         "Reorders",
                                         "LosesWhenReopened",
                                         "DoublesAfterALostAnswer",
                                         "ForgetsProgress",
                                         "ProgressAheadOfData",
                                         "Blocks",
                                         "DrainBlocks",
                                         "DrainsNothing",
                                         "GivesUp",
                                         "DropsTheRefused",
                                         "RefusesTheNeighbour",
                                         "TellsTheValue"};
  return kNames[static_cast<size_t>(fault)];
}

Traits MemoryStore::traits() const {
  return {.keeps_progress = true,
          .doubles = 0,
          .refuses = true,
          .can_hold = true,
          .can_go_away = true,
          .patience = Millis(5000),
          .late = kLate};
}

std::unique_ptr<Sink> MemoryStore::make_sink(const SinkContext& context) {
  return std::make_unique<MemorySink>(*this, fault_, context);
}

}  // namespace millrace::conformance
