// Values of catalogue queries, from text.
#pragma once

#include <charconv>
#include <concepts>
#include <set>
#include <string>
#include <string_view>

#include "event/position.h"
#include "wire/postgres/connection.h"

namespace millrace {

// 0 where it is not a number.
template <std::integral T>
T number(std::string_view text) {
  T value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

inline bool is_true(const postgres::Rows& rows, int row, int column) {
  return rows.text(row, column) == "t";
}

// 0 for null.
inline Lsn lsn_of(const postgres::Rows& rows, int row, int column) {
  return parse_lsn(rows.text(row, column)).value_or(0);
}

// "1 2 3": string_agg of oids.
inline std::set<uint32_t> oid_set(std::string_view text) {
  std::set<uint32_t> out;
  while (!text.empty()) {
    const size_t end = text.find(' ');
    out.insert(number<uint32_t>(text.substr(0, end)));
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  }
  return out;
}

// "{1,2,3}", for a parameter of type oid[].
template <class Oids>
std::string oid_array(const Oids& oids) {
  std::string out = "{";
  for (const uint32_t oid : oids) {
    if (out.size() > 1) out += ',';
    out += std::to_string(oid);
  }
  return out + "}";
}

// "s"."t"
inline std::string quoted_name(const postgres::Connection& connection, std::string_view schema,
                               std::string_view table) {
  return connection.quote_identifier(schema) + "." + connection.quote_identifier(table);
}

}  // namespace millrace
