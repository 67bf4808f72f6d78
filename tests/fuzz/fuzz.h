// What all fuzz targets share. A target defines fuzz_one(); entry.cc hands it each input of
// libFuzzer's.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

namespace millrace::fuzz {

void fuzz_one(std::string_view input);

// Ends the process, so that libFuzzer keeps the input, unless the fact holds.
void require(bool holds, std::string_view fact);

// One complete JSON value (RFC 8259) in valid UTF-8. Its own reader, so that it is no parser under
// test that judges.
bool is_json(std::string_view text);

// Whether `part` points into `whole`; an empty one may point anywhere.
bool lies_in(std::string_view part, std::string_view whole);

// A copy in memory of exactly its size: AddressSanitizer sees the first byte read behind it.
class ExactCopy {
 public:
  explicit ExactCopy(std::string_view bytes);

  std::string_view view() const { return {bytes_.get(), size_}; }

 private:
  std::unique_ptr<char[]> bytes_;
  size_t size_;
};

// Takes an input apart. After its end all is zero and empty.
class Input {
 public:
  explicit Input(std::string_view bytes) : left_(bytes) {}

  bool empty() const { return left_.empty(); }

  uint8_t byte();

  // 0 … n - 1, of one byte.
  size_t choice(size_t n) { return byte() % n; }

  // Up to the next zero byte, which is dropped.
  std::string_view text();
  std::string_view bytes(size_t n);

  std::string_view rest() { return bytes(left_.size()); }

 private:
  std::string_view left_;
};

}  // namespace millrace::fuzz
