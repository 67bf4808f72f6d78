// Encoders of values that hold others: arrays, hstore, points, PostGIS, pgvector
// (ValueEncoding::Write).
#pragma once

#include <string_view>

#include "convert/json/value_encoding.h"

namespace millrace {

// One level; an element that is an array itself becomes null, as Debezium makes it.
bool write_array(const ValueEncoding& self, std::string_view text, EncodeContext& context);
bool write_hstore_json(const ValueEncoding& self, std::string_view text, EncodeContext& context);
bool write_hstore_map(const ValueEncoding& self, std::string_view text, EncodeContext& context);
// {"x","y","wkb","srid"}
bool write_point(const ValueEncoding& self, std::string_view text, EncodeContext& context);
// {"wkb","srid"}: the bytes are EWKB as PostGIS prints them
bool write_ewkb(const ValueEncoding& self, std::string_view text, EncodeContext& context);
bool write_double_vector(const ValueEncoding& self, std::string_view text, EncodeContext& context);
bool write_float_vector(const ValueEncoding& self, std::string_view text, EncodeContext& context);
bool write_sparse_vector(const ValueEncoding& self, std::string_view text, EncodeContext& context);

}  // namespace millrace
