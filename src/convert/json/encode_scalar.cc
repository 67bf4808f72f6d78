#include "convert/json/encode_scalar.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/hex.h"
#include "convert/json/java_number.h"

namespace millrace {

namespace {

// PostgreSQL's text of a float; also what a default expression may say. Underflow is zero, overflow
// infinite, as in Java.
template <class Float>
bool parse_float(std::string_view text, Float& value) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end.ec == std::errc::invalid_argument || end.ptr != text.data() + text.size()) return false;
  if (end.ec == std::errc::result_out_of_range) {
    double wide = 0;
    const auto again = std::from_chars(text.data(), text.data() + text.size(), wide);
    const bool tiny = again.ec == std::errc() ? std::abs(wide) < 1 : text.find("e-") != text.npos;
    value = tiny ? Float{0} : std::numeric_limits<Float>::infinity();
    if (text.starts_with('-')) value = -value;
  }
  return true;
}

void write_special(std::string_view name, EncodeContext& context) {
  if (context.form == HeaderForm::kSimple)
    context.out.raw(name);
  else
    context.out.string(name);
}

template <class Float>
bool write_not_finite(Float value, EncodeContext& context) {
  if (std::isnan(value))
    write_special("NaN", context);
  else if (std::isinf(value))
    write_special(value < 0 ? "-Infinity" : "Infinity", context);
  else
    return false;
  return true;
}

void write_decimal(EncodeContext& context) {
  if (context.form == HeaderForm::kSimple || context.decimal_format == DecimalFormat::kNumeric) {
    context.text.clear();
    append_scientific(context.decimal, context.text);
    context.out.raw(context.text);
    return;
  }
  unscaled_bytes(context.decimal, context.bytes);
  context.base64(context.bytes);
}

void write_variable_scale(EncodeContext& context) {
  strip_fraction_zeros(context.decimal);
  unscaled_bytes(context.decimal, context.bytes);
  context.out.raw(R"({"scale":)");
  context.out.number(context.decimal.scale);
  context.out.raw(R"(,"value":)");
  context.base64(context.bytes);
  context.out.raw('}');
}

bool write_special_numeric(const ValueEncoding& self, std::string_view text,
                           EncodeContext& context) {
  const bool is_nan = text == "NaN";
  const bool is_negative = text == "-Infinity";
  if (!is_nan && !is_negative && text != "Infinity") return false;
  switch (self.decimals) {
    case DecimalHandling::kPrecise:
      return false;
    case DecimalHandling::kDouble:
      write_special(text, context);
      return true;
    case DecimalHandling::kString:
      context.string(is_nan ? "NAN" : (is_negative ? "NEGATIVE_INFINITY" : "POSITIVE_INFINITY"));
      return true;
  }
  return false;
}

void write_plain(EncodeContext& context) {
  context.text.clear();
  append_plain(context.decimal, context.text);
  context.string(context.text);
}

bool write_bytes(const ValueEncoding& self, std::string_view bytes, EncodeContext& context) {
  if (self.binary != BinaryHandling::kHex) {
    context.base64(bytes, self.binary == BinaryHandling::kBase64UrlSafe);
    return true;
  }
  char* to = context.out.room(2 * bytes.size() + 2);
  *to++ = '"';
  to = put_hex(to, bytes);
  *to++ = '"';
  context.out.advance_to(to);
  return true;
}

}  // namespace

bool write_bool(const ValueEncoding&, std::string_view text, EncodeContext& context) {
  context.out.raw(text == "t" || same_name(text, "true") ? "true" : "false");
  return true;
}

bool write_integer(const ValueEncoding&, std::string_view text, EncodeContext& context) {
  const std::string_view digits = text.substr(text.starts_with('-') ? 1 : 0);
  if (digits.empty() || (digits.size() > 1 && digits.front() == '0')) return false;
  for (const char c : digits) {
    if (c < '0' || c > '9') return false;
  }
  context.out.raw(text);
  return true;
}

void write_java_double(double value, EncodeContext& context) {
  if (write_not_finite(value, context)) return;
  context.out.advance_to(put_java_double(context.out.room(kJavaNumberBytesMax), value));
}

void write_java_float(float value, EncodeContext& context) {
  if (write_not_finite(value, context)) return;
  context.out.advance_to(put_java_float(context.out.room(kJavaNumberBytesMax), value));
}

bool write_float(const ValueEncoding&, std::string_view text, EncodeContext& context) {
  float value = 0;
  if (!parse_float(text, value)) return false;
  write_java_float(value, context);
  return true;
}

bool write_double(const ValueEncoding&, std::string_view text, EncodeContext& context) {
  double value = 0;
  if (!parse_float(text, value)) return false;
  write_java_double(value, context);
  return true;
}

bool write_numeric(const ValueEncoding& self, std::string_view text, EncodeContext& context) {
  Decimal& decimal = context.decimal;
  if (!parse_decimal(text, decimal)) return write_special_numeric(self, text, context);
  if (self.scale && !set_scale(decimal, *self.scale, Rounding::kUnnecessary)) return false;
  switch (self.decimals) {
    case DecimalHandling::kPrecise:
      if (self.scale)
        write_decimal(context);
      else
        write_variable_scale(context);
      return true;
    case DecimalHandling::kDouble:
      write_java_double(to_double(decimal), context);
      return true;
    case DecimalHandling::kString:
      write_plain(context);
      return true;
  }
  return false;
}

bool write_money(const ValueEncoding& self, std::string_view text, EncodeContext& context) {
  if (!parse_money(text, context.decimal)) return false;
  switch (self.decimals) {
    case DecimalHandling::kPrecise:
      set_scale(context.decimal, self.scale.value_or(0), Rounding::kHalfUp);
      write_decimal(context);
      return true;
    case DecimalHandling::kDouble:
      write_java_double(to_double(context.decimal), context);
      return true;
    case DecimalHandling::kString:
      if (!context.snapshot) {
        write_plain(context);
        return true;
      }
      // A snapshot gets money as a double from the JDBC driver, and writes that.
      context.out.raw('"');
      write_java_double(to_double(context.decimal), context);
      context.out.raw('"');
      return true;
  }
  return false;
}

bool write_string(const ValueEncoding&, std::string_view text, EncodeContext& context) {
  context.string(text);
  return true;
}

bool write_bytea(const ValueEncoding& self, std::string_view text, EncodeContext& context) {
  return read_bytea(text, context.bytes) && write_bytes(self, context.bytes, context);
}

bool write_bit(const ValueEncoding&, std::string_view text, EncodeContext& context) {
  if (text != "0" && text != "1") return false;
  context.out.raw(text == "1" ? "true" : "false");
  return true;
}

bool write_bits(const ValueEncoding&, std::string_view text, EncodeContext& context) {
  context.bytes.clear();
  const size_t highest = text.find('1');
  const size_t bits = highest == std::string_view::npos ? 0 : text.size() - highest;
  context.bytes.assign((bits + 7) / 8, '\0');
  for (size_t i = 0; i < bits; ++i) {
    const bool set = text[text.size() - 1 - i] == '1';
    if (set) context.bytes[i / 8] = static_cast<char>(context.bytes[i / 8] | 1 << (i % 8));
  }
  context.base64(context.bytes);
  return true;
}

bool write_text_bytes(const ValueEncoding& self, std::string_view text, EncodeContext& context) {
  return write_bytes(self, text, context);
}

bool write_geometric_bytes(const ValueEncoding& self, std::string_view text,
                           EncodeContext& context) {
  context.text.clear();
  constexpr std::string_view kNumber = "+-.0123456789eENaInfty";
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find_first_not_of(kNumber, at), text.size());
    double value = 0;
    if (end == at) {
      context.text += text[at++];
    } else if (parse_float(text.substr(at, end - at), value) && std::isfinite(value)) {
      std::array<char, kJavaNumberBytesMax> number{};
      context.text.append(number.data(), put_java_double(number.data(), value));
      at = end;
    } else {
      context.text += text.substr(at, end - at);
      at = end;
    }
  }
  return write_bytes(self, context.text, context);
}

bool is_geometric(std::string_view type_name) {
  constexpr std::array<std::string_view, 6> kNames = {"lseg",    "box",    "path",
                                                      "polygon", "circle", "line"};
  return std::find(kNames.begin(), kNames.end(), type_name) != kNames.end();
}

}  // namespace millrace
