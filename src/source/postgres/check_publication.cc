// Preflight: what publishing the tables needs, and what it does to the application that writes
// them.
#include "source/postgres/findings.h"
#include "source/postgres/publication.h"
#include "source/postgres/row_values.h"

namespace millrace {

namespace {

constexpr std::string_view kName = "publication.name";
constexpr std::string_view kMode = "publication.autocreate.mode";

struct PublicationRights {
  bool owner = false;   // of the existing publication
  bool create = false;  // on the database
};

Result<PublicationRights> read_rights(const Inspection& inspection) {
  auto rows = inspection.connection.query(
      "select pg_catalog.has_database_privilege(pg_catalog.current_database(), 'create'), "
      "(select pg_catalog.pg_has_role(pubowner, 'usage') from pg_catalog.pg_publication where "
      "pubname = $1)",
      {inspection.config.publication_name});
  if (!rows) return Failure(rows.error());
  return PublicationRights{.owner = is_true(*rows, 0, 1), .create = is_true(*rows, 0, 0)};
}

std::vector<std::string> names_of(std::span<const PublishedTable> tables) {
  std::vector<std::string> names;
  for (const PublishedTable& table : tables)
    names.push_back(table.name);
  return names;
}

class PublicationCheck {
 public:
  PublicationCheck(const Inspection& inspection, std::vector<PublishedTable> tables,
                   std::set<uint32_t> owned, PublicationRights rights)
      : config_(inspection.config),
        inspection_(inspection),
        tables_(std::move(tables)),
        owned_(std::move(owned)),
        rights_(rights),
        name_(inspection.connection.quote_identifier(config_.publication_name)) {}

  void missing() {
    const std::string sql = create_statement(inspection_.connection, config_, tables_) + ";";
    if (config_.publication_mode == PublicationMode::kDisabled || inspection_.is_standby) {
      return error(kName,
                   "there is no publication '" + config_.publication_name + "', and " +
                       (inspection_.is_standby ? "a standby cannot make it"
                                               : "publication.autocreate.mode is disabled"),
                   sql);
    }
    if (config_.publication_mode == PublicationMode::kAllTables) {
      if (inspection_.is_superuser) return;
      return error(kMode, "only a superuser can make a publication FOR ALL TABLES",
                   "set publication.autocreate.mode=filtered, or let a superuser run: " + sql);
    }
    if (!rights_.create) {
      error(kName, "the role may not make a publication in this database",
            "GRANT CREATE ON DATABASE " + inspection_.connection.quote_identifier(config_.dbname) +
                " TO " + role() + "; or let somebody who may run: " + sql);
    }
    if (config_.publication_mode == PublicationMode::kFiltered) check_owned(tables_, sql);
  }

  void existing(const PublicationState& state) {
    const auto lacking = missing_from(state, tables_);
    const bool filtered = config_.publication_mode == PublicationMode::kFiltered;
    if (lacking.empty()) return;
    const std::string add =
        "ALTER PUBLICATION " + name_ + " ADD TABLE " + list_names(names_of(lacking)) + ";";
    if (!filtered || inspection_.is_standby) {
      return error(kName,
                   "the publication '" + config_.publication_name +
                       "' lacks captured tables: " + list_names(names_of(lacking)),
                   add + (inspection_.is_standby ? " (on the primary)" : "") +
                       (filtered ? "" : " or set publication.autocreate.mode=filtered"));
    }
    if (!rights_.owner) {
      error(kName,
            "the publication '" + config_.publication_name +
                "' lacks captured tables, and the role does not own it: " +
                list_names(names_of(lacking)),
            add + " or: ALTER PUBLICATION " + name_ + " OWNER TO " + role() + ";");
    }
    check_owned(lacking, add);
  }

 private:
  void error(std::string_view key, std::string message, std::string cure) {
    inspection_.findings.error(key, std::move(message), std::move(cure));
  }

  std::string role() const { return inspection_.connection.quote_identifier(config_.user); }

  // Only its owner can publish a table.
  void check_owned(std::span<const PublishedTable> tables, const std::string& sql) {
    std::vector<std::string> names;
    for (const PublishedTable& table : tables) {
      if (!owned_.contains(table.oid)) names.push_back(table.name);
    }
    if (names.empty()) return;
    error(kName,
          "the role '" + config_.user +
              "' cannot publish tables that it does not own: " + list_names(names),
          "let their owner or a superuser run: " + sql +
              " and set publication.autocreate.mode=disabled; or make the role owner (ALTER TABLE "
              "… OWNER TO " +
              role() + ")");
  }

  const PostgresConfig& config_;
  const Inspection& inspection_;
  const std::vector<PublishedTable> tables_;
  const std::set<uint32_t> owned_;
  const PublicationRights rights_;
  const std::string name_;
};

// Column lists and row filters (PostgreSQL 15), of which a snapshot knows nothing.
void check_left_out(const Inspection& inspection) {
  const std::string& name = inspection.config.publication_name;
  auto rows = inspection.connection.query(
      "select r.prrelid::pg_catalog.regclass from pg_catalog.pg_publication_rel r join "
      "pg_catalog.pg_publication p on p.oid = r.prpubid where p.pubname = $1 and "
      "coalesce(to_jsonb(r) ->> 'prattrs', to_jsonb(r) ->> 'prqual') is not null order by 1",
      {name});
  if (!rows) return inspection.findings.failed(kName, rows.error());
  std::vector<std::string> tables;
  tables.reserve(static_cast<size_t>(rows->count()));
  for (int row = 0; row < rows->count(); ++row)
    tables.emplace_back(rows->text(row, 0));
  if (tables.empty()) return;
  inspection.findings.warning(
      kName,
      "the publication '" + name + "' has a column list or a row filter: " + list_names(tables) +
          "; what it leaves out is in snapshots, and its changes do not come",
      "leave columns out by column.exclude.list, and publish the tables whole: ALTER PUBLICATION " +
          inspection.connection.quote_identifier(name) + " SET TABLE …;");
}

}  // namespace

void check_publication(const Inspection& inspection, std::span<const TableSchema> captured) {
  auto state = read_publication(inspection.connection, inspection.config.publication_name);
  if (!state) return inspection.findings.failed(kName, state.error());
  auto tables = published_tables(inspection.connection, captured);
  if (!tables) return inspection.findings.failed(kName, tables.error());
  auto owned = read_owned(inspection, captured);
  if (!owned) return inspection.findings.failed(kName, owned.error());
  auto rights = read_rights(inspection);
  if (!rights) return inspection.findings.failed(kName, rights.error());
  std::erase_if(*tables, [](const PublishedTable& table) { return !table.publishable; });
  if (tables->empty()) return;
  check_partitions(inspection, captured, *tables, *state);
  PublicationCheck check(inspection, std::move(*tables), std::move(*owned), *rights);
  if (*state) {
    check.existing(**state);
    check_left_out(inspection);
  } else {
    check.missing();
  }
}

}  // namespace millrace
