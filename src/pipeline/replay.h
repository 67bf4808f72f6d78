// Tries refused changes of a branch again, through the branch itself: its sql or converter, and its
// sink. Whoever runs the branch says how a batch is handed to it.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "pipeline/branch.h"

namespace millrace {

struct ReplayRequest {
  LetterIds ids;
  bool force = false;  // also where the row has changed since
};

// Gives the batch to the branch, soon. May be called from any thread.
using HandOverReplay = std::function<void(std::shared_ptr<Batch> batch)>;

// What became of each letter. kUnreachable when the branch is not running, or not done by the
// deadline (then it goes on by itself); kBusy while another replay is under way.
Result<std::vector<LetterOutcome>> replay_letters(Branch& branch, const ReplayRequest& request,
                                                  const HandOverReplay& hand_over,
                                                  MemoryBudget* budget, SteadyTime deadline);

}  // namespace millrace
