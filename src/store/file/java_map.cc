#include "store/file/java_map.h"

#include <fmt/format.h>

#include <array>

#include "base/byte_reader.h"

namespace millrace {

namespace {

constexpr uint16_t kMagic = 0xaced;
constexpr uint16_t kVersion = 5;
constexpr uint32_t kFirstHandle = 0x7e0000;
// Of all keys and values together. References can name one array many times over, so the file's
// own size is no limit.
constexpr size_t kContentMax = 64 << 20;

enum Tag : uint8_t {
  kNull = 0x70,
  kReference = 0x71,
  kClass = 0x72,
  kObject = 0x73,
  kArray = 0x75,
  kBlock = 0x77,
  kEnd = 0x78,
  kLongBlock = 0x7a,
};

enum ClassFlags : uint8_t { kWritesItself = 1, kSerializable = 2 };

constexpr std::string_view kMapName = "java.util.HashMap";
constexpr uint64_t kMapSerial = 362498820763181265;
constexpr std::string_view kBytesName = "[B";
constexpr uint64_t kBytesSerial = 0xacf317f8060854e0;

// --- writing
// ---------------------------------------------------------------------------------------

template <size_t N>
void put(std::string& out, uint64_t value) {
  for (size_t i = 0; i < N; ++i)
    out += static_cast<char>(value >> (8 * (N - 1 - i)));
}

void put_name(std::string& out, std::string_view name) {
  put<2>(out, name.size());
  out += name;
}

void put_map_class(std::string& out) {
  put<1>(out, kClass);
  put_name(out, kMapName);
  put<8>(out, kMapSerial);
  put<1>(out, kWritesItself | kSerializable);
  put<2>(out, 2);
  out += 'F';
  put_name(out, "loadFactor");
  out += 'I';
  put_name(out, "threshold");
  put<1>(out, kEnd);
  put<1>(out, kNull);
}

void put_bytes_class(std::string& out) {
  put<1>(out, kClass);
  put_name(out, kBytesName);
  put<8>(out, kBytesSerial);
  put<1>(out, kSerializable);
  put<2>(out, 0);
  put<1>(out, kEnd);
  put<1>(out, kNull);
}

class BytesWriter {
 public:
  void put_value(std::string& out, const JavaBytes& value) {
    if (!value) return put<1>(out, kNull);
    put<1>(out, kArray);
    if (class_written_) {
      put<1>(out, kReference);
      put<4>(out, kFirstHandle + 2);  // 0: the map's class, 1: the map
    } else {
      put_bytes_class(out);
      class_written_ = true;
    }
    put<4>(out, value->size());
    out += *value;
  }

 private:
  bool class_written_ = false;
};

// As a HashMap that grew from its default size.
uint32_t buckets_of(size_t entries) {
  uint32_t buckets = 16;
  while (entries > size_t{buckets} / 4 * 3)
    buckets *= 2;
  return buckets;
}

// --- reading
// ---------------------------------------------------------------------------------------

// What a handle stands for. Strings of class descriptions have handles too.
struct Handle {
  enum class Kind { kMapClass, kBytesClass, kOther, kBytes } kind = Kind::kOther;
  std::string_view bytes = {};
};

class MapReader {
 public:
  explicit MapReader(std::string_view bytes) : bytes_(bytes), in_(bytes) {}

  Result<JavaMap> read() {
    JavaMap map;
    if (in_.u16() != kMagic || in_.u16() != kVersion) {
      refuse("it is no Java serialisation stream");
    } else {
      read_map(map);
    }
    if (wrong_.empty() && in_.ok() && in_.left() > 0) refuse("something stands after the map");
    if (!in_.ok() && wrong_.empty()) wrong_ = "it ends too early";
    if (!wrong_.empty())
      return fail(ErrorKind::kProtocol, fmt::format("byte {}: {}", wrong_at_, wrong_));
    return map;
  }

 private:
  void read_map(JavaMap& map) {
    if (in_.u8() != kObject) return refuse("it holds no object");
    if (read_class() != Handle::Kind::kMapClass) return refuse("it holds no java.util.HashMap");
    handles_.push_back({});  // the map itself
    in_.u32();               // loadFactor
    in_.u32();               // threshold
    const uint32_t entries = read_block();
    for (uint32_t i = 0; i < entries && good(); ++i) {
      JavaBytes key = read_bytes();
      JavaBytes value = read_bytes();
      map.emplace_back(std::move(key), std::move(value));
    }
    if (good() && in_.u8() != kEnd) refuse("the map has more than its entries");
  }

  // Buckets and number of entries, which the map writes itself.
  uint32_t read_block() {
    const uint8_t tag = in_.u8();
    const uint32_t length = tag == kBlock ? in_.u8() : tag == kLongBlock ? in_.u32() : 0;
    if (length != 8) {
      refuse("the map's size is missing");
      return 0;
    }
    in_.u32();  // buckets
    const uint32_t entries = in_.u32();
    // A null key and a null value are the least that an entry can be.
    if (entries > in_.left() / 2) refuse("the map's size is wrong");
    return entries;
  }

  JavaBytes read_bytes() {
    const uint8_t tag = in_.u8();
    if (tag == kNull) return std::nullopt;
    if (tag == kReference) {
      const Handle* handle = read_reference();
      if (handle != nullptr && handle->kind == Handle::Kind::kBytes) return taken(handle->bytes);
      refuse("a reference to no byte array");
      return std::nullopt;
    }
    if (tag != kArray || read_class() != Handle::Kind::kBytesClass) {
      refuse("a key or value is no byte array");
      return std::nullopt;
    }
    const std::string_view bytes = in_.bytes(in_.u32());
    handles_.push_back({Handle::Kind::kBytes, bytes});
    return taken(bytes);
  }

  JavaBytes taken(std::string_view bytes) {
    content_ += bytes.size();
    if (content_ <= kContentMax) return std::string(bytes);
    refuse("its keys and values are larger than 64 MiB");
    return std::nullopt;
  }

  Handle::Kind read_class() {
    if (!good()) return Handle::Kind::kOther;
    const uint8_t tag = in_.u8();
    if (tag == kReference) {
      const Handle* handle = read_reference();
      return handle == nullptr ? Handle::Kind::kOther : handle->kind;
    }
    if (tag != kClass) {
      refuse("a class description is missing");
      return Handle::Kind::kOther;
    }
    const std::string_view name = in_.bytes(in_.u16());
    const uint64_t serial = in_.u64();
    const Handle::Kind kind = kind_of(name, serial);
    if (kind == Handle::Kind::kOther) refuse("a class that is not expected here");
    handles_.push_back({kind, {}});
    read_class_rest(kind);
    return kind;
  }

  static Handle::Kind kind_of(std::string_view name, uint64_t serial) {
    if (name == kMapName && serial == kMapSerial) return Handle::Kind::kMapClass;
    if (name == kBytesName && serial == kBytesSerial) return Handle::Kind::kBytesClass;
    return Handle::Kind::kOther;
  }

  // Flags, fields, annotations, super class: all fixed for the two classes that we take.
  void read_class_rest(Handle::Kind kind) {
    const bool is_map = kind == Handle::Kind::kMapClass;
    const uint8_t flags = in_.u8();
    if (flags != (is_map ? kWritesItself | kSerializable : kSerializable))
      return refuse("unknown class flags");
    const uint16_t fields = in_.u16();
    if (fields != (is_map ? 2 : 0)) return refuse("unknown fields of a class");
    constexpr std::array<std::pair<char, std::string_view>, 2> kFields = {
        {{'F', "loadFactor"}, {'I', "threshold"}}};
    for (uint16_t i = 0; i < fields; ++i) {
      const char type = static_cast<char>(in_.u8());
      if (type != kFields[i].first || in_.bytes(in_.u16()) != kFields[i].second) {
        return refuse("unknown fields of java.util.HashMap");
      }
    }
    if (in_.u8() != kEnd || in_.u8() != kNull) refuse("a class description has more than expected");
  }

  const Handle* read_reference() {
    const uint32_t handle = in_.u32();
    if (handle < kFirstHandle || handle - kFirstHandle >= handles_.size()) return nullptr;
    return &handles_[handle - kFirstHandle];
  }

  bool good() const { return in_.ok() && wrong_.empty(); }

  // The first fault counts.
  void refuse(std::string what) {
    if (!good()) return;
    wrong_ = std::move(what);
    wrong_at_ = bytes_.size() - in_.left();
  }

  std::string_view bytes_;
  ByteReader in_;
  std::vector<Handle> handles_;
  size_t content_ = 0;
  std::string wrong_;
  size_t wrong_at_ = 0;
};

}  // namespace

std::string write_java_map(const JavaMap& map) {
  const uint32_t buckets = buckets_of(map.size());
  std::string out;
  put<2>(out, kMagic);
  put<2>(out, kVersion);
  put<1>(out, kObject);
  put_map_class(out);
  put<4>(out, 0x3f400000);                         // loadFactor 0.75
  put<4>(out, map.empty() ? 0 : buckets / 4 * 3);  // threshold
  put<1>(out, kBlock);
  put<1>(out, 8);
  put<4>(out, buckets);
  put<4>(out, map.size());
  BytesWriter bytes;
  for (const auto& [key, value] : map) {
    bytes.put_value(out, key);
    bytes.put_value(out, value);
  }
  put<1>(out, kEnd);
  return out;
}

Result<JavaMap> read_java_map(std::string_view bytes) {
  if (bytes.empty()) return JavaMap{};
  return MapReader(bytes).read();
}

}  // namespace millrace
