#include <fmt/format.h>

#include <algorithm>

#include "assembly.h"
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

void check_outside(const Assembly& assembly, Problems& problems) {
  const Problems source = preflight(assembly.source, assembly.config.source_prefix);
  problems.insert(problems.end(), source.begin(), source.end());
  for (const BranchConfig& branch : assembly.config.branches) {
    const SinkPlugin& plugin = *find_sink_plugin(branch.sink);
    SinkContext context{.pipeline = assembly.config.name,
                        .branch = branch.name,
                        .state_folder = assembly.options.state_folder};
    const Problems sink = plugin.check({assembly.config, branch, std::move(context)});
    problems.insert(problems.end(), sink.begin(), sink.end());
  }
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
