#include "base/arena_text.h"

#include <algorithm>

namespace millrace {

void ArenaText::grow(size_t n) {
  constexpr size_t kFirst = 64;  // any number, any time
  const size_t had = size();
  const size_t wanted = std::max({kFirst, had + n, 2 * had});
  char* const fresh = arena_.allocate(wanted);
  if (had > 0) std::memcpy(fresh, start_, had);
  start_ = fresh;
  end_ = fresh + had;
  limit_ = fresh + wanted;
}

}  // namespace millrace
