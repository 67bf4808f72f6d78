#include "config/known_keys.h"

#include <algorithm>

namespace millrace {

namespace {

bool covers(std::string_view name, std::string_view key) {
  if (!name.ends_with('*')) return name == key;
  return key.starts_with(name.substr(0, name.size() - 1));
}

bool covers_any(std::span<const std::string_view> names, std::string_view key) {
  return std::ranges::any_of(names, [&](std::string_view name) { return covers(name, key); });
}

// The first that covers it: exact names stand before the patterns that would cover them too.
const ForeignKey* find_foreign(std::string_view key) {
  for (const ForeignKey& foreign : foreign_keys()) {
    if (covers(foreign.name, key)) return &foreign;
  }
  return nullptr;
}

class KnownCheck {
 public:
  KnownCheck(const PipelineConfig& config, const KnownKeys& known, Problems& problems)
      : config_(config), known_(known), problems_(problems) {}

  void run() {
    if (config_.form == ConfigForm::kToml) {
      check(config_.common, known_.common, "");
      check(config_.source, known_.source, config_.source_prefix);
      for (const BranchConfig& branch : config_.branches) {
        const auto sink =
            known_.sinks.find(branch.sink);  // an unknown sink is the registry's error
        if (sink != known_.sinks.end()) {
          check(branch.sink_settings, sink->second, config_.sink_prefix(branch));
        }
      }
      return;
    }
    check_connector();
  }

 private:
  // A connector's keys all stand side by side; those of a sink that --to has replaced stay known.
  void check_connector() {
    std::vector<std::string_view> names = known_.common;
    names.insert(names.end(), known_.source.begin(), known_.source.end());
    for (const auto& [sink, keys] : known_.sinks)
      names.insert(names.end(), keys.begin(), keys.end());
    check(config_.source, names, config_.source_prefix);
    if (config_.source_prefix.empty()) return;
    for (const BranchConfig& branch : config_.branches) {
      Settings own;     // Debezium Server: what stands outside debezium.*
      Settings others;  // and what is the sink's
      for (const auto& [key, setting] : branch.sink_settings) {
        if (config_.source.find(key) != nullptr) continue;
        Settings& to = config_.common.find(key) != nullptr ? own : others;
        to.set(key, setting.value, setting.origin, setting.hidden);
      }
      check(own, names, "");
      check(others, names, config_.sink_prefix(branch));
    }
  }

  void check(const Settings& settings, std::span<const std::string_view> names,
             std::string_view prefix) {
    const bool toml = config_.form == ConfigForm::kToml;
    Settings unknown;
    for (const auto& [key, setting] : settings) {
      if (covers_any(names, key)) continue;
      const ForeignKey* foreign = find_foreign(key);
      if (foreign != nullptr && (!toml || foreign->foreign != Foreign::kIgnore)) {
        check_foreign(*foreign, key, setting, prefix);
      } else {
        unknown.set(key, setting.value, setting.origin, setting.hidden);
      }
    }
    std::vector<std::string_view> suggestions(names.begin(), names.end());
    if (!toml) {
      for (const ForeignKey& foreign : foreign_keys()) {
        if (!foreign.name.ends_with('*')) suggestions.push_back(foreign.name);
      }
    }
    find_unknown(unknown, suggestions,
                 toml ? Problem::Severity::kError : Problem::Severity::kWarning, prefix, problems_);
  }

  void check_foreign(const ForeignKey& foreign, const std::string& key, const Setting& setting,
                     std::string_view prefix) {
    if (foreign.foreign == Foreign::kIgnore || setting.value.empty()) return;
    if (same_name(setting.value, foreign.harmless)) return;
    const bool refuse = foreign.foreign == Foreign::kRefuse;
    const bool error = refuse || config_.form == ConfigForm::kToml;
    problems_.push_back(
        {error ? Problem::Severity::kError : Problem::Severity::kWarning, std::string(prefix) + key,
         setting.origin,
         refuse ? "is not supported yet, and without it other events would leave than you ask for"
                : "is not supported yet and has no effect",
         "remove it"});
  }

  const PipelineConfig& config_;
  const KnownKeys& known_;
  Problems& problems_;
};

}  // namespace

void check_known(const PipelineConfig& config, const KnownKeys& known, Problems& problems) {
  KnownCheck(config, known, problems).run();
}

}  // namespace millrace
