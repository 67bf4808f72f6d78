#include "convert/json/encode_nested.h"

#include <bit>
#include <charconv>
#include <cstring>

#include "base/arena.h"
#include "convert/json/array_text.h"
#include "convert/json/encode_scalar.h"
#include "convert/json/hstore_text.h"
#include "convert/json/java_hash_order.h"

namespace millrace {

namespace {

template <class Number>
bool take_number(std::string_view& text, Number& value) {
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end.ec != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(end.ptr - text.data()));
  return true;
}

bool take(std::string_view& text, char expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(1);
  return true;
}

void append_double_le(std::string& out, double value) {
  const auto bits = std::bit_cast<uint64_t>(value);
  for (int shift = 0; shift < 64; shift += 8)
    out += static_cast<char>(bits >> shift & 0xff);
}

bool decode_hex(std::string_view text, std::string& out) {
  out.clear();
  if (text.size() % 2 != 0) return false;
  for (size_t i = 0; i < text.size(); i += 2) {
    uint8_t byte = 0;
    const char* end = text.data() + i + 2;
    if (std::from_chars(text.data() + i, end, byte, 16).ptr != end) return false;
    out += static_cast<char>(byte);
  }
  return true;
}

// The SRID of an EWKB value; nullopt when it carries none.
std::optional<uint32_t> srid_of(std::string_view ewkb) {
  constexpr size_t kTypeAt = 1;
  constexpr size_t kSridAt = 5;
  constexpr uint32_t kHasSrid = 0x20000000;
  if (ewkb.size() < kSridAt + 4) return std::nullopt;
  const bool little = ewkb[0] == 1;
  const auto u32 = [&](size_t at) {
    uint32_t value = 0;
    for (size_t i = 0; i < 4; ++i) {
      value = value << 8 | static_cast<uint8_t>(ewkb[at + (little ? 3 - i : i)]);
    }
    return value;
  };
  if ((u32(kTypeAt) & kHasSrid) == 0) return std::nullopt;
  return u32(kSridAt);
}

template <class Number, class Write>
bool write_vector(std::string_view text, EncodeContext& context, Write write) {
  if (!take(text, '[')) return false;
  context.out.raw('[');
  for (bool first = true; !text.starts_with(']'); first = false) {
    Number value = 0;
    if (!first && !take(text, ',')) return false;
    if (!take_number(text, value)) return false;
    if (!first) context.out.raw(',');
    write(value, context);
  }
  context.out.raw(']');
  return text == "]";
}

}  // namespace

bool write_array(const ValueEncoding& self, std::string_view text, EncodeContext& context) {
  ArrayReader reader(text, self.delimiter);
  context.out.raw('[');
  for (bool first = true; reader.next(); first = false) {
    if (!first) context.out.raw(',');
    if (reader.is_null() || reader.is_nested()) {
      if (self.null_element_fails) return false;
      context.out.raw("null");
    } else if (!self.element->write(*self.element, reader.element(), context)) {
      return false;
    }
  }
  context.out.raw(']');
  return reader.ok();
}

bool write_hstore_json(const ValueEncoding&, std::string_view text, EncodeContext& context) {
  const auto entries = parse_hstore(text);
  if (!entries) return false;
  Arena arena(nullptr);
  JsonWriter inner(arena);
  inner.begin(2 * text.size());
  inner.raw('{');
  for (const HstoreEntry& entry : *entries) {
    if (inner.mark() > 1) inner.raw(',');
    inner.string(entry.key);
    inner.raw(':');
    if (entry.value)
      inner.string(*entry.value);
    else
      inner.raw("null");
  }
  inner.raw('}');
  context.string(inner.end());
  return true;
}

bool write_hstore_map(const ValueEncoding&, std::string_view text, EncodeContext& context) {
  const auto entries = parse_hstore(text);
  if (!entries) return false;
  context.out.raw('{');
  bool first = true;
  for (const HstoreEntry& entry : *entries) {
    if (!first) context.out.raw(',');
    first = false;
    context.string(entry.key);
    context.out.raw(':');
    if (entry.value)
      context.string(*entry.value);
    else
      context.out.raw("null");
  }
  context.out.raw('}');
  return true;
}

bool write_point(const ValueEncoding&, std::string_view text, EncodeContext& context) {
  double x = 0;
  double y = 0;
  const bool good = take(text, '(') && take_number(text, x) && take(text, ',') &&
                    take_number(text, y) && text == ")";
  if (!good) return false;
  context.out.raw(R"({"x":)");
  write_java_double(x, context);
  context.out.raw(R"(,"y":)");
  write_java_double(y, context);
  context.out.raw(R"(,"wkb":)");
  context.bytes.assign("\x01\x01\x00\x00\x00", 5);  // little-endian, Point
  append_double_le(context.bytes, x);
  append_double_le(context.bytes, y);
  context.base64(context.bytes);
  context.out.raw(R"(,"srid":null})");
  return true;
}

bool write_ewkb(const ValueEncoding&, std::string_view text, EncodeContext& context) {
  if (!decode_hex(text, context.bytes)) return false;
  context.out.raw(R"({"wkb":)");
  context.base64(context.bytes);
  context.out.raw(R"(,"srid":)");
  if (const auto srid = srid_of(context.bytes))
    context.out.number(static_cast<int32_t>(*srid));
  else
    context.out.raw("null");
  context.out.raw('}');
  return true;
}

bool write_double_vector(const ValueEncoding&, std::string_view text, EncodeContext& context) {
  return write_vector<double>(text, context, write_java_double);
}

bool write_float_vector(const ValueEncoding&, std::string_view text, EncodeContext& context) {
  return write_vector<float>(text, context, write_java_float);
}

// {1:1.5,3:2}/5. A vector without elements is null in Debezium's events: its parser refuses it.
bool write_sparse_vector(const ValueEncoding&, std::string_view text, EncodeContext& context) {
  struct Element {
    int16_t index;
    double value;
  };

  std::vector<Element> elements;
  std::vector<uint32_t> hashes;
  if (!take(text, '{') || text.starts_with('}')) return false;
  do {
    Element element{};
    if (!take_number(text, element.index) || !take(text, ':')) return false;
    if (!take_number(text, element.value)) return false;
    elements.push_back(element);
    hashes.push_back(static_cast<uint32_t>(int32_t{element.index}));
  } while (take(text, ','));
  int16_t dimensions = 0;
  if (!take(text, '}') || !take(text, '/') || !take_number(text, dimensions)) return false;
  context.out.raw(R"({"dimensions":)");
  context.out.number(dimensions);
  context.out.raw(R"(,"vector":[)");
  bool first = true;
  for (const size_t i : java_hash_order(hashes, java_hash_buckets(elements.size()))) {
    if (!first) context.out.raw(',');
    first = false;
    context.out.raw('[');
    context.out.number(elements[i].index);
    context.out.raw(',');
    write_java_double(elements[i].value, context);
    context.out.raw(']');
  }
  context.out.raw("]}");
  return true;
}

}  // namespace millrace
