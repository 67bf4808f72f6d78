// millrace dead-letters: what sinks have refused, shown, tried again, or given up.
#pragma once

#include <string>
#include <vector>

#include "assembly.h"
#include "pipeline/replay.h"
#include "wire/http/http_server.h"

namespace millrace {

struct DeadLettersArguments {
  std::string action = "list";     // list, show, replay, drop
  std::vector<std::string> names;  // BRANCH/NUMBER, or NUMBER
  std::string branch;
  bool all = false;
  bool force = false;
  bool as_json = false;
};

int dead_letters_command(const RunOptions& options, const DeadLettersArguments& arguments);

// POST /dead-letters/replay or /drop. Body: a line with the branch, one with "force" or nothing,
// and one for each id. 200 {"letters":[{"id":7,"outcome":"done","message":"…"}]}, else {"error":…}.
http::Response answer_dead_letters(Pipeline& pipeline, const http::Request& request);

// The same from the command's side. kNotFound: nobody runs.
Result<std::vector<LetterOutcome>> ask_dead_letters(const Assembly& assembly,
                                                    const std::string& action,
                                                    const std::string& branch,
                                                    const ReplayRequest& request);

// A branch that this process runs for a replay, while nobody else runs the pipeline.
class OfflineBranch {
 public:
  // Opens the sink, or says why it cannot.
  static Result<std::unique_ptr<OfflineBranch>> open(const Assembly& assembly,
                                                     const BranchConfig& branch);
  ~OfflineBranch();

  Result<std::vector<LetterOutcome>> replay(const ReplayRequest& request);

 private:
  OfflineBranch(const Assembly& assembly, AppendFile lock);
  Result<void> find_progress(OffsetStore* store);

  AppendFile lock_;
  MemoryBudget budget_;
  std::unique_ptr<Branch> branch_;
  uint64_t next_seq_ = 1;
};

}  // namespace millrace
