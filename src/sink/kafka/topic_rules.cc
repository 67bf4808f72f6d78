#include "sink/kafka/topic_rules.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>

namespace millrace {

namespace {

constexpr std::string_view kPrefix = "topic.creation.";

void add_problem(const Setting& setting, std::string key, std::string message, Problems& problems) {
  problems.push_back(
      {Problem::Severity::kError, std::move(key), setting.origin, std::move(message), ""});
}

// -1 (the cluster's default) or a positive number; `out` stays where there is none.
void read_count(const Settings& group, std::string_view name, const std::string& key, int& out,
                Problems& problems) {
  const Setting* setting = group.find(name);
  if (setting == nullptr) return;
  int64_t value = 0;
  std::string wrong = set_value(value, setting->value);
  if (wrong.empty() && (value == 0 || value < -1 || value > 32767))
    wrong = "must be -1 (the cluster's default) or at least 1";
  if (!wrong.empty()) return add_problem(*setting, key, std::move(wrong), problems);
  out = static_cast<int>(value);
}

std::vector<std::string> read_regexes(const Settings& group, std::string_view name,
                                      const std::string& key, Problems& problems) {
  std::vector<std::string> out;
  const Setting* setting = group.find(name);
  if (setting == nullptr) return out;
  set_value(out, setting->value);
  for (const std::string& regex : out) {
    const RE2 compiled(regex, RE2::Quiet);
    if (!compiled.ok())
      add_problem(*setting, key, "is no regular expression: " + compiled.error(), problems);
  }
  return out;
}

bool matches_any(const std::string& name, const std::vector<std::string>& regexes) {
  return std::ranges::any_of(regexes,
                             [&](const std::string& regex) { return RE2::FullMatch(name, regex); });
}

}  // namespace

TopicRules TopicRules::parse(const Settings& settings, std::string_view key_prefix,
                             Problems& problems) {
  TopicRules out;
  const Settings ours = settings.below(kPrefix);
  const Settings defaults = ours.below("default.");
  const Setting* enable = ours.find("enable");
  const bool off = enable != nullptr && same_name(enable->value, "false");
  if (off ||
      (defaults.find("partitions") == nullptr && defaults.find("replication.factor") == nullptr))
    return out;
  Group all = parse_group(defaults, "default", {}, key_prefix, problems);
  all.include = {".*"};
  all.exclude.clear();
  std::vector<std::string> names;
  if (const Setting* groups = ours.find("groups")) set_value(names, groups->value);
  for (const std::string& name : names) {
    out.groups_.push_back(
        parse_group(ours.below(name + "."), name, all.shape, key_prefix, problems));
  }
  out.groups_.push_back(std::move(all));
  return out;
}

TopicRules::Group TopicRules::parse_group(const Settings& settings, const std::string& name,
                                          const kafka::NewTopic& base, std::string_view key_prefix,
                                          Problems& problems) {
  const auto key = [&](std::string_view what) {
    return fmt::format("{}{}{}.{}", key_prefix, kPrefix, name, what);
  };
  Group group;
  group.shape = base;
  read_count(settings, "partitions", key("partitions"), group.shape.partitions, problems);
  read_count(settings, "replication.factor", key("replication.factor"),
             group.shape.replication_factor, problems);
  group.include = read_regexes(settings, "include", key("include"), problems);
  group.exclude = read_regexes(settings, "exclude", key("exclude"), problems);
  for (const auto& [what, setting] : settings) {
    if (what == "partitions" || what == "replication.factor" || what == "include" ||
        what == "exclude")
      continue;
    group.shape.settings[what] = setting.value;
  }
  return group;
}

bool TopicRules::Group::takes(const std::string& name) const {
  return matches_any(name, include) && !matches_any(name, exclude);
}

kafka::NewTopic TopicRules::topic(const std::string& name) const {
  const auto group =
      std::ranges::find_if(groups_, [&](const Group& one) { return one.takes(name); });
  kafka::NewTopic out = (group == groups_.end() ? groups_.back() : *group).shape;
  out.name = name;
  return out;
}

}  // namespace millrace
