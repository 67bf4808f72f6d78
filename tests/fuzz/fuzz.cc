#include "fuzz.h"

#include <simdjson.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <vector>

namespace millrace::fuzz {

namespace {

// A recogniser without recursion, for depth is what is tried here.
class JsonText {
 public:
  explicit JsonText(std::string_view text) : left_(text) {}

  bool whole() {
    std::vector<char> open;
    do {
      if (!value(open)) return false;
    } while (!open.empty());
    space();
    return left_.empty();
  }

 private:
  bool take(char c) {
    if (!left_.starts_with(c)) return false;
    left_.remove_prefix(1);
    return true;
  }

  bool take(std::string_view word) {
    if (!left_.starts_with(word)) return false;
    left_.remove_prefix(word.size());
    return true;
  }

  void space() { left_.remove_prefix(std::min(left_.find_first_not_of(" \t\r\n"), left_.size())); }

  // One scalar, or the start of a list or object; and whatever ends behind it.
  bool value(std::vector<char>& open) {
    space();
    if (take('[')) {
      open.push_back(']');
      space();
      return take(']') ? after(open, true) : true;
    }
    if (take('{')) {
      open.push_back('}');
      space();
      return take('}') ? after(open, true) : name();
    }
    const bool good = left_.starts_with('"')
                          ? string()
                          : take("null") || take("true") || take("false") || number();
    return good && after(open, false);
  }

  bool after(std::vector<char>& open, bool closed) {
    if (closed) open.pop_back();
    while (!open.empty()) {
      space();
      if (take(',')) return open.back() == ']' || name();
      if (!take(open.back())) return false;
      open.pop_back();
    }
    return true;
  }

  bool name() {
    space();
    if (!string()) return false;
    space();
    return take(':');
  }

  bool string() {
    if (!take('"')) return false;
    while (!left_.empty()) {
      if (take('"')) return true;
      if (static_cast<unsigned char>(left_.front()) < 0x20) return false;
      if (take('\\')) {
        if (!escape()) return false;
      } else {
        left_.remove_prefix(1);
      }
    }
    return false;
  }

  bool escape() {
    const bool is_code = take('u');
    const size_t length = is_code ? 4 : 1;
    if (left_.size() < length) return false;
    const std::string_view allowed = is_code ? "0123456789abcdefABCDEF" : "\"\\/bfnrt";
    const std::string_view written = left_.substr(0, length);
    left_.remove_prefix(length);
    return written.find_first_not_of(allowed) == std::string_view::npos;
  }

  size_t digits() {
    const size_t n = std::min(left_.find_first_not_of("0123456789"), left_.size());
    left_.remove_prefix(n);
    return n;
  }

  bool number() {
    take('-');
    if (!take('0') && digits() == 0) return false;
    if (take('.') && digits() == 0) return false;
    if (take('e') || take('E')) {
      if (!take('+')) take('-');
      return digits() > 0;
    }
    return true;
  }

  std::string_view left_;
};

}  // namespace

void require(bool holds, std::string_view fact) {
  if (holds) return;
  std::fprintf(stderr, "fuzz: does not hold: %.*s\n", static_cast<int>(fact.size()), fact.data());
  std::abort();
}

bool is_json(std::string_view text) {
  return !text.empty() && simdjson::validate_utf8(text.data(), text.size()) &&
         JsonText(text).whole();
}

bool lies_in(std::string_view part, std::string_view whole) {
  if (part.empty()) return true;
  const std::less_equal<const char*> before;
  return before(whole.data(), part.data()) &&
         before(part.data() + part.size(), whole.data() + whole.size());
}

ExactCopy::ExactCopy(std::string_view bytes)
    : bytes_(std::make_unique<char[]>(bytes.size())), size_(bytes.size()) {
  std::ranges::copy(bytes, bytes_.get());
}

uint8_t Input::byte() {
  if (left_.empty()) return 0;
  const auto out = static_cast<uint8_t>(left_.front());
  left_.remove_prefix(1);
  return out;
}

std::string_view Input::text() {
  const size_t end = std::min(left_.find('\0'), left_.size());
  const std::string_view out = left_.substr(0, end);
  left_.remove_prefix(std::min(end + 1, left_.size()));
  return out;
}

std::string_view Input::bytes(size_t n) {
  const std::string_view out = left_.substr(0, n);
  left_.remove_prefix(out.size());
  return out;
}

}  // namespace millrace::fuzz

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  millrace::fuzz::fuzz_one({reinterpret_cast<const char*>(data), size});
  return 0;
}
