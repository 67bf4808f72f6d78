#include "command/findings.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/json_text.h"

namespace millrace {

namespace {

struct Colours {
  const char* error = "";
  const char* warning = "";
  const char* dim = "";
  const char* off = "";
};

Colours colours_for(std::FILE* out) {
  const bool wanted =
      ::isatty(::fileno(out)) != 0 &&
      std::getenv("NO_COLOR") == nullptr;  // NOLINT(concurrency-mt-unsafe): before any thread
  if (!wanted) return {};
  return {"\033[1;31m", "\033[1;33m", "\033[2m", "\033[0m"};
}

}  // namespace

void print_problems(const Problems& problems, std::FILE* out) {
  const Colours colours = colours_for(out);
  for (const Problem& problem : problems) {
    const bool error = problem.severity == Problem::Severity::kError;
    std::string line = fmt::format("{}{}{}: ", error ? colours.error : colours.warning,
                                   error ? "error" : "warning", colours.off);
    if (!problem.key.empty()) line += problem.key + ": ";
    line += problem.message;
    if (!problem.origin.empty())
      line += fmt::format(" {}({}){}", colours.dim, problem.origin, colours.off);
    line += '\n';
    if (!problem.cure.empty()) line += fmt::format("  cure: {}\n", problem.cure);
    std::fputs(line.c_str(), out);
  }
}

std::string problems_json(const Problems& problems) {
  std::string findings;
  for (const Problem& problem : problems) {
    const bool error = problem.severity == Problem::Severity::kError;
    findings += fmt::format(R"({}{{"severity":"{}","key":{},"origin":{},"message":{},"cure":{}}})",
                            findings.empty() ? "" : ",", error ? "error" : "warning",
                            json_quoted(problem.key), json_quoted(problem.origin),
                            json_quoted(problem.message), json_quoted(problem.cure));
  }
  const auto errors = std::count_if(problems.begin(), problems.end(), [](const Problem& problem) {
    return problem.severity == Problem::Severity::kError;
  });
  return fmt::format(R"({{"findings":[{}],"errors":{},"warnings":{}}})", findings, errors,
                     static_cast<std::ptrdiff_t>(problems.size()) - errors);
}

}  // namespace millrace
