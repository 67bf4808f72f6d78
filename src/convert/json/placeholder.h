// JSON that stands for a value which the update did not touch and the server did not send
// (unavailable.value.placeholder), in the column's own type.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "convert/json/json_config.h"
#include "event/schema.h"

namespace millrace {

class Placeholder {
 public:
  // `setting`: text, or "hex:" and the bytes in hexadecimal.
  explicit Placeholder(std::string_view setting);

  std::string string() const;
  std::string binary(BinaryHandling mode) const;
  std::string map() const;
  std::string map_text() const;
  // nullopt for arrays whose elements have no placeholder.
  std::optional<std::string> array(PgType element) const;

 private:
  std::string bytes_;
};

}  // namespace millrace
