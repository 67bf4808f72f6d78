// Whether values in binary become the text that the server gives: reads lines of a type's name, its
// element's (else "unknown"), the server's version, and a value in binary and as text, both in hex.
// Prints each line whose text is another one, with that text behind it, and how many lines it read.
#include <iostream>
#include <string>

#include "source/postgres/binary_text.h"

namespace millrace {

namespace {

std::string from_hex(const std::string& hex) {
  std::string out;
  for (size_t i = 1; i + 1 < hex.size(); i += 2)  // 'x' before, so that an empty one is a word
    out += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return out;
}

std::string rendered(const ColumnType& type, int version, const std::string& value) {
  const binary::Render render = binary::renderer_of(type, version);
  if (render == nullptr) return "(the type is not known)";
  Arena arena(nullptr);
  std::string_view text;
  return binary::to_text(render, value, arena, text) ? std::string(text) : "(malformed)";
}

}  // namespace

}  // namespace millrace

int main() {
  std::string name;
  std::string element;
  int version = 0;
  std::string value;
  std::string text;
  size_t count = 0;
  while (std::cin >> name >> element >> version >> value >> text) {
    millrace::ColumnType type;
    type.type = millrace::pg_type_named(name).value_or(millrace::PgType::kUnknown);
    type.element = millrace::pg_type_named(element).value_or(millrace::PgType::kUnknown);
    const std::string got = millrace::rendered(type, version, millrace::from_hex(value));
    if (got != millrace::from_hex(text)) {
      std::cout << name << ' ' << element << ' ' << value << " is " << millrace::from_hex(text)
                << ", not " << got << '\n';
    }
    ++count;
  }
  std::cout << count << '\n';
}
