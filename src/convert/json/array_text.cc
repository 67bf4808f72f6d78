#include "convert/json/array_text.h"

#include <algorithm>

namespace millrace {

ArrayReader::ArrayReader(std::string_view text, char delimiter) : delimiter_(delimiter) {
  if (text.starts_with('[')) {
    const size_t equals = text.find('=');
    text.remove_prefix(equals == std::string_view::npos ? text.size() : equals + 1);
  }
  ok_ = text.size() >= 2 && text.front() == '{' && text.back() == '}';
  if (ok_) left_ = text.substr(1, text.size() - 2);
}

bool ArrayReader::next() {
  if (!ok_ || (first_ && left_.empty())) return false;
  if (!first_) {
    if (left_.empty()) return false;
    ok_ = left_.front() == delimiter_;
    left_.remove_prefix(1);
  }
  first_ = false;
  is_null_ = is_nested_ = false;
  if (left_.starts_with('"')) return ok_ = ok_ && read_quoted();
  if (left_.starts_with('{')) return ok_ = ok_ && read_nested();
  element_ = left_.substr(0, left_.find(delimiter_));
  left_.remove_prefix(element_.size());
  is_null_ = element_ == "NULL";
  return ok_;
}

bool ArrayReader::read_quoted() {
  unescaped_.clear();
  for (size_t i = 1; i < left_.size(); ++i) {
    if (left_[i] == '"') {
      left_.remove_prefix(i + 1);
      element_ = unescaped_;
      return true;
    }
    if (left_[i] == '\\') ++i;
    if (i == left_.size()) return false;
    unescaped_ += left_[i];
  }
  return false;
}

bool ArrayReader::read_nested() {
  is_nested_ = true;
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < left_.size(); ++i) {
    const char c = left_[i];
    if (c == '\\')
      ++i;
    else if (c == '"')
      quoted = !quoted;
    else if (!quoted && c == '{')
      ++depth;
    else if (!quoted && c == '}' && --depth == 0) {
      element_ = left_.substr(0, i + 1);
      left_.remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

}  // namespace millrace
