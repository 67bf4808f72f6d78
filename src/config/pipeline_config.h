// A pipeline as its file describes it: one source, one or more branches. Text → this is load.cc's
// work; the components' own settings are parsed by their tables (registry.cc knows which).
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "config/field.h"
#include "config/settings.h"

namespace millrace {

enum class ConfigForm : uint8_t { kToml, kJson, kProperties };

struct BranchConfig {
  std::string name;
  // Regexes on schema.table, as in table.include.list; empty: all captured.
  std::vector<std::string> tables;
  // Statement per table: {table regex, SQL}; a single `sql` has the table regex "".
  std::vector<std::pair<std::string, std::string>> sql;
  std::string after;  // branch that must have made a batch durable first
  std::string sink;   // registry name: kafka, duckdb, email, file, stdout
  // What stands below [branch.NAME.sink], without `type` (.json, .properties: all keys of the
  // connector).
  Settings sink_settings;
};

struct PipelineConfig {
  // .toml: `name`, else the file's without its ending; a connector's name; Debezium Server: its
  // sink's type.
  std::string name;
  ConfigForm form = ConfigForm::kToml;
  std::string file;
  Settings source;  // Debezium's key names, 1.x names already replaced
  // pipeline_options.h and what the offset stores know (.json, .properties: all keys of the
  // connector).
  Settings common;
  std::vector<BranchConfig> branches;
  // What stands before a source setting's name in the file: "source.", "debezium.source.", "".
  std::string source_prefix;

  // The same for a branch's sink settings: "branch.mail.sink.", "debezium.sink.kafka.", "".
  std::string sink_prefix(const BranchConfig& branch) const;
};

struct RunOptions {
  std::string file;
  std::string to;                                        // --to SINK; replaces the branches' sinks
  std::vector<std::pair<std::string, std::string>> set;  // --set key=value, later wins
};

// Under which name a branch's offsets are kept: a connector's, as Debezium does, or
// "<pipeline>/<branch>".
std::string offset_owner(const PipelineConfig& config, const BranchConfig& branch);

// Reads and checks what can be checked without the components; all problems at once. A file that
// cannot be read or parsed is one problem with line and column. Call it before any thread starts:
// it reads the environment.
PipelineConfig load_pipeline(const RunOptions& options, Problems& problems);

}  // namespace millrace
