#include "command/dead_letters.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

#include "base/log.h"
#include "command/command.h"
#include "command/dead_letters_text.h"
#include "command/findings.h"
#include "command/state_lock.h"

namespace millrace {

namespace {

// How many are tried together: the running process answers when all of them have ended.
constexpr size_t kTogether = 100;
constexpr uint64_t kTogetherBytes = 2 * 1024 * 1024;

const BranchConfig* find_branch(const Assembly& assembly, const std::string& name) {
  const auto& branches = assembly.config.branches;
  const auto found = std::ranges::find(branches, name, &BranchConfig::name);
  return found == branches.end() ? nullptr : &*found;
}

int wrong(const std::string& sentence, const std::string& cure) {
  fmt::print(stderr, "error: {}\n  {}\n", sentence, cure);
  return kExitFound;
}

int failed(const Error& error) {
  fmt::print(stderr, "error: {}\n", error.text());
  return kExitFailed;
}

// "mail/7", or "7" where only one branch can be meant.
std::optional<std::pair<std::string, uint64_t>> parse_name(const Assembly& assembly,
                                                           const std::string& branch,
                                                           const std::string& text) {
  const size_t slash = text.rfind('/');
  std::string where = slash == std::string::npos ? branch : text.substr(0, slash);
  if (where.empty() && assembly.config.branches.size() == 1) {
    where = assembly.config.branches.front().name;
  }
  const std::string number = slash == std::string::npos ? text : text.substr(slash + 1);
  uint64_t id = 0;
  const char* end = number.data() + number.size();
  const auto read = std::from_chars(number.data(), end, id);
  const bool is_number = !number.empty() && read.ec == std::errc() && read.ptr == end;
  if (!is_number || find_branch(assembly, where) == nullptr) return std::nullopt;
  return std::pair(where, id);
}

// One call of the command.
class DeadLettersRun {
 public:
  DeadLettersRun(const Assembly& assembly, const DeadLettersArguments& arguments)
      : assembly_(assembly), arguments_(arguments) {}

  int run();

 private:
  using Take = std::function<void(const ListedLetter&, const std::string& line)>;

  int check_arguments();
  bool is_meant(const std::string& branch, uint64_t id) const;
  Result<void> for_each_meant(const Take& take);
  int list();
  int show();
  int change();
  int change_some(const std::string& branch, const LetterIds& ids);
  Result<std::vector<LetterOutcome>> change_here(const std::string& branch,
                                                 const ReplayRequest& request);
  void print_outcome(const std::string& branch, const LetterOutcome& outcome);

  const Assembly& assembly_;
  const DeadLettersArguments& arguments_;
  std::map<std::string, LetterIds> named_;  // by branch
  std::map<std::string, std::unique_ptr<OfflineBranch>> offline_;
  size_t done_ = 0;
  size_t left_ = 0;
};

int DeadLettersRun::check_arguments() {
  if (!arguments_.branch.empty() && find_branch(assembly_, arguments_.branch) == nullptr) {
    return wrong("there is no branch " + arguments_.branch,
                 "see the names in " + assembly_.config.file);
  }
  for (const std::string& name : arguments_.names) {
    const auto parsed = parse_name(assembly_, arguments_.branch, name);
    if (!parsed) {
      return wrong("'" + name + "' names no letter: BRANCH/NUMBER, as in the list",
                   "see them with millrace dead-letters " + assembly_.config.file + " list");
    }
    named_[parsed->first].push_back(parsed->second);
  }
  const bool needs_names = arguments_.action != "list" && !arguments_.all;
  if (needs_names && arguments_.names.empty()) {
    return wrong(arguments_.action + " which letters?",
                 "name them, as in the list" +
                     std::string(arguments_.action == "show" ? "" : ", or say --all"));
  }
  return kExitOk;
}

bool DeadLettersRun::is_meant(const std::string& branch, uint64_t id) const {
  if (!arguments_.branch.empty() && branch != arguments_.branch) return false;
  if (arguments_.names.empty()) return true;
  const auto named = named_.find(branch);
  return named != named_.end() && std::ranges::find(named->second, id) != named->second.end();
}

// Read from the files: they can be read while they are written.
Result<void> DeadLettersRun::for_each_meant(const Take& take) {
  for (const BranchConfig& branch : assembly_.config.branches) {
    const std::string path = dead_letter_options(assembly_, branch).path;
    const auto marks = read_letter_marks(path);
    if (!marks) return Failure(marks.error());
    auto read = for_each_letter(path, [&](uint64_t id, const std::string& line) -> Result<void> {
      const bool is_open = marks->size.contains(id) && !marks->settled.contains(id);
      if (is_open && is_meant(branch.name, id)) {
        take(listed_letter(branch.name, id, line, *marks), line);
      }
      return {};
    });
    if (!read) return read;
  }
  return {};
}

int DeadLettersRun::list() {
  std::vector<ListedLetter> letters;
  auto read = for_each_meant([&](const ListedLetter& letter, const std::string& line) {
    if (arguments_.as_json) fmt::print("{}", letter_json(letter, line));
    letters.push_back(letter);
  });
  if (!read) return failed(read.error());
  if (arguments_.as_json) return kExitOk;
  if (letters.empty()) {
    fmt::print("no dead letters\n");
    return kExitOk;
  }
  fmt::print("{}{} dead letter{}\n", list_text(letters), letters.size(),
             letters.size() == 1 ? "" : "s");
  return kExitOk;
}

int DeadLettersRun::show() {
  size_t shown = 0;
  auto read = for_each_meant([&](const ListedLetter& letter, const std::string& line) {
    if (shown++ > 0 && !arguments_.as_json) fmt::print("\n");
    fmt::print("{}", arguments_.as_json ? letter_json(letter, line) : letter_text(letter, line));
  });
  if (!read) return failed(read.error());
  if (shown > 0 && shown >= arguments_.names.size()) return kExitOk;
  return wrong("not all of these letters are there",
               "see which are with millrace dead-letters " + assembly_.config.file + " list");
}

Result<std::vector<LetterOutcome>> DeadLettersRun::change_here(const std::string& branch,
                                                               const ReplayRequest& request) {
  const BranchConfig& config = *find_branch(assembly_, branch);
  if (arguments_.action == "drop") {
    const auto lock = lock_state(assembly_);
    if (!lock) return Failure(lock.error());
    return FileDeadLetters(dead_letter_options(assembly_, config)).drop(request.ids);
  }
  auto& offline = offline_[branch];
  if (offline == nullptr) {
    auto opened = OfflineBranch::open(assembly_, config);
    if (!opened) return Failure(opened.error());
    offline = std::move(*opened);
  }
  return offline->replay(request);
}

void DeadLettersRun::print_outcome(const std::string& branch, const LetterOutcome& outcome) {
  const bool is_done = outcome.what == LetterOutcome::What::kDone;
  (is_done ? done_ : left_) += 1;
  const std::string name = fmt::format("{}/{}", branch, outcome.id);
  switch (outcome.what) {
    case LetterOutcome::What::kDone:
      return fmt::print("{} {}\n", name,
                        arguments_.action == "drop" ? "is dropped" : "is delivered");
    case LetterOutcome::What::kRefused:
      return fmt::print("{} was refused again: {}\n", name, outcome.message);
    case LetterOutcome::What::kSuperseded:
      return fmt::print(
          "{} stays: its row has changed since, and would be set back; drop it, or "
          "replay it with --force\n",
          name);
    case LetterOutcome::What::kNotPassed:
      return fmt::print("{} stays: its change comes again by itself; try later\n", name);
    case LetterOutcome::What::kUnknown:
      return fmt::print("{} is not there\n", name);
  }
}

int DeadLettersRun::change_some(const std::string& branch, const LetterIds& ids) {
  const ReplayRequest request{.ids = ids, .force = arguments_.force};
  auto outcomes = offline_.contains(branch)
                      ? change_here(branch, request)
                      : ask_dead_letters(assembly_, arguments_.action, branch, request);
  const bool nobody_runs = !outcomes && outcomes.error().kind == ErrorKind::kNotFound;
  if (nobody_runs && !offline_.contains(branch)) outcomes = change_here(branch, request);
  if (!outcomes) return failed(outcomes.error());
  for (const LetterOutcome& outcome : *outcomes)
    print_outcome(branch, outcome);
  return kExitOk;
}

int DeadLettersRun::change() {
  std::map<std::string, std::vector<LetterIds>> chunks;
  std::map<std::string, uint64_t> bytes;
  auto read = for_each_meant([&](const ListedLetter& letter, const std::string&) {
    auto& all = chunks[letter.branch];
    uint64_t& sum = bytes[letter.branch];
    if (all.empty() || all.back().size() >= kTogether || sum + letter.bytes > kTogetherBytes) {
      all.emplace_back();
      sum = 0;
    }
    all.back().push_back(letter.id);
    sum += letter.bytes;
  });
  if (!read) return failed(read.error());
  for (const auto& [branch, all] : chunks) {
    for (const LetterIds& ids : all) {
      if (const int code = change_some(branch, ids); code != kExitOk) return code;
    }
    offline_.erase(branch);  // its lock, for the next branch
  }
  fmt::print("{} {}, {} left\n", done_, arguments_.action == "drop" ? "dropped" : "delivered",
             left_);
  if (done_ + left_ < arguments_.names.size()) {
    return wrong("not all of these letters are there",
                 "see which are with millrace dead-letters " + assembly_.config.file + " list");
  }
  return left_ == 0 ? kExitOk : kExitFound;
}

int DeadLettersRun::run() {
  if (const int code = check_arguments(); code != kExitOk) return code;
  if (arguments_.action == "list") return list();
  return arguments_.action == "show" ? show() : change();
}

}  // namespace

int dead_letters_command(const RunOptions& options, const DeadLettersArguments& arguments) {
  Problems problems;
  const Assembly assembly = read_assembly(options, problems);
  print_problems(problems, stderr);
  if (has_errors(problems)) return kExitFound;
  log::configure(log::Level::kError, assembly.options.log_format);  // the answer says it all
  return DeadLettersRun(assembly, arguments).run();
}

}  // namespace millrace
