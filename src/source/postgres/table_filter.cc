#include "source/postgres/table_filter.h"

#include "config/field.h"

namespace millrace {

namespace {

bool is_system_schema(std::string_view schema) {
  return same_name(schema, "pg_catalog") || same_name(schema, "information_schema") ||
         schema.starts_with("pg_temp") || schema.starts_with("pg_toast");
}

std::string join(std::string_view a, std::string_view b) {
  std::string out;
  out.reserve(a.size() + 1 + b.size());
  out.append(a).append(".").append(b);
  return out;
}

}  // namespace

Result<TableFilter> TableFilter::make(const PostgresConfig& config) {
  TableFilter out;

  struct Source {
    std::string_view setting;
    const std::vector<std::string>& items;
    RegexList& to;
  };

  const Source sources[] = {
      {"schema.include.list", config.schema_include, out.schema_.include},
      {"schema.exclude.list", config.schema_exclude, out.schema_.exclude},
      {"table.include.list", config.table_include, out.table_.include},
      {"table.exclude.list", config.table_exclude, out.table_.exclude},
      {"column.include.list", config.column_include, out.column_.include},
      {"column.exclude.list", config.column_exclude, out.column_.exclude},
      {"snapshot.include.collection.list", config.snapshot_include, out.snapshot_},
  };
  for (const Source& source : sources) {
    auto list = RegexList::make(source.setting, source.items);
    if (!list) return Failure(list.error());
    source.to = std::move(*list);
  }
  return out;
}

bool TableFilter::captures_schema(std::string_view schema) const {
  return !is_system_schema(schema) && schema_.pass(schema);
}

bool TableFilter::captures_table(std::string_view schema, std::string_view table) const {
  if (same_name(table, "spatial_ref_sys")) return false;
  return captures_schema(schema) && table_.pass(join(schema, table));
}

bool TableFilter::captures_column(std::string_view schema, std::string_view table,
                                  std::string_view column) const {
  return column_.pass(join(join(schema, table), column));
}

bool TableFilter::snapshots_table(std::string_view schema, std::string_view table) const {
  return snapshot_.empty() || snapshot_.matches(join(schema, table));
}

}  // namespace millrace
