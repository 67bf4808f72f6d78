// Floating point numbers as Java's Double.toString and Float.toString write them, up to JDK 18:
// what Debezium's container runs. JDK 19 (JDK-4511638) chose the shortest digits always; before,
// some numbers have a digit more or end in …9999 (2.0E23 is 1.9999999999999998E23), so
// std::to_chars alone is not enough.
#pragma once

#include <cstddef>

namespace millrace {

inline constexpr size_t kJavaNumberBytesMax = 32;

// Writes a finite number at `to` (kJavaNumberBytesMax bytes) and returns its end.
char* put_java_double(char* to, double value);
char* put_java_float(char* to, float value);

}  // namespace millrace
