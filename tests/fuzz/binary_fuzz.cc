// Values in binary → text: what it is made of is the value or the arena, the same each time, and a
// number reads back as itself. An input is three bytes of choices (type, an array's element, the
// server's version) and the value.
#include <bit>
#include <charconv>
#include <iterator>
#include <string>

#include "base/byte_reader.h"
#include "fuzz.h"
#include "source/postgres/binary_text.h"

namespace millrace::fuzz {

namespace {

constexpr size_t kPgTypes = static_cast<size_t>(PgType::kArray) + 1;
constexpr int kVersions[] = {140000, 160000, 180000};

ColumnType type_of(Input& in) {
  ColumnType out;
  out.type = static_cast<PgType>(in.choice(kPgTypes));
  out.element = static_cast<PgType>(in.choice(kPgTypes));
  return out;
}

template <class Float, class Bits>
bool reads_back(std::string_view text, Bits bits) {
  Float read = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), read);
  const Float value = std::bit_cast<Float>(bits);
  return end.ec == std::errc() && end.ptr == text.data() + text.size() &&
         (read == value || (read != read && value != value));
}

void require_number(PgType type, std::string_view value, std::string_view text) {
  ByteReader in(value);
  if (type == PgType::kFloat4) require(reads_back<float>(text, in.u32()), "a float4 reads back");
  if (type == PgType::kFloat8) require(reads_back<double>(text, in.u64()), "a float8 reads back");
  if (type == PgType::kInt4) require(text == std::to_string(in.i32()), "an int4 is its number");
}

}  // namespace

void fuzz_one(std::string_view input) {
  Input in(input);
  const ColumnType type = type_of(in);
  const int version = kVersions[in.choice(std::size(kVersions))];
  const ExactCopy value(in.rest());
  const binary::Render render = binary::renderer_of(type, version);
  if (render == nullptr) return;
  Arena arena(nullptr);
  std::string_view text;
  if (!binary::to_text(render, value.view(), arena, text)) return;
  require(text.data() != nullptr, "a text is not null");
  require(lies_in(text, value.view()) || arena.bytes() >= text.size(), "a text lies somewhere");
  std::string_view again;
  require(binary::to_text(render, value.view(), arena, again), "what was read can be read again");
  require(text == again, "and gives the same");
  require_number(type.type, value.view(), text);
  if (type.type == PgType::kArray) require(text.ends_with('}'), "an array ends with a brace");
}

}  // namespace millrace::fuzz
