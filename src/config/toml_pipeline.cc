#include <algorithm>
#include <array>

#include "config/nearest.h"
#include "config/old_names.h"
#include "config/pipeline_forms.h"
#include "config/pipeline_options.h"
#include "config/postgres_class.h"
#include "config/table_pattern.h"

namespace millrace {

namespace {

constexpr std::string_view kSource = "source.";
constexpr std::string_view kBranch = "branch.";
constexpr std::array<std::string_view, 5> kBranchKeys = {"tables", "sql", "after", "transforms",
                                                         "sink"};

bool is_branch_name(std::string_view name) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
  return !name.empty() && name.find_first_not_of(kAllowed) == std::string_view::npos;
}

bool is_of_a_branch(std::string_view key) {
  return key.starts_with(kBranch) && key != kLagMaxKey;
}

// Of "branch.mail.sink.type": "mail".
std::string_view branch_of(std::string_view key) {
  key.remove_prefix(kBranch.size());
  return key.substr(0, key.find('.'));
}

class TomlPipeline {
 public:
  TomlPipeline(const Settings& all, const RunOptions& options, PipelineConfig& config,
               Problems& problems)
      : all_(all), options_(options), config_(config), problems_(problems) {}

  void take(const std::vector<FlatEntry>& sections) {
    config_.source_prefix = kSource;
    take_source(sections);
    take_common();
    find_branches(sections);
    for (BranchConfig& branch : config_.branches)
      take_branch(branch);
    for (const BranchConfig& branch : config_.branches)
      check_after(branch);
  }

 private:
  void error(std::string key, std::string origin, std::string message, std::string cure) {
    problems_.push_back({Problem::Severity::kError, std::move(key), std::move(origin),
                         std::move(message), std::move(cure)});
  }

  void take_source(const std::vector<FlatEntry>& sections) {
    config_.source = all_.below(kSource);
    const bool there = std::ranges::find(sections, "source", &FlatEntry::key) != sections.end();
    if (!there && config_.source.empty()) {
      error("source", config_.file, "is missing: the pipeline has no source",
            "add [source] with database.hostname, database.dbname, topic.prefix …");
    }
    for (const auto& [key, setting] : all_.below(kSource)) {
      const auto now = todays_name(key);
      if (!now) continue;
      error("source." + key, setting.origin, "is a Debezium 1.x name",
            "write source." + std::string(*now));
      config_.source.erase(key);
    }
    check_connector_class(config_.source, kSource, problems_);
  }

  void take_common() {
    for (const auto& [key, setting] : all_) {
      if (key.starts_with(kSource) || is_of_a_branch(key)) continue;
      if (key == "source" || key == "branch") {
        error(key, setting.origin, "must be a table", "write [" + key + "…] and keys below it");
        continue;
      }
      config_.common.set(key, setting.value, setting.origin, setting.hidden);
    }
    const Setting* name = config_.common.find("name");
    if (name != nullptr) config_.name = name->value;
    if (is_branch_name(config_.name)) return;
    error("name", name == nullptr ? config_.file : name->origin,
          "must consist of letters, digits, '_' and '-'", "set name = \"my-pipeline\"");
  }

  // In the file's order; then those that --set or quoted keys alone name.
  void find_branches(const std::vector<FlatEntry>& sections) {
    for (const FlatEntry& section : sections) {
      const bool is_lag_max = kLagMaxKey.starts_with(section.key + ".");
      if (section.key.starts_with(kBranch) && !is_lag_max) add_branch(branch_of(section.key));
    }
    for (const auto& [key, setting] : all_) {
      if (!is_of_a_branch(key)) continue;
      const std::string_view name = branch_of(key);
      if (setting.origin != "--set") {
        add_branch(name);
      } else if (find_branch(name) == nullptr) {
        no_such_branch(key, setting, name);
      }
    }
    if (!config_.branches.empty()) return;
    error("branch", config_.file, "is missing: the pipeline has no branch",
          "add [branch.NAME] with [branch.NAME.sink] and its type");
  }

  void add_branch(std::string_view name) {
    if (find_branch(name) != nullptr) return;
    config_.branches.emplace_back().name = name;
    if (is_branch_name(name)) return;
    error("branch." + std::string(name), config_.file,
          "a branch's name must consist of letters, digits, '_' and '-'", "rename it");
  }

  const BranchConfig* find_branch(std::string_view name) const {
    const auto found = std::ranges::find(config_.branches, name, &BranchConfig::name);
    return found == config_.branches.end() ? nullptr : &*found;
  }

  void no_such_branch(const std::string& key, const Setting& setting, std::string_view name) {
    std::vector<std::string> names;
    names.reserve(config_.branches.size());
    for (const BranchConfig& branch : config_.branches)
      names.push_back(branch.name);
    const auto near = nearest_name(name, std::span<const std::string>(names));
    error(key, setting.origin, "there is no branch " + std::string(name),
          near ? "did you mean branch." + *near + "?" : "name a branch of the file");
  }

  void take_branch(BranchConfig& branch) {
    const std::string prefix = std::string(kBranch) + branch.name + ".";
    const Settings keys = all_.below(prefix);
    for (const auto& [key, setting] : keys)
      take_branch_key(branch, prefix, key, setting);
    branch.sink_settings = keys.below("sink.");
    if (branch.sql.size() > 1 && keys.find("sql") != nullptr) {
      error(prefix + "sql", keys.find("sql")->origin,
            "is one statement and also statements per table", "keep one of the two");
    }
    take_sink(branch, prefix);
  }

  void take_branch_key(BranchConfig& branch, const std::string& prefix, const std::string& key,
                       const Setting& setting) {
    std::string wrong;
    if (key == "tables") {
      wrong = check_patterns(setting.value);
      set_value(branch.tables, setting.value);
    } else if (key == "sql") {
      branch.sql.emplace_back("", setting.value);
    } else if (key.starts_with("sql.")) {
      wrong = check_pattern(key.substr(4));
      branch.sql.emplace_back(key.substr(4), setting.value);
    } else if (key == "after") {
      branch.after = setting.value;
    } else if (key == "transforms" || key.starts_with("transforms.")) {
      error(prefix + key, setting.origin, "transforms are not supported yet",
            "write the branch's transformation as sql");
    } else if (key == "sink") {
      error(prefix + key, setting.origin, "must be a table",
            "write [" + prefix + "sink] and below it type = \"" + setting.value + "\"");
    } else if (!key.starts_with("sink.")) {
      const auto near = nearest_name(key, std::span<const std::string_view>(kBranchKeys));
      error(prefix + key, setting.origin, "is not a known setting",
            near ? "did you mean " + prefix + *near + "?"
                 : "a branch has tables, sql, after and [" + prefix + "sink]");
    }
    if (!wrong.empty()) error(prefix + key, setting.origin, wrong, "correct the pattern");
  }

  void take_sink(BranchConfig& branch, const std::string& prefix) {
    const Setting* type = branch.sink_settings.find("type");
    if (type != nullptr) branch.sink = type->value;
    if (!options_.to.empty() && options_.to != branch.sink) {
      branch.sink = options_.to;
      branch.sink_settings = settings_for_another_sink(branch.sink_settings);
    }
    if (branch.sink.empty()) {
      error(prefix + "sink.type", type == nullptr ? config_.file : type->origin, "is missing",
            "say where the branch writes: [" + prefix + "sink] and below it type = \"duckdb\"");
    }
    branch.sink_settings.erase("type");
  }

  // Of a sink that --to replaces only what any sink may have stays: converters, and what --set
  // gave.
  static Settings settings_for_another_sink(const Settings& settings) {
    Settings out;
    for (const auto& [key, setting] : settings) {
      const bool converter = key.starts_with("key.converter") ||
                             key.starts_with("value.converter") ||
                             key.starts_with("header.converter");
      if (converter || setting.origin == "--set") {
        out.set(key, setting.value, setting.origin, setting.hidden);
      }
    }
    return out;
  }

  void check_after(const BranchConfig& branch) {
    if (branch.after.empty()) return;
    const std::string key = std::string(kBranch) + branch.name + ".after";
    const Setting* setting = all_.find(key);
    const std::string origin = setting == nullptr ? config_.file : setting->origin;
    const BranchConfig* at = find_branch(branch.after);
    if (at == nullptr) {
      no_such_branch(key, setting == nullptr ? Setting{"", origin} : *setting, branch.after);
      return;
    }
    for (size_t steps = 0; at != nullptr && steps < config_.branches.size(); ++steps) {
      if (at == &branch) {
        error(key, origin, "the branch would wait for itself",
              "let one of these branches go first");
        return;
      }
      at = at->after.empty() ? nullptr : find_branch(at->after);
    }
  }

  const Settings& all_;
  const RunOptions& options_;
  PipelineConfig& config_;
  Problems& problems_;
};

}  // namespace

void take_toml(const Settings& all, const std::vector<FlatEntry>& sections,
               const RunOptions& options, PipelineConfig& config, Problems& problems) {
  TomlPipeline(all, options, config, problems).take(sections);
}

}  // namespace millrace
