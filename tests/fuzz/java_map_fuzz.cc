// Connect's offset file, a serialised java.util.HashMap: what was read, written anew, reads the
// same.
#include "fuzz.h"
#include "store/file/java_map.h"

namespace millrace::fuzz {

void fuzz_one(std::string_view input) {
  const ExactCopy bytes(input);
  const auto map = read_java_map(bytes.view());
  if (!map) return;
  const std::string again = write_java_map(*map);
  const auto reread = read_java_map(again);
  require(reread && *reread == *map, "a map that was read can be written and read");
  require(write_java_map(*reread) == again, "it is always written the same");
}

}  // namespace millrace::fuzz
