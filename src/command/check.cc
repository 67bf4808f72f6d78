#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "assembly.h"
#include "base/durable_file.h"
#include "command/command.h"
#include "command/findings.h"
#include "registry.h"
#include "source/postgres/preflight.h"
#include "wire/http/unix_client.h"

namespace millrace {

namespace {

// A pipeline that is running holds its slot and its files itself: looked at from outside they seem
// taken.
bool is_running(const Assembly& assembly) {
  return http::request_unix(control_socket(assembly), "GET", "/status", "").has_value();
}

void append(Problems& problems, Problems more) {
  problems.insert(problems.end(), std::make_move_iterator(more.begin()),
                  std::make_move_iterator(more.end()));
}

// What each branch has, for the comparison with the slot. Where that cannot be read, the run could
// not start either: one problem a cause.
std::vector<BranchProgress> read_progress(const Assembly& assembly, Problems& problems) {
  std::vector<BranchProgress> out;
  for (const BranchConfig& branch : assembly.config.branches) {
    auto stored = stored_progress(assembly, branch);
    if (!stored) {
      problems.push_back({.key = "",
                          .origin = {},
                          .message = "branch " + branch.name + ": " + stored.error().message,
                          .cure = stored.error().cure});
    }
    const bool fresh = !stored || stored->empty();
    BranchProgress& progress = out.emplace_back();
    progress.branch = branch.name;
    if (!fresh) progress.progress = std::move(*stored);
  }
  return out;
}

void check_state_folder(const Assembly& assembly, Problems& problems) {
  const std::string& folder = assembly.options.state_folder;
  const auto fine = check_creatable(folder + "/" + assembly.config.name + ".lock");
  if (fine) return;
  problems.push_back({.key = "state.folder",
                      .origin = {},
                      .message = fine.error().message,
                      .cure = fine.error().cure});
}

Problems check_sink(const Assembly& assembly, const BranchConfig& branch,
                    std::span<const TableSchema> captured) {
  SinkContext context{.pipeline = assembly.config.name,
                      .branch = branch.name,
                      .state_folder = assembly.options.state_folder};
  return find_sink_plugin(branch.sink)
      ->check({assembly.config, branch, std::move(context), captured});
}

void check_outside(const Assembly& assembly, Problems& problems) {
  check_state_folder(assembly, problems);
  Problems unreadable;
  const auto progress = read_progress(assembly, unreadable);
  auto source = preflight(assembly.source, progress, assembly.config.source_prefix);
  append(problems, std::move(source.problems));
  for (const BranchConfig& branch : assembly.config.branches)
    append(problems, check_sink(assembly, branch, source.captured));
  // What the sink says itself has the setting's name.
  std::erase_if(unreadable, [&](const Problem& problem) {
    return std::ranges::any_of(
        problems, [&](const Problem& told) { return problem.message.ends_with(told.message); });
  });
  append(problems, std::move(unreadable));
}

void print_summary(const Assembly& assembly, const Problems& problems, bool running) {
  const auto errors = std::count_if(problems.begin(), problems.end(), [](const Problem& problem) {
    return problem.severity == Problem::Severity::kError;
  });
  const auto warnings = static_cast<std::ptrdiff_t>(problems.size()) - errors;
  if (running)
    fmt::print("{} is running now: see its /status for how it fares\n", assembly.config.name);
  fmt::print("{}: {} error{}, {} warning{}\n", errors == 0 ? "ready" : "not ready", errors,
             errors == 1 ? "" : "s", warnings, warnings == 1 ? "" : "s");
}

}  // namespace

int check_command(const RunOptions& options, bool as_json) {
  Problems problems;
  const Assembly assembly = read_assembly(options, problems);
  bool running = false;
  if (!has_errors(problems)) {
    running = is_running(assembly);
    if (!running) check_outside(assembly, problems);
  }
  std::stable_sort(problems.begin(), problems.end(),
                   [](const Problem& a, const Problem& b) { return a.severity < b.severity; });
  if (as_json) {
    fmt::print("{}\n", problems_json(problems));
  } else {
    print_problems(problems, stdout);
    print_summary(assembly, problems, running);
  }
  return has_errors(problems) ? kExitFound : kExitOk;
}

}  // namespace millrace
