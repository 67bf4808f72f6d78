// pgoutput messages as bytes, for tests.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "event/position.h"
#include "source/postgres/pgoutput_reader.h"

namespace millrace::bytes {

template <class T>
std::string big_endian(T value) {
  std::string out;
  for (int shift = 8 * (static_cast<int>(sizeof(T)) - 1); shift >= 0; shift -= 8) {
    out += static_cast<char>(static_cast<uint64_t>(value) >> shift & 0xff);
  }
  return out;
}

inline std::string zero_ended(std::string_view text) {
  return std::string(text) + '\0';
}

inline std::string begin(Lsn commit_lsn, uint32_t xid, int64_t commit_us = 1'000'000) {
  return "B" + big_endian(commit_lsn) + big_endian(commit_us - pgoutput::kPostgresEpochUs) +
         big_endian(xid);
}

inline std::string commit(Lsn commit_lsn, Lsn end_lsn, int64_t commit_us = 1'000'000) {
  return "C" + std::string(1, '\0') + big_endian(commit_lsn) + big_endian(end_lsn) +
         big_endian(commit_us - pgoutput::kPostgresEpochUs);
}

struct ColumnBytes {
  std::string_view name;
  uint32_t type = 25;
  bool identity = false;
  int32_t typmod = -1;
};

inline std::string relation(uint32_t oid, std::string_view schema, std::string_view name,
                            std::initializer_list<ColumnBytes> columns, char identity = 'd') {
  std::string out = "R" + big_endian(oid) + zero_ended(schema) + zero_ended(name) + identity +
                    big_endian(static_cast<uint16_t>(columns.size()));
  for (const ColumnBytes& column : columns) {
    out += static_cast<char>(column.identity ? 1 : 0);
    out += zero_ended(column.name) + big_endian(column.type) + big_endian(column.typmod);
  }
  return out;
}

// "n" null, "u" unchanged, "tTEXT" text, "bBYTES" binary.
inline std::string tuple(std::initializer_list<std::string_view> values) {
  std::string out = big_endian(static_cast<uint16_t>(values.size()));
  for (const std::string_view value : values) {
    out += value[0];
    if (value[0] != 't' && value[0] != 'b') continue;
    out += big_endian(static_cast<uint32_t>(value.size() - 1)) + std::string(value.substr(1));
  }
  return out;
}

inline std::string insert(uint32_t oid, const std::string& row) {
  return "I" + big_endian(oid) + "N" + row;
}

inline std::string update(uint32_t oid, const std::string& row) {
  return "U" + big_endian(oid) + "N" + row;
}

inline std::string update(uint32_t oid, char old_kind, const std::string& old_row,
                          const std::string& row) {
  return "U" + big_endian(oid) + old_kind + old_row + "N" + row;
}

inline std::string remove(uint32_t oid, char old_kind, const std::string& old_row) {
  return "D" + big_endian(oid) + old_kind + old_row;
}

inline std::string truncate(std::initializer_list<uint32_t> oids) {
  std::string out = "T" + big_endian(static_cast<uint32_t>(oids.size())) + '\0';
  for (const uint32_t oid : oids)
    out += big_endian(oid);
  return out;
}

inline std::string message(bool transactional, Lsn lsn, std::string_view prefix,
                           std::string_view content) {
  return "M" + std::string(1, transactional ? '\1' : '\0') + big_endian(lsn) + zero_ended(prefix) +
         big_endian(static_cast<uint32_t>(content.size())) + std::string(content);
}

}  // namespace millrace::bytes
