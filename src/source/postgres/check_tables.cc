// Preflight: the tables that are captured, and those that were meant to be.
#include <algorithm>
#include <map>
#include <optional>

#include "config/nearest.h"
#include "source/postgres/findings.h"
#include "source/postgres/row_values.h"

namespace millrace {

namespace {

constexpr std::string_view kInclude = "table.include.list";

struct Relation {
  std::string schema;
  std::string name;
  char kind = 'r';

  std::string full_name() const { return schema + "." + name; }
};

Result<std::vector<Relation>> read_relations(postgres::Connection& connection) {
  auto rows = connection.query(R"(
select n.nspname, c.relname, c.relkind
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f') and c.relpersistence <> 't'
  and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
order by 1, 2)");
  if (!rows) return Failure(rows.error().in("reading the list of tables"));
  std::vector<Relation> relations;
  relations.reserve(static_cast<size_t>(rows->count()));
  for (int row = 0; row < rows->count(); ++row) {
    relations.push_back({.schema = std::string(rows->text(row, 0)),
                         .name = std::string(rows->text(row, 1)),
                         .kind = rows->text(row, 2).front()});
  }
  return relations;
}

std::string_view kind_name(char kind) {
  switch (kind) {
    case 'v':
      return "a view";
    case 'm':
      return "a materialized view";
    case 'f':
      return "a foreign table";
    default:
      return "a table";
  }
}

// "public\.inventory" → "public.inventory"; nullopt for what is more than a name.
std::optional<std::string> literal_of(std::string_view item) {
  std::string out;
  for (size_t i = 0; i < item.size(); ++i) {
    if (item[i] == '\\' && i + 1 < item.size() && item[i + 1] == '.') ++i;
    if (std::string_view("\\^$|?*+()[]{}").find(item[i]) != std::string_view::npos) {
      return std::nullopt;
    }
    out += item[i];
  }
  return out;
}

// What a name that no table has might stand for.
std::string meant_by(const std::string& literal, std::span<const Relation> relations) {
  std::vector<std::string> names;
  const std::string_view table = std::string_view(literal).substr(literal.rfind('.') + 1);
  for (const Relation& relation : relations) {
    if (same_name(relation.name, table)) {
      return "did you mean '" + relation.full_name() + "'? Names are schema.table";
    }
    names.push_back(relation.full_name());
  }
  const auto nearest = nearest_name(literal, names);
  if (nearest) return "did you mean '" + *nearest + "'?";
  return "create the table first, or take it out of the list; names are schema.table, regexes of "
         "Java";
}

void check_include_item(const Inspection& inspection, const TableFilter& filter, size_t item,
                        std::span<const Relation> relations) {
  const std::string& text = filter.table_include().items()[item];
  const Relation* other = nullptr;
  for (const Relation& relation : relations) {
    if (!filter.table_include().item_matches(item, relation.full_name())) continue;
    const bool is_table = relation.kind == 'r' || relation.kind == 'p';
    if (is_table && filter.captures_table(relation.schema, relation.name)) return;
    other = &relation;
  }
  Findings& findings = inspection.findings;
  const auto literal = literal_of(text);
  if (other != nullptr && other->kind != 'r' && other->kind != 'p') {
    findings.error(kInclude,
                   "'" + other->full_name() + "' is " + std::string(kind_name(other->kind)) +
                       ", which has no changes of its own",
                   "capture the tables that it shows");
  } else if (other != nullptr) {
    findings.error(kInclude,
                   "'" + text + "' names " + other->full_name() +
                       ", whose schema schema.include.list or schema.exclude.list leaves out",
                   "make the lists agree");
  } else if (literal) {
    findings.error(kInclude, "there is no table '" + *literal + "' in this database",
                   meant_by(*literal, relations));
  } else {
    findings.warning(kInclude, "the regex '" + text + "' matches no table yet",
                     "tables that match later are added when they come");
  }
}

void check_lists(const Inspection& inspection, const TableFilter& filter,
                 std::span<const TableSchema> captured) {
  auto relations = read_relations(inspection.connection);
  if (!relations) return inspection.findings.failed(kInclude, relations.error());
  for (size_t item = 0; item < filter.table_include().items().size(); ++item) {
    check_include_item(inspection, filter, item, *relations);
  }
  if (captured.empty()) {
    inspection.findings.error(kInclude, "no table is captured",
                              "create the tables first, or change schema and table lists");
  }
}

// Columns that the snapshot may not read: (table, attnum).
using Forbidden = std::map<uint32_t, std::vector<int16_t>>;

Result<Forbidden> read_forbidden(const Inspection& inspection, const std::string& oids) {
  auto rows = inspection.connection.query(
      "select attrelid, attnum from pg_catalog.pg_attribute where attrelid = any($1::oid[]) and "
      "attnum > 0 and not attisdropped and not "
      "pg_catalog.has_column_privilege(attrelid, attnum, 'select')",
      {oids});
  if (!rows) return Failure(rows.error());
  Forbidden out;
  for (int row = 0; row < rows->count(); ++row) {
    out[number<uint32_t>(rows->text(row, 0))].push_back(number<int16_t>(rows->text(row, 1)));
  }
  return out;
}

bool needs(const TableSchema& table, int16_t attnum) {
  const auto at = std::ranges::find(table.columns, attnum, &Column::attnum);
  if (at == table.columns.end()) return false;
  const auto index = static_cast<uint16_t>(at - table.columns.begin());
  return at->captured || std::ranges::find(table.key, index) != table.key.end();
}

struct TableRights {
  std::set<uint32_t> without_usage;  // on the schema
  std::set<uint32_t> row_security;   // policies hide rows from us
  std::set<uint32_t> unlogged;
};

Result<TableRights> read_table_rights(const Inspection& inspection, const std::string& oids) {
  auto rows = inspection.connection.query(
      "select c.oid, pg_catalog.has_schema_privilege(c.relnamespace, 'usage'), "
      "pg_catalog.row_security_active(c.oid), c.relpersistence = 'u' from pg_catalog.pg_class c "
      "where c.oid = any($1::oid[])",
      {oids});
  if (!rows) return Failure(rows.error());
  TableRights rights;
  for (int row = 0; row < rows->count(); ++row) {
    const uint32_t oid = number<uint32_t>(rows->text(row, 0));
    if (!is_true(*rows, row, 1)) rights.without_usage.insert(oid);
    if (is_true(*rows, row, 2)) rights.row_security.insert(oid);
    if (is_true(*rows, row, 3)) rights.unlogged.insert(oid);
  }
  return rights;
}

void check_select(const Inspection& inspection, const Forbidden& forbidden,
                  const TableRights& rights, std::span<const TableSchema> captured) {
  std::vector<std::string> names;
  std::vector<std::string> quoted;
  std::set<std::string> schemas;
  for (const TableSchema& table : captured) {
    const auto columns = forbidden.find(table.oid);
    const bool hidden =
        columns != forbidden.end() &&
        std::ranges::any_of(columns->second, [&](int16_t attnum) { return needs(table, attnum); });
    const bool closed = rights.without_usage.contains(table.oid);
    if (closed) schemas.insert(inspection.connection.quote_identifier(table.schema));
    if (!hidden && !closed) continue;
    names.push_back(table.full_name());
    if (hidden) quoted.push_back(quoted_name(inspection.connection, table.schema, table.name));
  }
  if (names.empty()) return;
  const std::string role = inspection.connection.quote_identifier(inspection.config.user);
  std::string cure;
  for (const std::string& schema : schemas) {
    cure += "GRANT USAGE ON SCHEMA " + schema + " TO " + role + "; ";
  }
  if (!quoted.empty()) cure += "GRANT SELECT ON " + list_names(quoted) + " TO " + role + ";";
  inspection.findings.error("database.user",
                            "the snapshot may not read " + list_names(names) + ": no SELECT for '" +
                                inspection.config.user + "'",
                            cure);
}

std::vector<std::string> names_in(std::span<const TableSchema> captured,
                                  const std::set<uint32_t>& oids) {
  std::vector<std::string> names;
  for (const TableSchema& table : captured) {
    if (oids.contains(table.oid)) names.push_back(table.full_name());
  }
  return names;
}

void check_rights(const Inspection& inspection, std::span<const TableSchema> captured) {
  std::vector<uint32_t> list;
  for (const TableSchema& table : captured)
    list.push_back(table.oid);
  const std::string oids = oid_array(list);
  auto rights = read_table_rights(inspection, oids);
  if (!rights) return inspection.findings.failed(kInclude, rights.error());
  if (inspection.config.snapshot_mode != SnapshotMode::kNoData) {
    auto forbidden = read_forbidden(inspection, oids);
    if (!forbidden) return inspection.findings.failed(kInclude, forbidden.error());
    check_select(inspection, *forbidden, *rights, captured);
    const auto hidden = names_in(captured, rights->row_security);
    if (!hidden.empty()) {
      inspection.findings.error(
          "database.user",
          "row-level security hides rows of " + list_names(hidden) + " from the snapshot",
          "ALTER ROLE " + inspection.connection.quote_identifier(inspection.config.user) +
              " BYPASSRLS;");
    }
  }
  const auto unlogged = names_in(captured, rights->unlogged);
  if (!unlogged.empty()) {
    inspection.findings.warning(
        kInclude,
        "unlogged tables are in the snapshot only, their changes are not in the log: " +
            list_names(unlogged),
        "ALTER TABLE … SET LOGGED, or leave them out");
  }
}

void check_types(const Inspection& inspection, std::span<const TableSchema> captured) {
  std::vector<std::string> names;
  for (const TableSchema& table : captured) {
    for (const Column& column : table.columns) {
      const ColumnType& type = column.type;
      const bool known = type.type != PgType::kUnknown &&
                         (type.type != PgType::kArray || type.element != PgType::kUnknown);
      if (known || !column.captured) continue;
      names.push_back(table.full_name() + "." + column.name + " (" + type.name + ")");
    }
  }
  if (names.empty()) return;
  inspection.findings.warning(
      "include.unknown.datatypes",
      "columns of types that are not known are left out: " + list_names(names),
      "set include.unknown.datatypes=true to have them as text in bytes, or name them in "
      "column.exclude.list");
}

}  // namespace

void check_tables(const Inspection& inspection, const TableFilter& filter,
                  std::span<const TableSchema> captured) {
  check_lists(inspection, filter, captured);
  if (captured.empty()) return;
  check_rights(inspection, captured);
  check_types(inspection, captured);
}

}  // namespace millrace
