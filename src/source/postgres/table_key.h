// By which key a table is read in chunks, and where the chunks end. The server does all comparing.
//
// A key is good for it when changes name the rows by it (the primary key, or the index of the
// replica identity), all of its columns are kept, and its index gives the order that a comparison
// of rows has: a btree, ascending, with the types' own operators and the columns' collations. A
// table without such a key, one that others inherit from, and one with a SELECT of the user's is
// read in one go.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "event/schema.h"
#include "source/postgres/key_chunks.h"
#include "source/postgres/postgres_config.h"
#include "wire/postgres/connection.h"

namespace millrace {

struct TableKey {
  std::string shape;                 // another one after an ALTER TABLE that matters here
  std::vector<std::string> columns;  // quoted; empty: there is no such key
  uint64_t bytes = 0;                // of the table and its TOAST
  uint64_t pages = 0;                // of the table alone
  int64_t rows = -1;                 // as the server guesses; -1: it does not know

  // "k1, k2"
  std::string column_list() const;
  uint64_t chunks(uint64_t chunk_bytes) const;
};

// By OID; without tables that are gone.
Result<std::map<uint32_t, TableKey>> read_table_keys(postgres::Connection& connection,
                                                     const PostgresConfig& config,
                                                     std::span<const SchemaPtr> tables);

// A query for the keys where chunks of about chunk_bytes end, found in a sample of the table's
// pages: the index of the one of `chunks` that a key is in, then the key's columns; in order.
std::string bounds_query(const postgres::Connection& connection, const TableSchema& table,
                         const TableKey& key, uint64_t chunk_bytes,
                         std::span<const KeyChunk> chunks);

// Numbers all bounds of `lacks` by the server's order of the keys, kBoundSpacing apart.
Result<void> number_bounds(postgres::Connection& connection, const TableSchema& table,
                           const TableKey& key, std::span<BranchLacks> lacks);

}  // namespace millrace
