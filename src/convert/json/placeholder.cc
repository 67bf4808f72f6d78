#include "convert/json/placeholder.h"

#include <charconv>

#include "base/arena.h"
#include "base/base64.h"
#include "convert/json/json_writer.h"
#include "convert/json/name_uuid.h"

namespace millrace {

namespace {

std::string quoted(std::string_view text) {
  Arena arena(nullptr);
  JsonWriter writer(arena);
  writer.begin(text.size() + 2);
  writer.string(text);
  return std::string(writer.end());
}

std::string base64(std::string_view bytes, bool url_safe) {
  std::string out(base64_bytes(bytes.size()), '\0');
  put_base64(out.data(), bytes, url_safe);
  return '"' + out + '"';
}

}  // namespace

Placeholder::Placeholder(std::string_view setting) : bytes_(setting) {
  constexpr std::string_view kHexPrefix = "hex:";
  if (!setting.starts_with(kHexPrefix)) return;
  setting.remove_prefix(kHexPrefix.size());
  bytes_.clear();
  for (; setting.size() >= 2; setting.remove_prefix(2)) {
    uint8_t byte = 0;
    std::from_chars(setting.data(), setting.data() + 2, byte, 16);
    bytes_ += static_cast<char>(byte);
  }
}

std::string Placeholder::string() const {
  return quoted(bytes_);
}

// Debezium 3.3 writes null in the base64 modes; the marker is kept here, for null would read as
// data.
std::string Placeholder::binary(BinaryHandling mode) const {
  if (mode == BinaryHandling::kHex) return string();
  return base64(bytes_, mode == BinaryHandling::kBase64UrlSafe);
}

std::string Placeholder::map() const {
  return "{" + string() + ":" + string() + "}";
}

std::string Placeholder::map_text() const {
  return quoted(map());
}

// text[], varchar[], bpchar[], json[], jsonb[]: one element; int4[], date[], int8[]: the marker's
// bytes as numbers (signed); bytea[]: one element; uuid[]: one UUID made of the marker.
std::optional<std::string> Placeholder::array(PgType element) const {
  switch (element) {
    case PgType::kText:
    case PgType::kVarchar:
    case PgType::kBpchar:
    case PgType::kJson:
    case PgType::kJsonb:
      return "[" + string() + "]";
    case PgType::kBytea:
      return "[" + base64(bytes_, false) + "]";
    case PgType::kUuid:
      return "[" + quoted(name_uuid(bytes_)) + "]";
    case PgType::kInt4:
    case PgType::kInt8:
    case PgType::kDate: {
      std::string out = "[";
      for (const char c : bytes_) {
        if (out.size() > 1) out += ',';
        out += std::to_string(static_cast<int>(static_cast<signed char>(c)));
      }
      return out + "]";
    }
    default:
      return std::nullopt;
  }
}

}  // namespace millrace
