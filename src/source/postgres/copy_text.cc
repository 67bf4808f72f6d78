#include "source/postgres/copy_text.h"

#include <cstring>

#include "base/hex.h"

namespace millrace {

namespace {

bool is_octal(char c) {
  return c >= '0' && c <= '7';
}

char control_character(char c) {
  switch (c) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'v':
      return '\v';
    default:
      return c;
  }
}

}  // namespace

CopyTextReader::CopyTextReader(std::string_view row, Arena& arena) {
  if (row.ends_with('\n')) row.remove_suffix(1);
  at_ = arena.allocate(row.size());
  end_ = at_ + row.size();
  if (!row.empty()) std::memcpy(at_, row.data(), row.size());
}

Datum CopyTextReader::fail() {
  ok_ = false;
  return {};
}

Datum CopyTextReader::field() {
  if (!ok_ || at_end_) return fail();
  char* const start = at_;
  const bool is_null = take_null();
  while (at_ != end_ && *at_ != '\t' && *at_ != '\\')
    ++at_;
  char* const stop = unescape_rest(at_);
  if (!ok_) return {};
  if (at_ == end_) {
    at_end_ = true;
  } else {
    ++at_;
  }
  if (is_null) return {};
  return {start, static_cast<uint32_t>(stop - start), DatumKind::kText};
}

bool CopyTextReader::take_null() {
  const size_t left = static_cast<size_t>(end_ - at_);
  if (left < 2 || at_[0] != '\\' || at_[1] != 'N' || (left > 2 && at_[2] != '\t')) return false;
  at_ += 2;
  return true;
}

char* CopyTextReader::unescape_rest(char* to) {
  while (at_ != end_ && *at_ != '\t') {
    if (*at_ != '\\') {
      *to++ = *at_++;
    } else if (!escape(to)) {
      ok_ = false;
    }
  }
  return to;
}

bool CopyTextReader::escape(char*& to) {
  ++at_;
  if (at_ == end_) return false;
  const char c = *at_++;
  if (is_octal(c)) {
    int value = c - '0';
    for (int i = 1; i < 3 && at_ != end_ && is_octal(*at_); ++i)
      value = value * 8 + (*at_++ - '0');
    *to++ = static_cast<char>(value & 0xff);
  } else if (c == 'x' && at_ != end_ && nibble(*at_) >= 0) {
    int value = nibble(*at_++);
    if (at_ != end_ && nibble(*at_) >= 0) value = value * 16 + nibble(*at_++);
    *to++ = static_cast<char>(value);
  } else {
    *to++ = control_character(c);
  }
  return true;
}

}  // namespace millrace
