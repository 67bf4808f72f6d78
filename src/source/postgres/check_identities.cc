// Preflight: what publishing does to the application that writes the tables: without a replica
// identity its UPDATE and DELETE fail.
#include <algorithm>

#include "source/postgres/findings.h"
#include "source/postgres/replica_identity.h"
#include "source/postgres/row_values.h"

namespace millrace {

namespace {

constexpr std::string_view kAutoset = "replica.identity.autoset.values";
constexpr std::string_view kMode = "publication.autocreate.mode";

// Of all logged tables, those whose UPDATE and DELETE the server refuses once they are published.
Result<std::vector<std::pair<uint32_t, std::string>>> read_refusing(const Inspection& inspection) {
  auto rows = inspection.connection.query(R"(
select c.oid, n.nspname || '.' || c.relname
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and c.relpersistence = 'p'
  and n.nspname not in ('pg_catalog', 'information_schema')
  and case c.relreplident
        when 'f' then false
        when 'n' then true
        else not exists (select 1 from pg_catalog.pg_index i
               where i.indrelid = c.oid and i.indisvalid and i.indimmediate and
               case c.relreplident when 'd' then i.indisprimary else i.indisreplident end)
      end
order by 2)");
  if (!rows) return Failure(rows.error());
  std::vector<std::pair<uint32_t, std::string>> out;
  out.reserve(static_cast<size_t>(rows->count()));
  for (int row = 0; row < rows->count(); ++row) {
    out.emplace_back(number<uint32_t>(rows->text(row, 0)), rows->text(row, 1));
  }
  return out;
}

bool publishes_updates(const PostgresConfig& config) {
  const auto skips = [&](std::string_view operation) {
    return std::ranges::find(config.skipped_operations, operation) !=
           config.skipped_operations.end();
  };
  return !skips("u") || !skips("d");
}

// A name as a regex that matches it alone, within a comma separated list.
std::string as_regex(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (std::string_view("\\^$|?*+()[]{},").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

void report_refusing(const Inspection& inspection, const TableSchema& table,
                     const IdentityRule* rule, bool owned) {
  const IdentityRule full{.table = nullptr, .identity = ReplicaIdentity::kFull, .index = ""};
  const bool covered = rule != nullptr && rule->identity != ReplicaIdentity::kNothing &&
                       (rule->identity != ReplicaIdentity::kDefault || !table.primary_key.empty());
  const std::string sql =
      alter_statement(inspection.connection, table, covered ? *rule : full) + ";";
  if (covered && owned) return;
  if (covered) {
    inspection.findings.warning(kAutoset,
                                "the role '" + inspection.config.user + "' does not own " +
                                    table.full_name() + ", so it cannot set its replica identity",
                                "let the owner run: " + sql);
    return;
  }
  inspection.findings.error(kAutoset,
                            table.full_name() +
                                " has no replica identity: once it is published, UPDATE and DELETE "
                                "fail in the application that writes it",
                            "set " + std::string(kAutoset) + "=" + as_regex(table.full_name()) +
                                ":FULL, or let the owner run: " + sql);
}

// Partitions are published with the table above them, but each has an identity of its own.
void report_leaves(const Inspection& inspection,
                   std::span<const std::pair<uint32_t, std::string>> refusing,
                   std::span<const Leaf> leaves, std::span<const TableSchema> captured) {
  const IdentityRule full{.table = nullptr, .identity = ReplicaIdentity::kFull, .index = ""};
  std::vector<std::string> names;
  std::string sql;
  for (const Leaf& leaf : leaves) {
    const uint32_t oid = leaf.table.oid;
    const bool refuses =
        std::ranges::any_of(refusing, [&](const auto& r) { return r.first == oid; });
    if (!refuses || std::ranges::find(captured, oid, &TableSchema::oid) != captured.end()) continue;
    if (names.empty()) sql = alter_statement(inspection.connection, leaf.table, full) + ";";
    names.push_back(leaf.table.full_name());
  }
  if (names.empty()) return;
  inspection.findings.error(
      kAutoset,
      "partitions of captured tables have no replica identity: once they are published, UPDATE and "
      "DELETE fail in the application that writes them: " +
          list_names(names),
      "let the owner run for each: " + sql);
}

void check_rest_of_database(const Inspection& inspection,
                            std::span<const std::pair<uint32_t, std::string>> refusing,
                            std::span<const TableSchema> captured) {
  if (inspection.config.publication_mode != PublicationMode::kAllTables) return;
  std::vector<std::string> names;
  for (const auto& [oid, name] : refusing) {
    const bool ours = std::ranges::find(captured, oid, &TableSchema::oid) != captured.end();
    if (!ours) names.push_back(name);
  }
  if (names.empty()) return;
  inspection.findings.warning(
      kMode,
      "all_tables publishes also tables that are not captured; UPDATE and DELETE fail in those "
      "without a replica identity: " +
          list_names(names),
      "use publication.autocreate.mode=filtered");
}

}  // namespace

Result<std::set<uint32_t>> read_owned(const Inspection& inspection,
                                      std::span<const TableSchema> captured) {
  std::vector<uint32_t> list;
  list.reserve(captured.size());
  for (const TableSchema& table : captured)
    list.push_back(table.oid);
  auto rows = inspection.connection.query(
      "select oid from pg_catalog.pg_class where oid = any($1::oid[]) and "
      "pg_catalog.pg_has_role(relowner, 'usage')",
      {oid_array(list)});
  if (!rows) return Failure(rows.error());
  std::set<uint32_t> owned;
  for (int row = 0; row < rows->count(); ++row) {
    owned.insert(number<uint32_t>(rows->text(row, 0)));
  }
  return owned;
}

void check_identities(const Inspection& inspection, std::span<const TableSchema> captured) {
  if (!publishes_updates(inspection.config)) return;
  auto rules = IdentityRules::make(inspection.config);
  if (!rules) return inspection.findings.failed(kAutoset, rules.error());
  auto owned = read_owned(inspection, captured);
  auto refusing = read_refusing(inspection);
  if (!owned) return inspection.findings.failed(kAutoset, owned.error());
  if (!refusing) return inspection.findings.failed(kAutoset, refusing.error());
  auto leaves = read_leaves(inspection, captured);
  if (!leaves) return inspection.findings.failed(kAutoset, leaves.error());
  report_leaves(inspection, *refusing, *leaves, captured);
  for (const auto& [oid, name] : *refusing) {
    const auto table = std::ranges::find(captured, oid, &TableSchema::oid);
    if (table == captured.end()) continue;
    auto rule = rules->find(name);
    if (!rule) {
      inspection.findings.failed(kAutoset, rule.error());
      continue;
    }
    report_refusing(inspection, *table, *rule, owned->contains(oid));
  }
  check_rest_of_database(inspection, *refusing, captured);
}

}  // namespace millrace
