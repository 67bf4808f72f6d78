#include "source/postgres/publication.h"

#include <algorithm>
#include <map>

#include "base/log.h"
#include "source/postgres/row_values.h"

namespace millrace {

namespace {

constexpr int kVersion13 = 130000;  // pubviaroot, partitioned tables
constexpr int kVersion15 = 150000;  // pg_publication_namespace

// One row for each partitioned table above a table, at least one for each table.
constexpr std::string_view kPublishedTables = R"(
with recursive above(oid, parent) as (
  select i.inhrelid, i.inhparent
  from pg_catalog.pg_inherits i join pg_catalog.pg_class c on c.oid = i.inhrelid
  where c.relispartition and c.oid = any($1::oid[])
  union all
  select a.oid, i.inhparent
  from above a join pg_catalog.pg_inherits i on i.inhrelid = a.parent
  join pg_catalog.pg_class c on c.oid = i.inhrelid
  where c.relispartition)
select c.oid, c.relnamespace, c.relpersistence, c.relkind, c.relhassubclass, a.parent
from pg_catalog.pg_class c left join above a on a.oid = c.oid
where c.oid = any($1::oid[]))";

std::string join(std::span<const PublishedTable> tables) {
  std::string out;
  for (const PublishedTable& table : tables) {
    if (!out.empty()) out += ", ";
    out += table.name;
  }
  return out;
}

// What is left of the operations after skipped.operations; empty when it was not set.
std::string publish_list(const PostgresConfig& config) {
  const auto& skipped = config.skipped_operations;
  if (skipped.empty()) return "";
  constexpr std::pair<std::string_view, std::string_view> kOperations[] = {
      {"c", "insert"}, {"u", "update"}, {"d", "delete"}, {"t", "truncate"}};
  std::string out;
  for (const auto& [letter, name] : kOperations) {
    if (std::ranges::find(skipped, letter) != skipped.end()) continue;
    if (!out.empty()) out += ", ";
    out += name;
  }
  return "publish = '" + out + "'";
}

class Publisher {
 public:
  Publisher(postgres::Connection& connection, const PostgresConfig& config)
      : connection_(connection),
        config_(config),
        name_(connection.quote_identifier(config.publication_name)) {}

  Result<void> ensure(std::span<const TableSchema> captured) {
    auto state = read_publication(connection_, config_.publication_name);
    if (!state) return Failure(state.error());
    auto standby = connection_.query("select pg_catalog.pg_is_in_recovery()");
    if (!standby) return Failure(standby.error());
    is_standby_ = is_true(*standby, 0, 0);
    const bool filtered = config_.publication_mode == PublicationMode::kFiltered;
    if (*state && !filtered) return {};  // adopted as it is
    auto tables = published_tables(connection_, captured);
    if (!tables) return Failure(tables.error());
    std::erase_if(*tables, [](const PublishedTable& table) { return !table.publishable; });
    return *state ? update(**state, *tables) : create(*tables);
  }

 private:
  Result<void> create(std::span<const PublishedTable> tables) {
    const std::string sql = create_statement(connection_, config_, tables);
    const bool may = config_.publication_mode != PublicationMode::kDisabled && !is_standby_;
    if (!may) {
      return fail(ErrorKind::kNotFound,
                  "there is no publication '" + config_.publication_name + "', and " +
                      (is_standby_ ? "a standby cannot make it"
                                   : "publication.autocreate.mode is disabled"),
                  (is_standby_ ? "on the primary: " : "") + sql + ";");
    }
    if (tables.empty() && config_.publication_mode == PublicationMode::kFiltered) {
      return fail(ErrorKind::kConfig, "no table is captured, so there is nothing to publish",
                  "check table.include.list, or use publication.autocreate.mode=no_tables");
    }
    auto done = run(sql);
    if (done) log::info("publication made", {{"publication", config_.publication_name}});
    return done;
  }

  Result<void> update(const PublicationState& state, std::span<const PublishedTable> tables) {
    const auto missing = missing_from(state, tables);
    if (state.all_tables || (state.by_schema && missing.empty())) {
      log::info("publication adopted as it is: it has more than the captured tables",
                {{"publication", config_.publication_name}});
      return {};
    }
    std::set<uint32_t> wanted;
    for (const PublishedTable& table : tables)
      wanted.insert(table.oid);
    if (is_standby_) return missing.empty() ? Result<void>{} : lacks(missing);
    if (wanted == state.tables || tables.empty()) return {};
    // Naming all tables anew would take its schemas out.
    const std::string sql =
        "ALTER PUBLICATION " + name_ +
        (state.by_schema ? " ADD TABLE " + join(missing) : " SET TABLE " + join(tables));
    auto done = run(sql);
    if (done) {
      log::info("publication brought up to date", {{"publication", config_.publication_name},
                                                   {"tables", std::to_string(tables.size())}});
    }
    return done;
  }

  Result<void> lacks(std::span<const PublishedTable> missing) {
    return fail(ErrorKind::kNotFound,
                "the publication '" + config_.publication_name + "' lacks " + join(missing),
                "on the primary: ALTER PUBLICATION " + name_ + " ADD TABLE " + join(missing) + ";");
  }

  Result<void> run(const std::string& sql) {
    auto done = connection_.query(sql);
    if (done) return {};
    Error error = done.error().in("publication '" + config_.publication_name + "'");
    const std::string& state = connection_.sqlstate();
    if (state == "42501") {
      error.kind = ErrorKind::kUnauthorized;
      error.cure = rights_cure(sql);
    } else if (state == "42710") {  // somebody made it meanwhile: look again
      error.kind = ErrorKind::kBusy;
    }
    return Failure(std::move(error));
  }

  std::string rights_cure(const std::string& sql) {
    const std::string role = connection_.quote_identifier(config_.user);
    if (config_.publication_mode == PublicationMode::kAllTables) {
      return "FOR ALL TABLES needs a superuser: set publication.autocreate.mode=filtered, or let a "
             "superuser run: " +
             sql + ";";
    }
    return "as a superuser: GRANT CREATE ON DATABASE " +
           connection_.quote_identifier(config_.dbname) + " TO " + role +
           "; make the role owner of the tables (ALTER TABLE … OWNER TO " + role +
           ") and of the publication (ALTER PUBLICATION " + name_ + " OWNER TO " + role +
           "), or run: " + sql + "; and set publication.autocreate.mode=disabled";
  }

  postgres::Connection& connection_;
  const PostgresConfig& config_;
  std::string name_;
  bool is_standby_ = false;
};

}  // namespace

Result<std::optional<PublicationState>> read_publication(postgres::Connection& connection,
                                                         std::string_view name) {
  const int version = connection.server_version();
  const std::string sql =
      std::string("select p.oid, p.puballtables, ") +
      (version >= kVersion13 ? "p.pubviaroot" : "false") +
      ", (select string_agg(r.prrelid::text, ' ') from pg_catalog.pg_publication_rel r where "
      "r.prpubid = p.oid), " +
      (version >= kVersion15 ? "(select string_agg(n.pnnspid::text, ' ') from "
                               "pg_catalog.pg_publication_namespace n where n.pnpubid = p.oid)"
                             : "null") +
      " from pg_catalog.pg_publication p where p.pubname = $1";
  auto rows = connection.query(sql, {std::string(name)});
  if (!rows) {
    return Failure(rows.error().in("reading the publication '" + std::string(name) + "'"));
  }
  if (rows->count() == 0) return std::nullopt;
  PublicationState state;
  state.all_tables = is_true(*rows, 0, 1);
  state.via_root = is_true(*rows, 0, 2);
  state.tables = oid_set(rows->text(0, 3));
  state.schemas = oid_set(rows->text(0, 4));
  state.by_schema = !state.schemas.empty();
  return state;
}

Result<std::vector<PublishedTable>> published_tables(postgres::Connection& connection,
                                                     std::span<const TableSchema> tables) {
  std::vector<uint32_t> oids;
  std::map<uint32_t, PublishedTable> by_oid;
  for (const TableSchema& table : tables)
    oids.push_back(table.oid);
  auto rows = connection.query(kPublishedTables, {oid_array(oids)});
  if (!rows) return Failure(rows.error().in("reading the captured tables"));
  for (int row = 0; row < rows->count(); ++row) {
    const uint32_t oid = number<uint32_t>(rows->text(row, 0));
    PublishedTable& table = by_oid[oid];
    table.oid = oid;
    table.schema_oid = number<uint32_t>(rows->text(row, 1));
    const bool is_partitioned = rows->text(row, 3) == "p";
    table.publishable =
        rows->text(row, 2) == "p" && (!is_partitioned || connection.server_version() >= kVersion13);
    // Its inheritors are captured, or not, on their own account.
    if (!is_partitioned && is_true(*rows, row, 4)) table.name = "ONLY ";
    if (!rows->is_null(row, 5)) table.ancestors.insert(number<uint32_t>(rows->text(row, 5)));
  }
  std::vector<PublishedTable> out;
  for (const TableSchema& table : tables) {
    const auto at = by_oid.find(table.oid);
    if (at == by_oid.end()) continue;  // dropped since
    at->second.name += quoted_name(connection, table.schema, table.name);
    out.push_back(std::move(at->second));
  }
  return out;
}

std::vector<PublishedTable> missing_from(const PublicationState& publication,
                                         std::span<const PublishedTable> wanted) {
  std::vector<PublishedTable> out;
  if (publication.all_tables) return out;
  for (const PublishedTable& table : wanted) {
    const bool has =
        publication.tables.contains(table.oid) || publication.schemas.contains(table.schema_oid) ||
        std::ranges::any_of(table.ancestors,
                            [&](uint32_t oid) { return publication.tables.contains(oid); });
    if (table.publishable && !has) out.push_back(table);
  }
  return out;
}

std::string create_statement(const postgres::Connection& connection, const PostgresConfig& config,
                             std::span<const PublishedTable> tables) {
  std::string sql = "CREATE PUBLICATION " + connection.quote_identifier(config.publication_name);
  if (config.publication_mode == PublicationMode::kAllTables) {
    sql += " FOR ALL TABLES";
  } else if (config.publication_mode != PublicationMode::kNoTables && !tables.empty()) {
    sql += " FOR TABLE " + join(tables);
  }
  std::string options = publish_list(config);
  if (config.publish_via_partition_root) {
    if (!options.empty()) options += ", ";
    options += "publish_via_partition_root = true";
  }
  return options.empty() ? sql : sql + " WITH (" + options + ")";
}

Result<void> ensure_publication(postgres::Connection& connection, const PostgresConfig& config,
                                std::span<const TableSchema> captured) {
  return Publisher(connection, config).ensure(captured);
}

}  // namespace millrace
