#include "source/postgres/binary_text.h"

#include <array>

#include "base/byte_reader.h"
#include "base/hex.h"
#include "source/postgres/binary_container.h"
#include "source/postgres/binary_network.h"
#include "source/postgres/binary_number.h"
#include "source/postgres/binary_temporal.h"

namespace millrace::binary {

namespace {

constexpr int kVersion15 = 150000;  // "char" in octal where it is not ASCII
constexpr int kVersion17 = 170000;  // infinite intervals

// The bytes are the text.
bool render_same(std::string_view value, ArenaText& out) {
  out.put(value);
  return true;
}

// A version number and the text: jsonb, ltree.
bool has_version(std::string_view value) {
  return value.starts_with('\1');
}

bool render_versioned(std::string_view value, ArenaText& out) {
  if (!has_version(value)) return false;
  out.put(value.substr(1));
  return true;
}

bool render_bool(std::string_view value, ArenaText& out) {
  if (value.size() != 1) return false;
  out.put(value[0] == 0 ? 'f' : 't');
  return true;
}

bool render_char(std::string_view value, ArenaText& out) {
  if (value.size() != 1) return false;
  const auto byte = static_cast<uint8_t>(value[0]);
  if (byte >= 0x80) {
    out.put('\\');
    for (int shift = 6; shift >= 0; shift -= 3)
      out.put(static_cast<char>('0' + (byte >> shift & 7)));
  } else if (byte != 0) {
    out.put(value[0]);
  }
  return true;
}

bool render_bytea(std::string_view value, ArenaText& out) {
  char* to = out.room(2 + 2 * value.size());
  *to++ = '\\';
  *to++ = 'x';
  out.ended(put_hex(to, value));
  return true;
}

bool render_uuid(std::string_view value, ArenaText& out) {
  constexpr size_t kParts[] = {4, 2, 2, 2, 6};
  if (value.size() != 16) return false;
  char* to = out.room(36);
  for (const size_t part : kParts) {
    to = put_hex(to, value.substr(0, part));
    value.remove_prefix(part);
    if (!value.empty()) *to++ = '-';
  }
  out.ended(to);
  return true;
}

bool render_bits(std::string_view value, ArenaText& out) {
  ByteReader in(value);
  const uint32_t count = in.u32();
  if (!in.ok() || in.left() != (uint64_t{count} + 7) / 8) return false;
  const char* bytes = in.at();
  char* to = out.room(count);
  for (uint32_t i = 0; i < count; ++i)
    *to++ = static_cast<char>('0' + (static_cast<uint8_t>(bytes[i / 8]) >> (7 - i % 8) & 1));
  out.ended(to);
  return true;
}

constexpr size_t kTypes = static_cast<size_t>(PgType::kArray) + 1;

struct Renders {
  std::array<Render, kTypes> value{};
  std::array<Render, kTypes> array{};

  template <Render Form>
  constexpr void set(std::initializer_list<PgType> types) {
    for (const PgType type : types) {
      value[static_cast<size_t>(type)] = Form;
      array[static_cast<size_t>(type)] = render_array<Form>;
    }
  }
};

constexpr Renders make_renders() {
  Renders out;
  out.set<render_same>({PgType::kText, PgType::kVarchar, PgType::kBpchar, PgType::kName,
                        PgType::kCitext, PgType::kJson, PgType::kXml, PgType::kEnum});
  out.set<render_versioned>({PgType::kJsonb, PgType::kLtree});
  out.set<render_bool>({PgType::kBool});
  out.set<render_char>({PgType::kChar});
  out.set<render_int2>({PgType::kInt2});
  out.set<render_int4>({PgType::kInt4});
  out.set<render_int8>({PgType::kInt8});
  out.set<render_oid>({PgType::kOid});
  out.set<render_float4>({PgType::kFloat4});
  out.set<render_float8>({PgType::kFloat8});
  out.set<render_numeric>({PgType::kNumeric});
  out.set<render_point>({PgType::kPoint});
  out.set<render_bytea>({PgType::kBytea});
  out.set<render_uuid>({PgType::kUuid});
  out.set<render_bits>({PgType::kBit, PgType::kVarbit});
  out.set<render_date>({PgType::kDate});
  out.set<render_time>({PgType::kTime});
  out.set<render_timetz>({PgType::kTimetz});
  out.set<render_timestamp>({PgType::kTimestamp});
  out.set<render_timestamptz>({PgType::kTimestamptz});
  out.set<render_interval>({PgType::kInterval});
  out.set<render_inet>({PgType::kInet});
  out.set<render_cidr>({PgType::kCidr});
  out.set<render_macaddr>({PgType::kMacaddr});
  out.set<render_macaddr8>({PgType::kMacaddr8});
  out.set<render_range<render_int4>>({PgType::kInt4range});
  out.set<render_range<render_int8>>({PgType::kInt8range});
  out.set<render_range<render_numeric>>({PgType::kNumrange});
  out.set<render_range<render_timestamp>>({PgType::kTsrange});
  out.set<render_range<render_timestamptz>>({PgType::kTstzrange});
  out.set<render_range<render_date>>({PgType::kDaterange});
  out.set<render_hstore>({PgType::kHstore});
  out.set<render_tsvector>({PgType::kTsvector});
  return out;
}

constexpr Renders kRenders = make_renders();

}  // namespace

Render renderer_of(const ColumnType& type, int server_version) {
  const bool is_array = type.type == PgType::kArray;
  const PgType value = is_array ? type.element : type.type;
  if (value == PgType::kChar && server_version < kVersion15) return nullptr;
  if (value == PgType::kInterval && server_version < kVersion17) {
    return is_array ? render_array<render_finite_interval> : render_finite_interval;
  }
  return (is_array ? kRenders.array : kRenders.value)[static_cast<size_t>(value)];
}

bool to_text(Render render, std::string_view value, Arena& arena, std::string_view& text) {
  if (render == render_same) {
    text = value;
    return true;
  }
  if (render == render_versioned) {
    text = value.substr(value.empty() ? 0 : 1);
    return has_version(value);
  }
  ArenaText out(arena);
  const bool good = render(value, out);
  text = out.finish();
  return good;
}

}  // namespace millrace::binary
