#include "pipeline/replay.h"

#include <algorithm>

namespace millrace {

namespace {

constexpr Millis kLookEvery{100};

Result<void> check_running(const Branch& branch) {
  const BranchStatus status = branch.status();
  if (status.state == BranchState::kRunning) return {};
  return fail(ErrorKind::kUnreachable,
              "branch " + status.name + " is " + std::string(name(status.state)) +
                  (status.error.empty() ? "" : ": " + status.error),
              status.state == BranchState::kFailed ? "mend that and start it again first"
                                                   : "try again once it is running");
}

Result<std::vector<LetterOutcome>> wait_for(Branch& branch, uint64_t number, SteadyTime deadline) {
  while (true) {
    const BranchState state = branch.state();  // before the look: what ends with it counts
    auto ended =
        branch.dead_letters()->wait_replay(number, std::min(deadline, steady_now() + kLookEvery));
    if (ended) return std::move(*ended);
    if (state == BranchState::kFailed || state == BranchState::kDone) {
      return Failure(check_running(branch).error());
    }
    if (steady_now() < deadline) continue;
    return fail(
        ErrorKind::kUnreachable, "the replay has not ended yet",
        "it goes on by itself: see later what is left with millrace dead-letters FILE list");
  }
}

}  // namespace

Result<std::vector<LetterOutcome>> replay_letters(Branch& branch, const ReplayRequest& request,
                                                  const HandOverReplay& hand_over,
                                                  MemoryBudget* budget, SteadyTime deadline) {
  std::vector<LetterOutcome> outcomes;
  // What the sink has refused must not pass the branch's sql once more; what the sql has refused
  // must.
  for (const bool shaped : {true, false}) {
    if (auto running = check_running(branch); !running) return Failure(running.error());
    auto replay = branch.dead_letters()->begin_replay(request.ids, branch.status().durable, shaped,
                                                      request.force, budget);
    if (!replay) return Failure(replay.error());
    outcomes.insert(outcomes.end(), replay->outcomes.begin(), replay->outcomes.end());
    if (replay->number == 0) continue;
    hand_over(std::move(replay->batch));
    auto ended = wait_for(branch, replay->number, deadline);
    if (!ended) return ended;
    outcomes.insert(outcomes.end(), ended->begin(), ended->end());
  }
  std::ranges::sort(outcomes, {}, &LetterOutcome::id);
  return outcomes;
}

}  // namespace millrace
