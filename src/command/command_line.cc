#include "command/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <span>

#include "command/command.h"
#include "command/dead_letters.h"
#include "config/nearest.h"
#include "registry.h"

namespace millrace {

namespace {

constexpr const char* kVersion = "0.1.0";

constexpr const char* kAbout =
    "Carries every committed change of a PostgreSQL database to where it is needed.\n\n"
    "A FILE describes one pipeline:\n"
    "  .toml        our own form: [source], [branch.NAME], [branch.NAME.sink]\n"
    "  .json        a Debezium connector as it is posted to Kafka Connect\n"
    "  .properties  Debezium Server, or Connect standalone";

constexpr const char* kExitCodes =
    "Exit codes: 0 done, 1 the configuration is wrong or something was found, 2 wrong usage,\n"
    "            3 stopped before everything was delivered (nothing is lost), 4 failed while "
    "running";

// key=value, the key not empty.
std::string check_pair(const std::string& text) {
  const size_t equals = text.find('=');
  return equals == std::string::npos || equals == 0 ? "'" + text + "' is not KEY=VALUE" : "";
}

// Of CLI11's options, which keep references to it.
struct Arguments : CommandLine {
  std::vector<std::string> set;
};

void add_file(CLI::App& command, Arguments& arguments) {
  command.add_option("FILE", arguments.run.file, "The pipeline: .toml, .json or .properties")
      ->required();
  command
      .add_option("--set", arguments.set, "Replace a setting: --set KEY=VALUE, as often as needed")
      ->check(check_pair)
      ->type_name("KEY=VALUE");
}

std::string sink_list() {
  std::string out = "Sinks:\n";
  for (const SinkPlugin& sink : sink_plugins()) {
    out += "  " + std::string(sink.name) + std::string(10 - sink.name.size(), ' ') +
           std::string(sink.summary) + "\n";
  }
  return out;
}

CLI::App* add_run(CLI::App& app, Arguments& arguments) {
  auto* run = app.add_subcommand("run", "Run a pipeline in the foreground until SIGTERM");
  add_file(*run, arguments);
  run->add_option("--to", arguments.run.to, "Deliver to this sink instead of the file's")
      ->type_name("SINK");
  run->footer(sink_list() +
              "\nExamples:\n"
              "  millrace run examples/shop/pipeline.toml\n"
              "  millrace run connector.json --to stdout\n"
              "  millrace run connector.json --to kafka --set bootstrap.servers=127.0.0.1:9092");
  return run;
}

CLI::App* add_check(CLI::App& app, Arguments& arguments) {
  auto* check = app.add_subcommand(
      "check", "Say what would go wrong, each with its cure; exit 1 on an error");
  add_file(*check, arguments);
  check->add_option("--to", arguments.run.to, "Check this sink instead")->type_name("SINK");
  check->add_flag("--json", arguments.as_json, "Findings as JSON");
  return check;
}

CLI::App* add_verify(CLI::App& app, Arguments& arguments) {
  auto* verify = app.add_subcommand(
      "verify", "Compare source tables with what a sink holds; exit 1 on a difference");
  add_file(*verify, arguments);
  verify->add_option("--branch", arguments.branch, "Only this branch")->type_name("NAME");
  verify->add_flag("--json", arguments.as_json, "The result as JSON");
  return verify;
}

CLI::App* add_query(CLI::App& app, Arguments& arguments) {
  auto* query = app.add_subcommand(
      "query", "Read-only SQL on the DuckDB warehouse, also while it is being written");
  add_file(*query, arguments);
  query->add_option("SQL", arguments.sql, "The statement")->required();
  query->add_option("--format", arguments.format, "table, csv or json")
      ->check(CLI::IsMember({"table", "csv", "json"}))
      ->capture_default_str();
  return query;
}

constexpr const char* kDeadLettersHelp =
    "A change that a sink refuses for what it is (a value that it cannot hold, an address that is\n"
    "none) waits in the branch's dead letters while the branch goes on.\n\n"
    "Actions:\n"
    "  list      what waits, and why (also without an action)\n"
    "  show      everything about these, with the row's values\n"
    "  replay    hand them to the sink once more, after the cause is mended; what is refused again "
    "stays\n"
    "  drop      give them up\n\n"
    "A LETTER is BRANCH/NUMBER as in the list; NUMBER alone where only one branch can be meant.\n"
    "A letter whose row has changed since is superseded: a sink that keeps rows would be set back "
    "by it,\n"
    "so replay leaves it alone unless --force is given.\n\n"
    "Examples:\n"
    "  millrace dead-letters pipeline.toml\n"
    "  millrace dead-letters pipeline.toml show mail/7\n"
    "  millrace dead-letters pipeline.toml replay mail/7 mail/8\n"
    "  millrace dead-letters pipeline.toml replay --all --branch mail\n"
    "  millrace dead-letters pipeline.toml list --json | jq .change.after\n\n"
    "Exit codes: 0 done, 1 some letters stay (refused again, superseded, not there), 2 wrong "
    "usage,\n            4 failed. list and show work at any time; replay and drop go through the "
    "running\n            process, or work by themselves where none runs.";

CLI::App* add_dead_letters(CLI::App& app, Arguments& arguments) {
  auto* command = app.add_subcommand(
      "dead-letters", "List, replay or drop what sinks have refused; exit 1 when some stay");
  DeadLettersArguments& out = arguments.dead_letters;
  add_file(*command, arguments);
  command->add_option("ACTION", out.action, "list, show, replay or drop")
      ->check(CLI::IsMember({"list", "show", "replay", "drop"}))
      ->capture_default_str();
  command->add_option("LETTER", out.names, "BRANCH/NUMBER, as in the list");
  command->add_option("--to", arguments.run.to, "As the pipeline is run")->type_name("SINK");
  command->add_option("--branch", out.branch, "Only this branch")->type_name("NAME");
  command->add_flag("--all", out.all, "All letters (of the branch), for replay and drop");
  command->add_flag("--force", out.force, "Replay superseded letters too");
  command->add_flag("--json", out.as_json, "A line of JSON a letter, for list and show");
  command->footer(kDeadLettersHelp);
  return command;
}

// A first word that is no command, which CLI11 would only call a missing one; "" when there is
// nothing to say.
std::string unknown_command(const CLI::App& app, int argc, const char* const* argv) {
  if (argc < 2 || argv[1][0] == '-') return "";
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({}))
    names.push_back(command->get_name());
  if (std::find(names.begin(), names.end(), argv[1]) != names.end()) return "";
  const auto near = nearest_name(argv[1], std::span<const std::string>(names));
  return std::string("millrace: there is no command '") + argv[1] + "'" +
         (near ? "; did you mean " + *near + "?" : "") + " See millrace --help.\n";
}

void take_settings(Arguments& arguments) {
  for (const std::string& pair : arguments.set) {
    const size_t equals = pair.find('=');
    arguments.run.set.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
  }
}

}  // namespace

std::expected<CommandLine, int> parse_command_line(int argc, const char* const* argv) {
  CLI::App app(kAbout, "millrace");
  app.set_version_flag("--version", std::string("millrace ") + kVersion);
  app.footer(kExitCodes);
  app.require_subcommand(1);
  Arguments arguments;
  add_run(app, arguments);
  const auto* check = add_check(app, arguments);
  const auto* verify = add_verify(app, arguments);
  const auto* dead_letters = add_dead_letters(app, arguments);
  const auto* query = add_query(app, arguments);
  if (const std::string unknown = unknown_command(app, argc, argv); !unknown.empty()) {
    std::fputs(unknown.c_str(), stderr);
    return std::unexpected(kExitUsage);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return std::unexpected(app.exit(error) == 0 ? kExitOk : kExitUsage);
  }
  take_settings(arguments);
  if (check->parsed()) arguments.command = CommandName::kCheck;
  if (verify->parsed()) arguments.command = CommandName::kVerify;
  if (query->parsed()) arguments.command = CommandName::kQuery;
  if (dead_letters->parsed()) arguments.command = CommandName::kDeadLetters;
  return CommandLine(std::move(arguments));
}

int command_line(int argc, char** argv) {
  const auto line = parse_command_line(argc, argv);
  if (!line) return line.error();
  switch (line->command) {
    case CommandName::kRun:
      return run_command(line->run);
    case CommandName::kCheck:
      return check_command(line->run, line->as_json);
    case CommandName::kVerify:
      return verify_command(line->run, line->branch, line->as_json);
    case CommandName::kDeadLetters:
      return dead_letters_command(line->run, line->dead_letters);
    case CommandName::kQuery:
      return query_command(line->run, line->sql, line->format);
  }
  return kExitUsage;
}

}  // namespace millrace
