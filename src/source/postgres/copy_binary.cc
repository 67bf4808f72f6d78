#include "source/postgres/copy_binary.h"

#include <cstring>

namespace millrace {

namespace {

constexpr std::string_view kSignature("PGCOPY\n\377\r\n\0", 11);
constexpr int16_t kTrailer = -1;
constexpr int32_t kNull = -1;

std::string_view copied(std::string_view row, Arena& arena) {
  char* const bytes = arena.allocate(row.size());
  if (!row.empty()) std::memcpy(bytes, row.data(), row.size());
  return {bytes, row.size()};
}

}  // namespace

std::optional<std::string_view> CopyBinaryReader::row_in(std::string_view message) {
  ByteReader in(message);
  // No row begins so: 20,551 fields are more than a table can have.
  if (message.starts_with(kSignature)) {
    in.bytes(kSignature.size());
    in.u32();  // flags: none that matters to a reader of rows
    in.bytes(in.u32());
  }
  const std::string_view row(in.at(), in.left());
  if (in.left() == sizeof(kTrailer) && in.i16() == kTrailer) return std::nullopt;
  return row;
}

CopyBinaryReader::CopyBinaryReader(std::string_view row, Arena& arena)
    : arena_(arena), in_(copied(row, arena)), left_(in_.i16()) {}

Datum CopyBinaryReader::fail() {
  ok_ = false;
  return {};
}

Datum CopyBinaryReader::field(binary::Render render) {
  if (!ok_ || left_ <= 0) return fail();
  --left_;
  const int32_t size = in_.i32();
  if (size == kNull) return {};
  if (size < 0) return fail();
  const std::string_view value = in_.bytes(static_cast<size_t>(size));
  std::string_view text;
  if (!in_.ok() || render == nullptr || !binary::to_text(render, value, arena_, text)) {
    return fail();
  }
  return {text.data(), static_cast<uint32_t>(text.size()), DatumKind::kText};
}

}  // namespace millrace
