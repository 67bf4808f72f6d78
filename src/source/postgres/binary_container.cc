#include "source/postgres/binary_container.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <span>

#include "base/byte_reader.h"

namespace millrace::binary {

namespace {

constexpr size_t kMaxDimensions = 6;
constexpr size_t kLongest = 0x3fffffff;  // no text of the server's is longer

// How a text is quoted within another.
struct Quoting {
  std::array<bool, 256> quoted{};  // by byte: what may not stand unquoted
  char escape = 0;                 // before '"' and '\'; 0: they are doubled
};

constexpr Quoting make_quoting(std::string_view specials, char escape) {
  Quoting out;
  out.escape = escape;
  for (const char c : specials)
    out.quoted[static_cast<uint8_t>(c)] = true;
  return out;
}

constexpr Quoting kInArray = make_quoting(" \t\n\v\f\r\"\\{},", '\\');
constexpr Quoting kInRange = make_quoting(" \t\n\v\f\r\"\\()[],", '\0');

bool is_escaped(char c) {
  return c == '"' || c == '\\';
}

// Puts what was written from `start` on in quotes.
void quote(size_t start, char escape, ArenaText& out) {
  const std::string_view plain(out.data() + start, out.size() - start);
  const auto escapes = static_cast<size_t>(std::ranges::count_if(plain, is_escaped));
  const size_t length = plain.size();
  char* to = out.room(escapes + 2);
  char* from = to;
  to += escapes + 2;
  out.ended(to);
  *--to = '"';
  // Backwards, so that nothing is written over before it is moved.
  for (size_t i = 0; i < length; ++i) {
    *--to = *--from;
    if (is_escaped(*to)) {
      --to;
      *to = escape == 0 ? to[1] : escape;
    }
  }
  *--to = '"';
}

bool needs_quotes(std::string_view text, const Quoting& quoting) {
  return text.empty() ||
         std::ranges::any_of(text, [&](char c) { return quoting.quoted[static_cast<uint8_t>(c)]; });
}

// Without a quoted one the word would be the null.
bool is_null_word(std::string_view text) {
  constexpr std::string_view kNull = "null";
  return std::ranges::equal(text, kNull, {}, [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
}

void put_number(int64_t value, ArenaText& out) {
  constexpr size_t kBytesMax = 24;
  char* to = out.room(kBytesMax);
  out.ended(std::to_chars(to, to + kBytesMax, value).ptr);
}

struct Dimension {
  int32_t size = 0;
  int32_t lower = 1;
};

struct Dimensions {
  std::array<Dimension, kMaxDimensions> all{};
  size_t count = 0;
  uint64_t elements = 0;

  std::span<const Dimension> span() const { return {all.data(), count}; }
};

bool read_dimensions(ByteReader& in, Dimensions& out) {
  out.count = in.u32();
  in.u32();  // whether there are nulls
  in.u32();  // the elements' type
  if (!in.ok() || out.count > kMaxDimensions) return false;
  out.elements = out.count == 0 ? 0 : 1;
  for (size_t i = 0; i < out.count; ++i) {
    Dimension& dimension = out.all[i];
    dimension.size = in.i32();
    dimension.lower = in.i32();
    if (dimension.size < 0) return false;
    out.elements *= static_cast<uint64_t>(dimension.size);
    if (out.elements > in.left()) return false;  // each has its length
  }
  return in.ok();
}

// [0:1][1:3]=
void put_bounds(const Dimensions& dimensions, ArenaText& out) {
  const bool usual =
      std::ranges::all_of(dimensions.span(), [](const Dimension& d) { return d.lower == 1; });
  if (usual) return;
  for (const Dimension& dimension : dimensions.span()) {
    out.put('[');
    put_number(dimension.lower, out);
    out.put(':');
    put_number(int64_t{dimension.lower} + dimension.size - 1, out);
    out.put(']');
  }
  out.put('=');
}

bool put_element(ByteReader& in, ElementRender element, ArenaText& out) {
  const int32_t length = in.i32();
  if (length < 0) {
    out.put("NULL");
    return in.ok() && length == -1;
  }
  const std::string_view value = in.bytes(static_cast<size_t>(length));
  const size_t start = out.size();
  if (!in.ok() || !element(value, out) || out.size() > kLongest) return false;
  const std::string_view text(out.data() + start, out.size() - start);
  if (needs_quotes(text, kInArray) || is_null_word(text)) quote(start, kInArray.escape, out);
  return true;
}

// How many of the innermost dimensions begin anew with element `index`: 0 … count.
size_t turns_at(const Dimensions& dimensions, uint64_t index) {
  size_t turns = 0;
  for (; turns < dimensions.count; ++turns) {
    const auto size = static_cast<uint64_t>(dimensions.all[dimensions.count - 1 - turns].size);
    if (index % size != 0) break;
    index /= size;
  }
  return turns;
}

void put_repeated(char c, size_t count, ArenaText& out) {
  for (size_t i = 0; i < count; ++i)
    out.put(c);
}

void put_hstore_text(std::string_view text, ArenaText& out) {
  const size_t start = out.size();
  out.put(text);
  quote(start, '\\', out);
}

bool put_bound(ByteReader& in, ElementRender bound, ArenaText& out) {
  const int32_t length = in.i32();
  if (length < 0) return false;
  const std::string_view value = in.bytes(static_cast<size_t>(length));
  const size_t start = out.size();
  if (!in.ok() || !bound(value, out)) return false;
  const std::string_view text(out.data() + start, out.size() - start);
  if (needs_quotes(text, kInRange)) quote(start, kInRange.escape, out);
  return true;
}

}  // namespace

bool put_array(std::string_view value, ElementRender element, ArenaText& out) {
  ByteReader in(value);
  Dimensions dimensions;
  if (!read_dimensions(in, dimensions)) return false;
  if (dimensions.elements == 0) {
    out.put("{}");
    return in.left() == 0;
  }
  put_bounds(dimensions, out);
  put_repeated('{', dimensions.count, out);
  for (uint64_t i = 0; i < dimensions.elements; ++i) {
    if (i > 0) {
      const size_t turns = turns_at(dimensions, i);
      put_repeated('}', turns, out);
      out.put(',');
      put_repeated('{', turns, out);
    }
    if (!put_element(in, element, out)) return false;
  }
  put_repeated('}', dimensions.count, out);
  return in.left() == 0;
}

bool put_range(std::string_view value, ElementRender bound, ArenaText& out) {
  constexpr uint8_t kEmpty = 0x01;
  constexpr uint8_t kLowerIncluded = 0x02;
  constexpr uint8_t kUpperIncluded = 0x04;
  constexpr uint8_t kNoLower = 0x08;
  constexpr uint8_t kNoUpper = 0x10;
  ByteReader in(value);
  const uint8_t flags = in.u8();
  if ((flags & kEmpty) != 0) {
    out.put("empty");
    return in.ok() && in.left() == 0;
  }
  out.put((flags & kLowerIncluded) != 0 ? '[' : '(');
  if ((flags & kNoLower) == 0 && !put_bound(in, bound, out)) return false;
  out.put(',');
  if ((flags & kNoUpper) == 0 && !put_bound(in, bound, out)) return false;
  out.put((flags & kUpperIncluded) != 0 ? ']' : ')');
  return in.ok() && in.left() == 0;
}

bool render_hstore(std::string_view value, ArenaText& out) {
  ByteReader in(value);
  const uint32_t count = in.u32();
  for (uint32_t i = 0; i < count && in.ok(); ++i) {
    if (i > 0) out.put(", ");
    put_hstore_text(in.bytes(in.u32()), out);
    out.put("=>");
    const int32_t length = in.i32();
    if (length >= 0) {
      put_hstore_text(in.bytes(static_cast<size_t>(length)), out);
    } else {
      out.put("NULL");
    }
  }
  return in.ok() && in.left() == 0;
}

}  // namespace millrace::binary
