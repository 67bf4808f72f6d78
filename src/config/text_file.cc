#include "config/text_file.h"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace millrace {

namespace {

constexpr size_t kMostBytes = 16 << 20;

}  // namespace

Result<std::string> read_text_file(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    return fail(ErrorKind::kIo, path + " is a folder", "name a file in it");
  }
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    const int why = errno;
    if (why == ENOENT)
      return fail(ErrorKind::kNotFound, "there is no file " + path, "correct the path");
    return fail(ErrorKind::kIo, "cannot read " + path + ": " + std::generic_category().message(why),
                "give this user the right to read it");
  }
  std::string text;
  char part[64 * 1024];
  while (in.read(part, sizeof part), in.gcount() > 0) {
    text.append(part, static_cast<size_t>(in.gcount()));
    if (text.size() > kMostBytes) {
      return fail(ErrorKind::kIo, path + " is larger than 16 MiB", "name a configuration file");
    }
  }
  if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);
  return text;
}

}  // namespace millrace
