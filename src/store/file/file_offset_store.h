// Offsets in Kafka Connect's standalone file (offset.storage.file.filename): a Java-serialised map
// from key to value (java_map.h), replaced as a whole, so that after a crash there is the old
// content or the new one. Keys and values of others in the same file are kept.
#pragma once

#include <memory>
#include <string>

#include "store/offset_store.h"

namespace millrace {

struct FileOffsetOptions {
  std::string path;       // its folder is created when it does not exist
  std::string connector;  // connector name, or "<pipeline>/<branch>"
  std::string server;     // topic.prefix
};

// Each save reads the file, changes its own key, and writes the file, under a lock (file_lock.h):
// stores of several processes and threads may share one. Errors of load and save: kIo, kProtocol
// when the file holds something else, kBusy when another one keeps the lock for seconds.
std::unique_ptr<OffsetStore> make_file_offset_store(FileOffsetOptions options);

}  // namespace millrace
