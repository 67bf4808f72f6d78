// One file → PipelineConfig: read as flat keys, --set laid over them, variables resolved, then
// taken apart by form.
#include <filesystem>

#include "config/flat_file.h"
#include "config/pipeline_config.h"
#include "config/pipeline_forms.h"
#include "config/text_file.h"
#include "config/variables.h"

namespace millrace {

namespace {

bool is_debezium_server(const Settings& settings) {
  return !settings.below("debezium.source.").empty() || !settings.below("debezium.sink.").empty();
}

// A key that stands twice is an error in our own form; Java's readers let the later one win.
Settings settings_of(const FlatFile& flat, const PipelineConfig& config, Problems& problems) {
  Settings out;
  for (const FlatEntry& entry : flat.entries) {
    if (const Setting* first = out.find(entry.key)) {
      const bool error = config.form == ConfigForm::kToml;
      problems.push_back({error ? Problem::Severity::kError : Problem::Severity::kWarning,
                          entry.key, place(config.file, entry.line),
                          error
                              ? "is set already at " + first->origin
                              : "is set already at " + first->origin + "; this later value counts",
                          "remove one of them"});
    }
    out.set(entry.key, entry.value, place(config.file, entry.line));
  }
  return out;
}

bool read_form(const std::string& file, ConfigForm& form, Problems& problems) {
  const std::string ending = std::filesystem::path(file).extension().string();
  if (ending == ".toml") {
    form = ConfigForm::kToml;
  } else if (ending == ".json") {
    form = ConfigForm::kJson;
  } else if (ending == ".properties") {
    form = ConfigForm::kProperties;
  } else {
    problems.push_back({Problem::Severity::kError, "", file,
                        "the file's name does not say what it is",
                        "name it .toml (millrace's own form), .json (a Connect connector) or "
                        ".properties (Debezium Server, Connect standalone)"});
    return false;
  }
  return true;
}

FlatFile read_flat(std::string_view text, const PipelineConfig& config, Problems& problems) {
  switch (config.form) {
    case ConfigForm::kToml:
      return read_toml(text, config.file, problems);
    case ConfigForm::kJson:
      return read_connector_json(text, config.file, problems);
    case ConfigForm::kProperties:
      return read_properties(text, config.file, problems);
  }
  return {};
}

}  // namespace

std::string PipelineConfig::sink_prefix(const BranchConfig& branch) const {
  if (form == ConfigForm::kToml) return "branch." + branch.name + ".sink.";
  return source_prefix.empty() ? "" : "debezium.sink." + branch.sink + ".";
}

std::string offset_owner(const PipelineConfig& config, const BranchConfig& branch) {
  return config.form == ConfigForm::kToml ? config.name + "/" + branch.name : config.name;
}

PipelineConfig load_pipeline(const RunOptions& options, Problems& problems) {
  PipelineConfig config;
  config.file = options.file;
  config.name = std::filesystem::path(options.file).stem().string();
  if (!read_form(options.file, config.form, problems)) return config;
  const auto text = read_text_file(options.file);
  if (!text) {
    problems.push_back(
        {Problem::Severity::kError, "", options.file, text.error().message, text.error().cure});
    return config;
  }
  const size_t problems_before = problems.size();
  const FlatFile flat = read_flat(*text, config, problems);
  // Of a text that cannot be parsed nothing more can be said.
  if (flat.entries.empty() && problems.size() > problems_before) return config;
  Settings all = settings_of(flat, config, problems);
  for (const auto& [key, value] : options.set)
    all.set(key, value, "--set");
  resolve_variables(all, problems);
  if (config.form == ConfigForm::kToml) {
    take_toml(all, flat.sections, options, config, problems);
  } else if (is_debezium_server(all)) {
    take_debezium_server(all, options, config, problems);
  } else {
    take_connector(std::move(all), options, config, problems);
  }
  return config;
}

}  // namespace millrace
