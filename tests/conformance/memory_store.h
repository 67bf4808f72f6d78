// A store in memory whose sink can be made to break one rule each: how the suite is tested.
#pragma once

#include <atomic>

#include "tests/conformance/store.h"

namespace millrace::conformance {

enum class Fault {
  kNone,
  kReportsTooEarly,
  kReportsWhatWasNeverWritten,
  kGoesBack,
  kReorders,
  kLosesWhenReopened,
  kDoublesAfterALostAnswer,
  kForgetsProgress,
  kProgressAheadOfData,
  kBlocks,
  kDrainBlocks,
  kDrainsNothing,
  kGivesUp,
  kDropsTheRefused,
  kRefusesTheNeighbour,
  kTellsTheValue,
};

std::string_view name(Fault fault);

class MemoryStore final : public Store {
 public:
  enum class State { kWell, kHeld, kMute, kAway };

  explicit MemoryStore(Fault fault) : fault_(fault) {}

  Traits traits() const override;
  std::unique_ptr<Sink> make_sink(const SinkContext& context) override;

  std::vector<StoredItem> read() override { return rows; }

  void hold() override { state = State::kHeld; }

  void lose_answers() override { state = State::kMute; }

  void go_away() override { state = State::kAway; }

  void come_back() override { state = State::kWell; }

  std::atomic<State> state{State::kWell};
  std::vector<StoredItem> rows;
  Progress progress;

 private:
  const Fault fault_;
};

}  // namespace millrace::conformance
