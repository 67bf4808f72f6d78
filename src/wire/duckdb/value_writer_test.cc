#include "wire/duckdb/value_writer.h"

#include <gtest/gtest.h>

#include <cstring>
#include <optional>
#include <string>

namespace millrace::duckdb {
namespace {

// A vector of one number, in place of DuckDB's.
struct Slot {
  alignas(16) unsigned char bytes[16] = {};
};

Api one_slot_api() {
  Api api{};
  api.vector_get_data = [](VectorHandle vector) -> void* { return vector; };
  return api;
}

// Of the slot's 128 bits those of its low (0) or high (1) half; nullopt when the value is refused.
std::optional<uint64_t> bits(std::string_view text, StorageType type, size_t half) {
  static const Api kApi = one_slot_api();
  Slot slot;
  Slots slots(kApi, reinterpret_cast<VectorHandle>(&slot));
  if (write_text(slots, 0, type, text) != nullptr) return std::nullopt;
  uint64_t found = 0;
  std::memcpy(&found, slot.bytes + half * sizeof found, sizeof found);
  return found;
}

std::optional<uint64_t> low_bits(std::string_view text, StorageType type) {
  return bits(text, type, 0);
}

std::optional<uint64_t> decimal(std::string_view text, uint8_t width, uint8_t scale) {
  return low_bits(text, {Storage::kDecimal, width, scale});
}

TEST(ValueWriter, ADecimalHasAsManyDigitsAsItsColumn) {
  EXPECT_EQ(decimal("0.25", 18, 2), 25u);
  EXPECT_EQ(decimal("000.25", 2, 2).value_or(0) & 0xff, 25u);
  EXPECT_EQ(decimal("12.3", 18, 2), 1230u);
  EXPECT_EQ(decimal("1.25", 2, 2), std::nullopt);
  EXPECT_EQ(decimal("0.250", 18, 2), 25u);
  EXPECT_EQ(decimal("0.251", 18, 2), std::nullopt);
}

// 38 digits fit into the 127 bits of the widest DECIMAL, 39 do not always.
TEST(ValueWriter, ADigitTooManyIsRefusedBeforeItOverflows) {
  const std::string nines(38, '9');
  EXPECT_EQ(decimal(nines, 38, 0), 0x98a223fffffffffu);
  EXPECT_EQ(decimal(nines + "9", 38, 0), std::nullopt);
}

TEST(ValueWriter, AUuidHasItsDigitsAndDashesInTheirPlaces) {
  const auto uuid = [](std::string_view text) { return low_bits(text, {Storage::kUuid}); };
  EXPECT_EQ(uuid("00112233-4455-6677-8899-aabbccddeeff"), 0x8899aabbccddeeffu);
  EXPECT_EQ(uuid("00112233-4455-6677-8899-AABBCCDDEEFF"), 0x8899aabbccddeeffu);
  // DuckDB turns the highest bit round, so that the numbers are in the order of the texts.
  EXPECT_EQ(bits("00112233-4455-6677-8899-aabbccddeeff", {Storage::kUuid}, 1), 0x8011223344556677u);
  for (const char* text :
       {"", "00112233-4455-6677-8899-aabbccddeef", "00112233-4455-6677-8899-aabbccddeeff0",
        "00112233-4455-6677-8899-aabbccddeefg", "0011223g-4455-6677-8899-aabbccddeeff",
        "00112233-4455-6677-88990aabbccddeeff", "00112233044550667708899-aabbccddeeff",
        "00112233-4455-6677-8899-aabbccddeef\xff"})
    EXPECT_EQ(uuid(text), std::nullopt) << text;
}

}  // namespace
}  // namespace millrace::duckdb
