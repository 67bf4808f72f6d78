// The tables as the stream announces them: what Relation messages say, completed by the catalogue
// (I9).
//
// Names, order, types and identity flags are the Relation's, for it describes the rows that follow;
// the catalogue, which may be newer, adds nullability, defaults, enum labels and the key, matched
// by column name. A column that it no longer has is nullable and without default; a key that it
// spells with such a column is replaced by the replica identity. The columns' numbers come from the
// catalogue as far as they are certain (column_numbers.h).
//
// Of one connection: the server sends Relation at a table's first row in it, and again after
// anything about the table changed, nullability and defaults included, which Relation does not
// show: so each one asks the catalogue. A new schema version is made only when something differs.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "base/result.h"
#include "event/schema.h"
#include "source/postgres/pgoutput_reader.h"

namespace millrace {

// What the cache asks. The catalogue answers; tests script it.
class TableLookup {
 public:
  virtual ~TableLookup() = default;
  virtual bool captures_table(std::string_view schema, std::string_view table) const = 0;
  virtual bool captures_column(std::string_view schema, std::string_view table,
                               std::string_view column) const = 0;
  // nullopt: the table is gone.
  virtual Result<std::optional<TableSchema>> table(uint32_t oid) = 0;
  virtual Result<ColumnType> type(uint32_t oid, int32_t typmod) = 0;

  // Waits until what a transaction has done can be seen: the server sends it before. An end to its
  // patience is no error.
  virtual Result<void> wait_until_seen(uint32_t /*xid*/) { return {}; }

  // Given a version; or the one that an earlier connection gave, where nothing has changed since:
  // what is kept by version does not grow with each connection.
  SchemaPtr publish(std::shared_ptr<TableSchema> table);

 private:
  std::unordered_map<uint32_t, SchemaPtr> published_;  // by OID, the newest
};

struct StreamTable {
  StreamTable(SchemaPtr table, int binary_version)
      : schema(std::move(table)), shape(*schema, binary_version) {}

  SchemaPtr schema;
  pgoutput::TupleShape shape;
  uint64_t batch = 0;  // number of the last batch that was given the schema
};

class RelationCache {
 public:
  // binary_version: as TupleShape has it
  explicit RelationCache(TableLookup& lookup, int binary_version = 0)
      : lookup_(lookup), binary_version_(binary_version) {}

  // `xid`: of the transaction that it comes in.
  Result<void> update(const pgoutput::Relation& relation, Lsn at, uint32_t xid);

  // Null: a table that is not captured. kProtocol when no Relation named it. The pointer lives
  // until the next update.
  Result<StreamTable*> find(uint32_t oid, Lsn at);

 private:
  TableLookup& lookup_;
  const int binary_version_;
  std::unordered_map<uint32_t, std::unique_ptr<StreamTable>> tables_;
};

}  // namespace millrace
