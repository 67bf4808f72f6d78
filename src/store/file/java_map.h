// A java.util.HashMap<byte[], byte[]> as java.io.ObjectOutputStream writes it: the form of Kafka
// Connect's offset file (FileOffsetBackingStore). Pure functions over bytes.
// https://docs.oracle.com/en/java/javase/17/docs/specs/serialization/protocol.html
//
//   AC ED 00 05                                            magic, version
//   73 72 "java.util.HashMap" 05 07 DA C1 C3 16 60 D1      object, its class and serialVersionUID
//      03 00 02 F "loadFactor" I "threshold" 78 70         writes itself; two fields; no super
//      class 3F 40 00 00  00 00 00 0C                            0.75, threshold 77 08  00 00 00 10
//      00 00 00 01                     block data: buckets, entries 75 72 "[B" AC F3 17 F8 06 08 54
//      E0 02 00 00 78 70   key: an array and its class, the first time;
//         00 00 00 02 …                                    afterwards 75 71 00 7E 00 02: the class
//         by handle
//      75 71 00 7E 00 02  00 00 00 05 …                    value
//   78                                                     end of what the map writes itself
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace millrace {

// In the file's order. nullopt: Java's null.
using JavaBytes = std::optional<std::string>;
using JavaMap = std::vector<std::pair<JavaBytes, JavaBytes>>;

std::string write_java_map(const JavaMap& map);

// kProtocol for anything else, with the byte where it stopped. No bytes: an empty map, as Connect
// has it.
Result<JavaMap> read_java_map(std::string_view bytes);

}  // namespace millrace
