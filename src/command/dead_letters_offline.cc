#include <thread>

#include "command/dead_letters.h"
#include "command/state_lock.h"

namespace millrace {

namespace {

constexpr Millis kOpenPatience{15000};
constexpr Millis kReplayPatience{120000};
constexpr Millis kLookEvery{5};

}  // namespace

OfflineBranch::OfflineBranch(const Assembly& assembly, AppendFile lock)
    : lock_(std::move(lock)), budget_(static_cast<size_t>(assembly.options.memory_max.value)) {}

OfflineBranch::~OfflineBranch() {
  if (branch_ != nullptr) branch_->stop();
}

Result<std::unique_ptr<OfflineBranch>> OfflineBranch::open(const Assembly& assembly,
                                                           const BranchConfig& branch) {
  auto lock = lock_state(assembly);
  if (!lock) return Failure(lock.error());
  std::unique_ptr<OfflineBranch> out(new OfflineBranch(assembly, std::move(*lock)));
  auto built = build_branch(assembly, branch, out->budget_);
  if (!built) return Failure(built.error());
  out->branch_ = std::make_unique<Branch>(std::move(built->options), std::move(built->parts));
  out->branch_->start();
  if (auto found = out->find_progress(built->store.get()); !found) return Failure(found.error());
  return out;
}

// Where the branch stands, from its sink or its store: letters beyond that come again by
// themselves.
Result<void> OfflineBranch::find_progress(OffsetStore* store) {
  const SteadyTime deadline = steady_now() + kOpenPatience;
  while (!branch_->opened()) {
    const BranchStatus status = branch_->status();
    const bool is_over = status.state == BranchState::kFailed || steady_now() >= deadline;
    if (is_over)
      return fail(ErrorKind::kUnreachable, "branch " + status.name + ": " + status.error);
    std::this_thread::sleep_for(kLookEvery);
  }
  if (const auto own = branch_->sink_progress()) {
    branch_->begin_after(*own);
    return {};
  }
  auto stored = store->load();
  if (!stored) return Failure(stored.error());
  branch_->begin_after(*stored);
  return {};
}

Result<std::vector<LetterOutcome>> OfflineBranch::replay(const ReplayRequest& request) {
  return replay_letters(
      *branch_, request,
      [this](const std::shared_ptr<Batch>& batch) {
        batch->seq = next_seq_++;
        batch->account();
        branch_->offer(batch, false);
      },
      &budget_, steady_now() + kReplayPatience);
}

}  // namespace millrace
