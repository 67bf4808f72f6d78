#include "source/postgres/relation_cache.h"

#include <algorithm>

#include "source/postgres/column_numbers.h"

namespace millrace {

namespace {

using pgoutput::Relation;
using pgoutput::RelationColumn;

// What the catalogue has not: everything that can be said of a column by the Relation alone.
Result<Column> column_of(const RelationColumn& from, const Relation& relation,
                         TableLookup& lookup) {
  Column column;
  column.name = from.name;
  column.identity = from.identity;
  column.captured = lookup.captures_column(relation.schema, relation.name, from.name);
  auto type = lookup.type(from.type, from.typmod);
  if (type) {
    column.type = std::move(*type);
  } else if (type.error().kind == ErrorKind::kNotFound) {
    column.type.oid = from.type;  // dropped since: its text is passed on as it is
    column.type.typmod = from.typmod;
  } else {
    return Failure(type.error());
  }
  return column;
}

const Column* find_column(const TableSchema& table, std::string_view name) {
  const auto at = std::ranges::find(table.columns, name, &Column::name);
  return at == table.columns.end() ? nullptr : &*at;
}

Result<Column> merged_column(const RelationColumn& from, const Relation& relation,
                             const TableSchema* known, TableLookup& lookup) {
  const Column* found = known == nullptr ? nullptr : find_column(*known, from.name);
  if (found == nullptr) return column_of(from, relation, lookup);
  Column column = *found;
  column.identity = from.identity;
  // A domain's own modifier is not in the Relation, so a difference is not always a change: the
  // type is asked.
  if (found->type.oid != from.type || found->type.typmod != from.typmod) {
    auto typed = column_of(from, relation, lookup);
    if (!typed) return typed;
    column.type = std::move(typed->type);
  }
  return column;
}

using Key = std::vector<uint16_t>;

// A key of the catalogue's by names; nullopt when a column of it is not in the stream's shape.
std::optional<Key> key_by_name(const TableSchema& known, const Key& of,
                               const std::vector<Column>& columns) {
  Key key;
  for (const uint16_t index : of) {
    const auto at = std::ranges::find(columns, known.columns[index].name, &Column::name);
    if (at == columns.end()) return std::nullopt;
    key.push_back(static_cast<uint16_t>(at - columns.begin()));
  }
  return key;
}

void set_keys(const TableSchema* known, TableSchema& table) {
  Key identity;
  if (table.identity != ReplicaIdentity::kFull) {  // which flags every column
    for (size_t i = 0; i < table.columns.size(); ++i) {
      if (table.columns[i].identity) identity.push_back(static_cast<uint16_t>(i));
    }
  }
  const auto named = [&](Key TableSchema::* key) {
    return known == nullptr ? std::nullopt : key_by_name(*known, known->*key, table.columns);
  };
  table.key = named(&TableSchema::key).value_or(identity);
  table.primary_key = named(&TableSchema::primary_key).value_or(Key());
  // The stream says by what the rows that follow are named; the catalogue may have another key now.
  const bool is_told = table.identity == ReplicaIdentity::kDefault;
  if (is_told && !std::ranges::is_permutation(table.primary_key, identity))
    table.primary_key = std::move(identity);
}

// Whether the catalogue describes the same columns as the message: then it has not moved on, as far
// as can be told.
bool is_of_this_moment(const Relation& relation, const TableSchema& known,
                       const std::vector<int16_t>& numbers) {
  for (size_t i = 0; i < relation.columns.size(); ++i) {
    const RelationColumn& from = relation.columns[i];
    const Column* found = find_column(known, from.name);
    if (found == nullptr || found->attnum != numbers[i] || found->type.oid != from.type ||
        found->type.typmod != from.typmod) {
      return false;
    }
  }
  return true;
}

// What the message does not say: which column is which, and which file the rows are in.
void number_columns(const Relation& relation, const TableSchema* known, TableSchema& table) {
  if (known == nullptr || known->attribute_count == 0) return;
  const std::vector<int16_t> numbers = column_numbers(relation, *known);
  for (size_t i = 0; i < numbers.size(); ++i) {
    Column& column = table.columns[i];
    if (column.attnum == numbers[i]) continue;
    column.attnum = numbers[i];
    column.missing_value.reset();  // of another column
  }
  table.attribute_count = known->attribute_count;
  if (is_of_this_moment(relation, *known, numbers)) table.file_node = known->file_node;
}

bool same_shape(const TableSchema& a, const TableSchema& b) {
  return a.schema == b.schema && a.name == b.name && a.identity == b.identity &&
         a.columns == b.columns && a.key == b.key && a.primary_key == b.primary_key;
}

}  // namespace

SchemaPtr TableLookup::publish(std::shared_ptr<TableSchema> table) {
  SchemaPtr& last = published_[table->oid];
  if (last != nullptr) {
    table->version = last->version;
    if (*last == *table) return last;
  }
  table->version = next_schema_version();
  last = std::move(table);
  return last;
}

Result<void> RelationCache::update(const Relation& relation, Lsn at, uint32_t xid) {
  std::unique_ptr<StreamTable>& entry = tables_[relation.oid];
  if (!lookup_.captures_table(relation.schema, relation.name)) {
    entry = nullptr;
    return {};
  }
  const auto failed = [&](const Error& error) {
    return Failure(error.in("reading the catalogue for " + std::string(relation.schema) + "." +
                            std::string(relation.name) + " at " + format_lsn(at)));
  };
  if (auto seen = lookup_.wait_until_seen(xid); !seen) return failed(seen.error());
  auto known = lookup_.table(relation.oid);
  if (!known) return failed(known.error());
  const TableSchema* catalogue = *known ? &**known : nullptr;
  auto table = std::make_shared<TableSchema>();
  table->oid = relation.oid;
  table->schema = relation.schema;
  table->name = relation.name;
  table->identity = relation.identity;
  for (const RelationColumn& from : relation.columns) {
    auto column = merged_column(from, relation, catalogue, lookup_);
    if (!column) return failed(column.error());
    table->columns.push_back(std::move(*column));
  }
  set_keys(catalogue, *table);
  number_columns(relation, catalogue, *table);
  if (entry != nullptr && same_shape(*entry->schema, *table)) return {};
  entry = std::make_unique<StreamTable>(lookup_.publish(std::move(table)), binary_version_);
  return {};
}

Result<StreamTable*> RelationCache::find(uint32_t oid, Lsn at) {
  const auto found = tables_.find(oid);
  if (found == tables_.end()) {
    return fail(ErrorKind::kProtocol, "a row at " + format_lsn(at) + " of a relation (oid " +
                                          std::to_string(oid) + ") that was not announced");
  }
  return found->second.get();
}

}  // namespace millrace
