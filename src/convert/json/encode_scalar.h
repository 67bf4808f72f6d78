// Encoders of numbers, strings, bytes and bits (ValueEncoding::Write).
#pragma once

#include <string_view>

#include "convert/json/value_encoding.h"

namespace millrace {

bool write_bool(const ValueEncoding& self, std::string_view text, EncodeContext& context);
bool write_integer(const ValueEncoding& self, std::string_view text, EncodeContext& context);
bool write_float(const ValueEncoding& self, std::string_view text, EncodeContext& context);
bool write_double(const ValueEncoding& self, std::string_view text, EncodeContext& context);
bool write_numeric(const ValueEncoding& self, std::string_view text, EncodeContext& context);
bool write_money(const ValueEncoding& self, std::string_view text, EncodeContext& context);
bool write_string(const ValueEncoding& self, std::string_view text, EncodeContext& context);
bool write_bytea(const ValueEncoding& self, std::string_view text, EncodeContext& context);
// bit(1): a boolean
bool write_bit(const ValueEncoding& self, std::string_view text, EncodeContext& context);
// bit(n), varbit: little-endian bytes up to the highest set bit
bool write_bits(const ValueEncoding& self, std::string_view text, EncodeContext& context);
// A type nobody knows: the bytes of its text.
bool write_text_bytes(const ValueEncoding& self, std::string_view text, EncodeContext& context);
// lseg, box, path, polygon, circle, line: the same, with numbers as Java writes them.
bool write_geometric_bytes(const ValueEncoding& self, std::string_view text,
                           EncodeContext& context);

bool is_geometric(std::string_view type_name);

// Writes a double as JSON: NaN and infinities are strings.
void write_java_double(double value, EncodeContext& context);
void write_java_float(float value, EncodeContext& context);

}  // namespace millrace
