// A folder of configuration files that a test writes and that goes with it.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "config/pipeline_config.h"

namespace millrace {

class ConfigFiles : public ::testing::Test {
 protected:
  ConfigFiles() {
    std::string pattern = (std::filesystem::temp_directory_path() / "millrace-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }

  ~ConfigFiles() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, std::string_view text) {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }

  PipelineConfig load(const std::string& name, std::string_view text, RunOptions options = {}) {
    options.file = write(name, text);
    problems.clear();
    return load_pipeline(options, problems);
  }

  const Problem* problem(std::string_view key) const {
    for (const Problem& one : problems) {
      if (one.key == key) return &one;
    }
    return nullptr;
  }

  size_t errors() const {
    size_t count = 0;
    for (const Problem& one : problems)
      count += one.severity == Problem::Severity::kError ? 1 : 0;
    return count;
  }

  std::string told() const {
    std::string out;
    for (const Problem& one : problems) {
      out += one.key + " | " + one.origin + " | " + one.message + " | " + one.cure + "\n";
    }
    return out;
  }

  static std::string value(const Settings& settings, std::string_view key) {
    const Setting* found = settings.find(key);
    return found == nullptr ? "(none)" : found->value;
  }

  std::string folder_;
  Problems problems;
};

}  // namespace millrace
