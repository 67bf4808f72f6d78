#include "source/postgres/replica_identity.h"

#include <unordered_map>

#include "base/log.h"
#include "source/postgres/regex_list.h"
#include "source/postgres/row_values.h"

namespace millrace {

namespace {

constexpr std::string_view kSetting = "replica.identity.autoset.values";

constexpr std::string_view kCurrent = R"(
select c.oid, c.relreplident, x.relname
from pg_catalog.pg_class c
left join pg_catalog.pg_index i on i.indrelid = c.oid and i.indisreplident
left join pg_catalog.pg_class x on x.oid = i.indexrelid
where c.oid = any($1::oid[]))";

std::string_view trim(std::string_view text) {
  const size_t from = text.find_first_not_of(" \t\r\n");
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(" \t\r\n") - from + 1);
}

// "FULL", "INDEX name" → identity and index; false when it is none of them.
bool parse_identity(std::string_view text, IdentityRule& rule) {
  constexpr std::pair<std::string_view, ReplicaIdentity> kNames[] = {
      {"DEFAULT", ReplicaIdentity::kDefault},
      {"FULL", ReplicaIdentity::kFull},
      {"NOTHING", ReplicaIdentity::kNothing}};
  for (const auto& [name, identity] : kNames) {
    if (!same_name(name, text)) continue;
    rule.identity = identity;
    return true;
  }
  if (text.size() < 7 || !same_name(text.substr(0, 6), "INDEX ")) return false;
  rule.identity = ReplicaIdentity::kIndex;
  rule.index = trim(text.substr(6));
  return !rule.index.empty();
}

struct Current {
  char identity = 'd';
  std::string index;
};

Result<std::unordered_map<uint32_t, Current>> read_current(postgres::Connection& connection,
                                                           std::span<const TableSchema> tables) {
  std::vector<uint32_t> oids;
  for (const TableSchema& table : tables)
    oids.push_back(table.oid);
  auto rows = connection.query(kCurrent, {oid_array(oids)});
  if (!rows) return Failure(rows.error().in("reading replica identities"));
  std::unordered_map<uint32_t, Current> out;
  for (int row = 0; row < rows->count(); ++row) {
    Current& current = out[number<uint32_t>(rows->text(row, 0))];
    current.identity = rows->text(row, 1).empty() ? 'd' : rows->text(row, 1).front();
    current.index = rows->text(row, 2);
  }
  return out;
}

bool is_same(const Current& current, const IdentityRule& rule) {
  if (current.identity != static_cast<char>(rule.identity)) return false;
  return rule.identity != ReplicaIdentity::kIndex || current.index == rule.index;
}

}  // namespace

Result<IdentityRules> IdentityRules::make(const PostgresConfig& config) {
  IdentityRules out;
  for (const std::string& item : config.replica_identity_autoset) {
    IdentityRule rule;
    const size_t colon = item.rfind(':');
    const std::string_view text = item;
    if (colon == std::string::npos || !parse_identity(trim(text.substr(colon + 1)), rule)) {
      return fail(ErrorKind::kConfig,
                  std::string(kSetting) + ": '" + item + "' is not a table with its identity",
                  "write schema.table:FULL, :DEFAULT, :NOTHING or :INDEX name");
    }
    auto regex = compile_regex(kSetting, std::string(trim(text.substr(0, colon))));
    if (!regex) return Failure(regex.error());
    rule.table = std::move(*regex);
    out.rules_.push_back(std::move(rule));
  }
  return out;
}

Result<const IdentityRule*> IdentityRules::find(std::string_view full_name) const {
  const IdentityRule* found = nullptr;
  for (const IdentityRule& rule : rules_) {
    if (!regex_matches(*rule.table, full_name)) continue;
    if (found != nullptr) {
      return fail(ErrorKind::kConfig,
                  std::string(kSetting) + ": more than one item is for " + std::string(full_name),
                  "make the regexes disjoint");
    }
    found = &rule;
  }
  return found;
}

std::string alter_statement(const postgres::Connection& connection, const TableSchema& table,
                            const IdentityRule& rule) {
  std::string sql =
      "ALTER TABLE " + quoted_name(connection, table.schema, table.name) + " REPLICA IDENTITY ";
  switch (rule.identity) {
    case ReplicaIdentity::kDefault:
      return sql + "DEFAULT";
    case ReplicaIdentity::kNothing:
      return sql + "NOTHING";
    case ReplicaIdentity::kFull:
      return sql + "FULL";
    case ReplicaIdentity::kIndex:
      return sql + "USING INDEX " + connection.quote_identifier(rule.index);
  }
  return sql;
}

Result<bool> set_replica_identities(postgres::Connection& connection, const PostgresConfig& config,
                                    std::span<const TableSchema> captured) {
  auto rules = IdentityRules::make(config);
  if (!rules) return Failure(rules.error());
  if (rules->empty() || captured.empty()) return false;
  auto current = read_current(connection, captured);
  if (!current) return Failure(current.error());
  bool changed = false;
  // The ALTER waits for, and then blocks, whoever uses the table: not for long.
  const std::string limit = "SET lock_timeout = " + std::to_string(config.snapshot_lock_timeout_ms);
  if (auto set = connection.query(limit); !set) return Failure(set.error());
  for (const TableSchema& table : captured) {
    auto rule = rules->find(table.full_name());
    if (!rule) return Failure(rule.error());
    const auto now = current->find(table.oid);
    if (*rule == nullptr || now == current->end() || is_same(now->second, **rule)) continue;
    const std::string sql = alter_statement(connection, table, **rule);
    auto done = connection.query(sql);
    if (!done && !connection.alive()) return Failure(done.error());
    if (done) {
      changed = true;
      log::info("replica identity set", {{"table", table.full_name()}, {"sql", sql}});
    } else {
      log::warn("replica identity not set",
                {{"table", table.full_name()}, {"reason", done.error().message}, {"sql", sql}});
    }
  }
  if (auto reset = connection.query("SET lock_timeout = 0"); !reset) {
    return Failure(reset.error());
  }
  return changed;
}

}  // namespace millrace
