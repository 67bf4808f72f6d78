#include <fmt/format.h>
#include <simdjson.h>

#include <charconv>
#include <sstream>

#include "base/json_text.h"
#include "command/dead_letters.h"
#include "wire/http/unix_client.h"

namespace millrace {

namespace {

constexpr Millis kReplayPatience{60000};
constexpr LetterOutcome::What kOutcomes[] = {
    LetterOutcome::What::kDone, LetterOutcome::What::kRefused, LetterOutcome::What::kSuperseded,
    LetterOutcome::What::kNotPassed, LetterOutcome::What::kUnknown};

std::string to_json(const std::vector<LetterOutcome>& outcomes) {
  std::string out = R"({"letters":[)";
  for (const LetterOutcome& outcome : outcomes) {
    if (!out.ends_with('[')) out += ',';
    out += fmt::format(R"({{"id":{},"outcome":"{}","message":{}}})", outcome.id, name(outcome.what),
                       json_quoted(outcome.message));
  }
  return out + "]}";
}

Result<std::vector<LetterOutcome>> outcomes_from_json(const std::string& json) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  simdjson::dom::array letters;
  const bool is_list = parser.parse(json).get(root) == simdjson::SUCCESS &&
                       root["letters"].get(letters) == simdjson::SUCCESS;
  if (!is_list) return fail(ErrorKind::kProtocol, "the running process answers something else");
  std::vector<LetterOutcome> out;
  for (const auto letter : letters) {
    LetterOutcome outcome;
    std::string_view what;
    std::string_view message;
    if (letter["id"].get(outcome.id) != simdjson::SUCCESS) continue;
    if (letter["outcome"].get(what) != simdjson::SUCCESS) continue;
    if (letter["message"].get(message) == simdjson::SUCCESS) outcome.message = message;
    for (const LetterOutcome::What known : kOutcomes) {
      if (name(known) == what) outcome.what = known;
    }
    out.push_back(std::move(outcome));
  }
  return out;
}

Error error_from_json(const std::string& json) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  std::string_view message = json;
  std::string_view cure;
  if (parser.parse(json).get(root) == simdjson::SUCCESS) {
    if (root["error"].get(message) != simdjson::SUCCESS) message = json;
    if (root["cure"].get(cure) != simdjson::SUCCESS) cure = {};
  }
  return Error(ErrorKind::kBusy, std::string(message), std::string(cure));
}

}  // namespace

http::Response answer_dead_letters(Pipeline& pipeline, const http::Request& request) {
  std::istringstream body(request.body);
  std::string branch;
  std::string line;
  std::getline(body, branch);
  std::getline(body, line);
  ReplayRequest replay{.ids = {}, .force = line == "force"};
  while (std::getline(body, line)) {
    uint64_t id = 0;
    std::from_chars(line.data(), line.data() + line.size(), id);
    replay.ids.push_back(id);
  }
  const auto outcomes = request.path == "/dead-letters/drop"
                            ? pipeline.drop_letters(branch, replay.ids)
                            : pipeline.replay(branch, replay, steady_now() + kReplayPatience);
  if (outcomes) return {200, "application/json", to_json(*outcomes)};
  return {503, "application/json",
          fmt::format(R"({{"error":{},"cure":{}}})", json_quoted(outcomes.error().message),
                      json_quoted(outcomes.error().cure))};
}

Result<std::vector<LetterOutcome>> ask_dead_letters(const Assembly& assembly,
                                                    const std::string& action,
                                                    const std::string& branch,
                                                    const ReplayRequest& request) {
  const std::string body = fmt::format("{}\n{}\n{}\n", branch, request.force ? "force" : "",
                                       fmt::join(request.ids, "\n"));
  auto answer =
      http::request_unix(control_socket(assembly), "POST", "/dead-letters/" + action, body);
  if (!answer) return Failure(answer.error());
  if (answer->status != 200) return Failure(error_from_json(answer->body));
  return outcomes_from_json(answer->body);
}

}  // namespace millrace
