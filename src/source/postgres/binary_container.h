// Values that hold values, in binary, as text: see binary_text.h.
#pragma once

#include <string_view>

#include "base/arena_text.h"

namespace millrace::binary {

// Render of binary_text.h, which includes this.
using ElementRender = bool (*)(std::string_view value, ArenaText& out);

// {1,"a b",NULL}, {{1,2},{3,4}}, [0:1]={5,6}
bool put_array(std::string_view value, ElementRender element, ArenaText& out);
// [1,5), ["2024-01-01 00:00:00",), empty
bool put_range(std::string_view value, ElementRender bound, ArenaText& out);

template <ElementRender Element>
bool render_array(std::string_view value, ArenaText& out) {
  return put_array(value, Element, out);
}

template <ElementRender Bound>
bool render_range(std::string_view value, ArenaText& out) {
  return put_range(value, Bound, out);
}

// "a"=>"1", "b"=>NULL
bool render_hstore(std::string_view value, ArenaText& out);
// 'cat':3 'fat':2,4A
bool render_tsvector(std::string_view value, ArenaText& out);

}  // namespace millrace::binary
