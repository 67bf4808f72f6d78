#include "config/old_names.h"

#include <algorithm>
#include <vector>

namespace millrace {

namespace {

// Today's value for a 1.x value; nullopt: today has none.
using Translate = std::optional<std::string> (*)(std::string_view);

struct OldName {
  std::string_view old;
  std::string_view now;  // empty: nothing stands for it, it is ignored
  Translate translate = nullptr;
};

std::optional<std::string> adjustment_mode(std::string_view sanitize) {
  return same_name(sanitize, "true") ? "avro" : "none";
}

// 1.x gave the whole topic name, with ${database.server.name}; today's setting is what follows
// "<prefix>.".
std::optional<std::string> transaction_topic(std::string_view name) {
  constexpr std::string_view kServer = "${database.server.name}.";
  if (!name.starts_with(kServer) || name.size() == kServer.size()) return std::nullopt;
  return std::string(name.substr(kServer.size()));
}

constexpr OldName kOldNames[] = {
    {"database.server.name", "topic.prefix"},
    {"schema.whitelist", "schema.include.list"},
    {"schema.blacklist", "schema.exclude.list"},
    {"table.whitelist", "table.include.list"},
    {"table.blacklist", "table.exclude.list"},
    {"column.whitelist", "column.include.list"},
    {"column.blacklist", "column.exclude.list"},
    {"slot.drop_on_stop", "slot.drop.on.stop"},
    {"toasted.value.placeholder", "unavailable.value.placeholder"},
    {"heartbeat.topics.prefix", "topic.heartbeat.prefix"},
    {"transaction.topic", "topic.transaction", transaction_topic},
    {"sanitize.field.names", "field.name.adjustment.mode", adjustment_mode},
    {"snapshot.custom.class", "snapshot.mode.custom.name"},
    {"truncate.handling.mode", "skipped.operations"},
    {"source.struct.version", ""},
};

constexpr std::pair<std::string_view, std::string_view> kOldSnapshotModes[] = {
    {"never", "no_data"}, {"initial_schema_only", "no_data"}, {"exported", "initial"}};

class Replacement {
 public:
  Replacement(Settings& settings, std::string_view prefix, Problems& problems)
      : settings_(settings), prefix_(prefix), problems_(problems) {}

  void run() {
    const bool old_form = settings_.find("topic.prefix") == nullptr;
    if (old_form) take_truncate_mode();
    for (const OldName& name : kOldNames)
      take(name, old_form);
    drop_history();
    take_snapshot_mode();
    take_flush_source();
    take_plugin();
  }

 private:
  void warn(std::string_view key, const Setting& setting, std::string message, std::string cure) {
    problems_.push_back({Problem::Severity::kWarning, prefix_ + std::string(key), setting.origin,
                         std::move(message), std::move(cure)});
  }

  void take(const OldName& name, bool old_form) {
    const Setting* found = settings_.find(name.old);
    if (found == nullptr) return;
    const Setting setting = *found;
    settings_.erase(name.old);
    const std::string now(name.now);
    if (now.empty()) {
      warn(name.old, setting, "is a Debezium 1.x setting without effect", "remove it");
      return;
    }
    const std::string rename = "use its new name " + prefix_ + now;
    if (!old_form) {
      warn(name.old, setting, "is a Debezium 1.x name; beside topic.prefix it is ignored", rename);
    } else if (settings_.find(now) != nullptr) {
      warn(name.old, setting, "is ignored, for its new name " + now + " is set too", "remove it");
    } else if (auto value = name.translate ? name.translate(setting.value) : setting.value;
               !value) {
      warn(name.old, setting,
           "has a value that its new name " + now + " cannot express; it is ignored", rename);
    } else {
      warn(name.old, setting, "is the Debezium 1.x name of " + now, rename);
      settings_.set(now, *std::move(value), setting.origin, setting.hidden);
    }
  }

  // In 1.x a truncate was left out unless truncate.handling.mode said "include", whatever
  // skipped.operations listed. Today the list alone decides, and by default holds t.
  void take_truncate_mode() {
    const Setting* mode = settings_.find("truncate.handling.mode");
    const Setting* skipped = settings_.find("skipped.operations");
    if (mode == nullptr && skipped == nullptr) return;
    std::vector<std::string> operations;
    if (skipped != nullptr) set_value(operations, skipped->value);
    std::erase(operations, "none");
    const bool include = mode != nullptr && same_name(mode->value, "include");
    if (!include && std::ranges::find(operations, "t") == operations.end())
      operations.emplace_back("t");
    const std::string origin = skipped != nullptr ? skipped->origin : mode->origin;
    if (mode != nullptr) {
      const Setting setting = *mode;
      settings_.erase("truncate.handling.mode");
      warn("truncate.handling.mode", setting,
           "is a Debezium 1.x setting; skipped.operations has it now",
           include ? "leave t out of " + prefix_ + "skipped.operations" : "remove it");
    }
    settings_.set("skipped.operations", operations.empty() ? "none" : get_value(operations),
                  origin);
  }

  void drop_history() {
    const Settings before = settings_;
    for (const auto& [key, setting] : before) {
      if (!key.starts_with("database.history")) continue;
      warn(key, setting, "has no meaning for PostgreSQL and is ignored", "remove it");
      settings_.erase(key);
    }
  }

  void take_snapshot_mode() {
    const Setting* mode = settings_.find("snapshot.mode");
    if (mode == nullptr) return;
    for (const auto& [old, now] : kOldSnapshotModes) {
      if (!same_name(mode->value, old)) continue;
      warn("snapshot.mode", *mode, "has the old value " + std::string(old),
           "write " + std::string(now));
      settings_.set("snapshot.mode", std::string(now), mode->origin);
      return;
    }
  }

  // Debezium 3.x still takes it, as the older way to say lsn.flush.mode.
  void take_flush_source() {
    const Setting* found = settings_.find("flush.lsn.source");
    if (found == nullptr) return;
    const Setting setting = *found;
    settings_.erase("flush.lsn.source");
    if (settings_.find("lsn.flush.mode") != nullptr) return;
    const std::string mode = same_name(setting.value, "false") ? "manual" : "connector";
    warn("flush.lsn.source", setting, "is the old form of lsn.flush.mode",
         "write " + prefix_ + "lsn.flush.mode=" + mode);
    settings_.set("lsn.flush.mode", mode, setting.origin);
  }

  void take_plugin() {
    const Setting* plugin = settings_.find("plugin.name");
    if (plugin == nullptr || plugin->value == "pgoutput") return;
    if (plugin->value != "decoderbufs" && !plugin->value.starts_with("wal2json")) return;
    warn("plugin.name", *plugin,
         "is " + plugin->value + "; PostgreSQL's own pgoutput is used instead",
         "write " + prefix_ + "plugin.name=pgoutput");
    settings_.set("plugin.name", "pgoutput", plugin->origin);
  }

  Settings& settings_;
  const std::string prefix_;
  Problems& problems_;
};

}  // namespace

std::optional<std::string_view> todays_name(std::string_view old_name) {
  for (const OldName& name : kOldNames) {
    if (name.old == old_name && !name.now.empty()) return name.now;
  }
  return std::nullopt;
}

void replace_old_names(Settings& settings, std::string_view key_prefix, Problems& problems) {
  Replacement(settings, key_prefix, problems).run();
}

}  // namespace millrace
